use std::process::ExitCode;

fn main() -> ExitCode {
    tandem_assembly::run("customer-profile", tandem_customer_profile::start)
}
