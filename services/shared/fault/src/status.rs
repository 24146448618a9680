use std::collections::HashMap;

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{Code, DOMAIN, Fault, Violation};

impl From<Code> for tonic::Code {
    fn from(code: Code) -> Self {
        match code {
            Code::InvalidArgument => Self::InvalidArgument,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::FailedPrecondition => Self::FailedPrecondition,
            Code::Aborted => Self::Aborted,
            Code::OutOfRange => Self::OutOfRange,
            Code::ResourceExhausted => Self::ResourceExhausted,
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::Unavailable => Self::Unavailable,
            Code::Internal => Self::Internal,
        }
    }
}

/// Bytes of violations in one answer. An error travels in headers, base64-encoded, and clients take 8 KiB of those.
const ROOM: usize = 5_000;
/// Bytes that a violation's encoding adds to its two texts.
const FRAME: usize = 8;

/// The first violations, as many as there is room for.
fn fitting(violations: &[Violation]) -> &[Violation] {
    let mut room = ROOM;
    let fits = violations.iter().take_while(|violation| {
        let takes = violation.field.len() + violation.description.len() + FRAME;
        room.checked_sub(takes).map(|left| room = left).is_some()
    });
    &violations[..fits.count()]
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let mut metadata: HashMap<String, String> =
            fault.metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let named = fitting(&fault.violations);
        if named.len() < fault.violations.len() {
            metadata.insert("more_violations".to_owned(), (fault.violations.len() - named.len()).to_string());
        }
        let mut details = ErrorDetails::new();
        details.set_error_info(fault.reason.as_str(), DOMAIN, metadata);
        for violation in named {
            details.add_bad_request_violation(&violation.field, &violation.description);
        }
        if let Some(after) = fault.retry_after {
            details.set_retry_info(Some(after));
        }
        Self::with_error_details(fault.reason.code().into(), fault.message, details)
    }
}

/// The `ErrorInfo.reason` of an answer of one of our services, if it carries one.
pub fn reason_of(status: &Status) -> Option<String> {
    status.get_error_details().error_info().map(|info| info.reason.clone())
}
