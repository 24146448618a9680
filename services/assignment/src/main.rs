use std::process::ExitCode;

fn main() -> ExitCode {
    tandem_assembly::run("assignment", tandem_assignment::start)
}
