//! Constraint names become what the caller did wrong.

use tandem_database::Error;
use tandem_fault::{Fault, Reason};

/// The fault behind a refused row, where a constraint of the directory refused it.
pub fn of_directory(error: sqlx::Error) -> Error {
    let error = Error::from(error);
    let taken = match error.constraint() {
        Some("agent_subject") => ("subject", "an agent with this subject exists"),
        Some("agent_email") => ("email", "an agent with this e-mail address exists"),
        Some("team_name") => ("display_name", "a team with this name exists"),
        Some("routing_rule_name") => ("display_name", "a rule with this name exists"),
        _ => return error,
    };
    Fault::new(Reason::AlreadyExists, taken.1).with("field", taken.0).into()
}
