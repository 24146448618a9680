use std::io::ErrorKind;
use std::process::ExitCode;

use tonic::Status;

use crate::call::describe;

/// Something failed, or was found to be wrong; standard error says what.
pub const FAILURE: u8 = 1;
/// The API answered with an error.
pub const REFUSED: u8 = 2;
/// The command line makes no sense (`EX_USAGE` of sysexits).
pub const USAGE: u8 = 64;

/// For `--help`.
pub const HELP: &str = "\
Exit codes:
  0   done
  1   something failed or was found to be wrong; standard error says what
  2   the API answered with an error, which stands on standard error
  64  the command line makes no sense
Results go to standard output, everything else to standard error.";

/// The API answered with an error.
#[derive(Debug, thiserror::Error)]
#[error("{}", describe(.0))]
pub struct Refused(pub Box<Status>);

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self(Box::new(status))
    }
}

/// Prints an error and chooses the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(refused) = error.downcast_ref::<Refused>() {
        eprintln!("error: {refused}");
        return ExitCode::from(REFUSED);
    }
    if error.downcast_ref().is_some_and(|error: &std::io::Error| error.kind() == ErrorKind::BrokenPipe) {
        // Whoever read the results has seen enough, as `head` does.
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {error:#}");
    ExitCode::from(FAILURE)
}
