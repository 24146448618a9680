use tandem_fault::{Code, Fault, Reason, Violation};
use tonic::Status;
use tonic_types::StatusExt;

/// What another service's refusal means for our caller. The caller's own mistakes are passed on as they came (the filter is
/// at the same path in both requests); everything else is a dependency that does not answer.
pub fn from_status(status: &Status) -> Fault {
    let details = status.get_error_details();
    let name = details.error_info().map_or("", |info| info.reason.as_str());
    let reason = Reason::ALL.iter().copied().find(|reason| reason.as_str() == name);
    match reason {
        Some(reason) if passes(reason) => {
            let mut fault = Fault::new(reason, status.message());
            if let Some(request) = details.bad_request() {
                fault.violations = (request.field_violations.iter())
                    .map(|violation| Violation {
                        field: violation.field.clone(),
                        description: violation.description.clone(),
                    })
                    .collect();
            }
            fault
        }
        _ if status.code() == tonic::Code::DeadlineExceeded => {
            Fault::new(Reason::DeadlineExceeded, "the deadline has passed")
        }
        _ => {
            let fault = Fault::unavailable(status);
            match details.retry_info().and_then(|info| info.retry_delay) {
                Some(after) => fault.retry_after(after),
                None => fault,
            }
        }
    }
}

fn passes(reason: Reason) -> bool {
    matches!(
        reason.code(),
        Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied | Code::DeadlineExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_the_callers_and_everything_else_is_unavailable() {
        let wrong = Fault::invalid("filter.statuses[0]", "must be known");
        assert_eq!(from_status(&wrong.clone().into()), wrong);
        for status in [Status::unknown("x"), Fault::not_found("x").into(), Fault::internal("x").into()] {
            assert_eq!(from_status(&status).reason, Reason::DependencyUnavailable);
        }
    }
}
