//! The service on a real PostgreSQL, with a fake conversation service on loopback.
//!
//! `TANDEM_TEST_DATABASE_URL` names a server where databases may be made; each test has one of its own.

mod claims;
mod database;
mod directory;
mod fake;
mod feed;
mod figures;
mod load;
mod names;
mod notifications;
mod operations;
mod orphans;
mod presence;
mod sandbox;
mod told;
mod transfer;
mod whole;

use std::time::Duration;

/// No await of a test waits longer.
async fn guarded<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("a test waited too long")
}

/// The reason that an error carries.
fn reason<T: std::fmt::Debug>(result: Result<tonic::Response<T>, tonic::Status>) -> String {
    tandem_fault::reason_of(&result.unwrap_err()).unwrap_or_default()
}

/// The wrong fields that an error names.
fn fields<T: std::fmt::Debug>(result: Result<tonic::Response<T>, tonic::Status>) -> Vec<String> {
    use tonic_types::StatusExt;
    let details = result.unwrap_err().get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}
