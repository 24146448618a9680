use std::fmt;

use tandem_proto::conversation::v1::IngestRefused;
use tandem_proto::r#type::v1::ErrorReason;
use tonic::Status;
use tonic_types::StatusExt;

use crate::call::code_name;
use crate::gateway::reason;

/// Why something of a replay was refused; equal ones are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The answer to a call.
    pub fn of(call: &str, status: &Status) -> Self {
        let code = code_name(status.code());
        let reason = reason(status).map(|reason| format!(" {reason}")).unwrap_or_default();
        let details = status.get_error_details();
        let fields = details.bad_request().map_or(&[][..], |request| &request.field_violations[..]);
        let fields: String =
            fields.iter().map(|wrong| format!("; {} {}", wrong.field, wrong.description)).collect();
        Self(format!("{call}: {code}{reason}: {}{fields}", status.message()))
    }

    /// The outcome of one item of an ingest.
    pub fn item(refused: &IngestRefused) -> Self {
        let reason = ErrorReason::try_from(refused.reason).unwrap_or_default().as_str_name();
        let reason = reason.trim_start_matches("ERROR_REASON_");
        let fields: String = refused
            .violations
            .iter()
            .map(|wrong| format!("; {} {}", wrong.field, wrong.description))
            .collect();
        Self(format!("IngestMessages: {reason}: {}{fields}", refused.message))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use tandem_fault::Fault;
    use tandem_proto::conversation::v1::IngestViolation;

    use super::*;

    #[test]
    fn a_refusal_names_call_reason_and_fields() {
        let status = Status::from(Fault::invalid("contents[0].text", "must not be empty"));
        let text = Refusal::of("SendMessage", &status).to_string();
        assert!(text.starts_with("SendMessage: INVALID_ARGUMENT INVALID_FIELDS: "), "{text}");
        assert!(text.ends_with("; contents[0].text must not be empty"), "{text}");
        let violation = IngestViolation { field: "text".to_owned(), description: "is too long".to_owned() };
        let refused = IngestRefused {
            reason: ErrorReason::InvalidFields.into(),
            message: "bad".to_owned(),
            violations: vec![violation],
        };
        assert_eq!(
            Refusal::item(&refused).to_string(),
            "IngestMessages: INVALID_FIELDS: bad; text is too long"
        );
    }
}
