//! What tests read out of an error.

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The `ErrorInfo.reason`; empty when there is none.
pub fn reason(status: &Status) -> String {
    tandem_fault::reason_of(status).unwrap_or_default()
}

/// One entry of the `ErrorInfo.metadata`; empty when there is none.
pub fn fact(status: &Status, key: &str) -> String {
    let details = status.get_error_details();
    details.error_info().and_then(|info| info.metadata.get(key).cloned()).unwrap_or_default()
}

/// The wrong fields of an `INVALID_ARGUMENT`, in their order.
pub fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|request| request.field_violations.clone());
    violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}

/// An answer that must be a refusal.
///
/// # Panics
/// When it is none, or another one.
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, because: &str) -> Status {
    let status = answer.expect_err(because);
    assert_eq!((status.code(), reason(&status).as_str()), (code, because), "{status:?}");
    status
}

/// An answer that must be an `INVALID_ARGUMENT` for exactly these fields.
///
/// # Panics
/// When it is none, or names others.
pub fn wrong<T: std::fmt::Debug>(answer: Result<T, Status>, expected: &[&str]) {
    let status = refused(answer, Code::InvalidArgument, "INVALID_FIELDS");
    let mut named = fields(&status);
    let mut expected: Vec<String> = expected.iter().map(|field| (*field).to_owned()).collect();
    named.sort();
    expected.sort();
    assert_eq!(named, expected, "{status:?}");
}
