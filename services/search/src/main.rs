use std::process::ExitCode;

fn main() -> ExitCode {
    tandem_assembly::run("search", tandem_search::start)
}
