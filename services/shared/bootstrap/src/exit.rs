//! How a process begins and ends.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::server::ServeError;

/// Something failed; the log says what.
pub const EXIT_FAILURE: u8 = 1;

/// The configuration can't be used (`EX_CONFIG` of sysexits): starting again won't help.
pub const EXIT_BAD_CONFIGURATION: u8 = 78;

/// Chooses the one crypto provider: with two linked and none chosen rustls panics at the first
/// handshake. First in `main`; a second call changes nothing.
pub fn install_crypto() {
    // An error says that one is installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A runtime of a thread a core, and of two at least: with one thread a task that blocks stops all.
///
/// # Errors
///
/// When the system gives no threads.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

/// Prints why the process ends, on standard error since there may be no log, and chooses its code:
/// 78 when the configuration is to blame, 1 otherwise.
pub fn exit(error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(code(error))
}

fn code(error: &(dyn Error + 'static)) -> u8 {
    let bad_configuration = error.is::<ConfigError>()
        || matches!(error.downcast_ref(), Some(ServeError::Config(_) | ServeError::Tls { .. }));
    if bad_configuration { EXIT_BAD_CONFIGURATION } else { EXIT_FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_configuration_has_its_own_code() {
        let error = ConfigError::invalid("server.listen", "is taken");
        assert_eq!(code(&error), 78);
        assert_eq!(code(&ServeError::Config(error)), 78);
        assert_eq!(code(&io::Error::other("disk")), 1);
    }

    #[test]
    fn crypto_is_installed_once_and_a_second_time_does_no_harm() {
        install_crypto();
        install_crypto();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }

    #[test]
    fn a_runtime_has_two_workers_at_least() {
        assert!(runtime().unwrap().metrics().num_workers() >= 2);
    }
}
