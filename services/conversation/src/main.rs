use std::process::ExitCode;

fn main() -> ExitCode {
    tandem_assembly::run("conversation", tandem_conversation::start)
}
