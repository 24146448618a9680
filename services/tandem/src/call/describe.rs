use tonic::{Code, Status};
use tonic_types::StatusExt;

/// An error of the API with everything that it says, a line each.
pub fn describe(status: &Status) -> String {
    let mut lines = vec![format!("{}: {}", code_name(status.code()), status.message())];
    let details = status.get_error_details();
    if let Some(info) = details.error_info() {
        lines.push(format!("  reason: {}", info.reason));
        let mut metadata: Vec<_> = info.metadata.iter().collect();
        metadata.sort();
        lines.extend(metadata.into_iter().map(|(key, value)| format!("  {key}: {value}")));
    }
    if let Some(request) = details.bad_request() {
        lines.extend(
            request
                .field_violations
                .iter()
                .map(|wrong| format!("  field {}: {}", wrong.field, wrong.description)),
        );
    }
    if let Some(after) = details.retry_info().and_then(|info| info.retry_delay) {
        lines.push(format!("  retry after: {after:?}"));
    }
    lines.join("\n")
}

/// The code as the gRPC documentation writes it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tandem_fault::{Fault, Reason, Violations};

    use super::*;

    #[test]
    fn everything_that_an_error_says_is_told() {
        let fault =
            Fault::new(Reason::HeldByOther, "held by another").with("holder_name", "Dana").with("epoch", 4);
        assert_eq!(
            describe(&fault.into()),
            "ABORTED: held by another\n  reason: HELD_BY_OTHER\n  epoch: 4\n  holder_name: Dana"
        );
        let fault = Fault::new(Reason::Overloaded, "too much").retry_after(Duration::from_millis(1500));
        assert!(describe(&fault.into()).ends_with("retry after: 1.5s"));
        let mut violations = Violations::new();
        violations.add("contents[0].text", "must not be empty");
        violations.add("request_id", "must be a UUID");
        let text = describe(&violations.into_fault().into());
        assert!(
            text.contains("  field contents[0].text: must not be empty\n  field request_id: must be"),
            "{text}"
        );
        assert_eq!(describe(&Status::unknown("gone")), "UNKNOWN: gone");
    }
}
