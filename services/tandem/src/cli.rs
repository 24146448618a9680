//! The command line.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::index::{reindex, search_key, verify_index};
use crate::{call, doctor, exit, import, migrate, replay, sample, token, up};

/// Runs Tandem here, talks to it, and looks what is wrong.
#[derive(Debug, Parser)]
#[command(name = "tandem", version, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole suite on this machine
    Up(up::UpArgs),
    /// Call any RPC by its name
    Call(call::CallArgs),
    /// Load a few sample conversations
    Sample(sample::SampleArgs),
    /// Play conversations of files through the API
    Replay(replay::ReplayArgs),
    /// Take customers of another system in
    ImportCustomers(import::ImportArgs),
    /// Bring databases to the newest schema
    Migrate(migrate::MigrateArgs),
    /// Build search indexes anew beside the live ones
    Reindex(reindex::ReindexArgs),
    /// Compare search indexes with the databases
    VerifyIndex(verify_index::VerifyArgs),
    /// Make a key of the search engine for the search service
    SearchKey(search_key::SearchKeyArgs),
    /// Make a token
    Token(token::TokenArgs),
    /// Look what is reachable and what is wrong
    Doctor(doctor::DoctorArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    tandem_bootstrap::install_crypto();
    let runtime = match tandem_bootstrap::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&error.into()),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Up(args) => up::run(args).await,
        Command::Call(args) => call::run(args).await,
        Command::Sample(args) => sample::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::ImportCustomers(args) => import::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Reindex(args) => reindex::run(args).await,
        Command::VerifyIndex(args) => verify_index::run(args).await,
        Command::SearchKey(args) => search_key::run(args).await,
        Command::Token(args) => token::run(args),
        Command::Doctor(args) => doctor::run(args).await,
    }
}

fn explain(error: &clap::Error) -> ExitCode {
    // Help and version go to standard output, everything else to standard error.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::USAGE),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_shows_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Examples:"), "{}", command.get_name());
        }
    }

    #[test]
    fn wrong_lines_are_refused() {
        for wrong in [
            &["tandem"][..],
            &["tandem", "call"],
            &["tandem", "call", "ListTenants", "--as", "boss"],
            &["tandem", "replay"],
            &["tandem", "replay", "--pace", "0", "f"],
            &["tandem", "replay", "--concurrency", "0", "f"],
            &["tandem", "import-customers"],
            &["tandem", "import-customers", "f", "--map", "x"],
            &["tandem", "token", "--subject", "x"],
            &["tandem", "migrate", "--service", "nothing"],
            &["tandem", "reindex", "nothing"],
            &["tandem", "verify-index", "nothing"],
            &["tandem", "search-key", "--url", "http://x"],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
        Cli::try_parse_from(["tandem", "up", "--demo", "--no-demo"]).unwrap();
    }
}
