//! One error type for every service.
//!
//! Domain code returns [`Fault`]; the transport turns it into a `tonic::Status` with `ErrorInfo`
//! (domain `tandem`), `BadRequest` for fields and `RetryInfo` where retrying helps. To add an error,
//! add a [`Reason`] here and the value of the same name to `tandem.type.v1.ErrorReason`; a test
//! compares the two.

mod reason;
mod status;
mod violations;

pub use reason::{Code, Reason};
pub use status::reason_of;
pub use violations::{Violation, Violations};

use std::time::Duration;

/// The `ErrorInfo.domain` of every error of the suite.
pub const DOMAIN: &str = "tandem";

pub type Result<T, E = Fault> = std::result::Result<T, E>;

/// An error as a caller sees it: never driver text, never another tenant's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable, for programs.
    pub reason: Reason,
    /// For people: lowercase, no full stop, no personal data.
    pub message: String,
    /// Wrong fields, when the reason is about the request.
    pub violations: Vec<Violation>,
    /// Facts for programs, such as the winner of a race, in `ErrorInfo.metadata`.
    pub metadata: Vec<(&'static str, String)>,
    /// When to try again; only where retrying helps.
    pub retry_after: Option<Duration>,
}

impl Fault {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let retry_after = reason.default_retry();
        Self { reason, message: message.into(), violations: Vec::new(), metadata: Vec::new(), retry_after }
    }

    /// Something that does not exist, or that the caller's tenant or scope may not see: the two answer alike.
    pub fn not_found(what: &str) -> Self {
        Self::new(Reason::NotFound, format!("{what} not found"))
    }

    /// One wrong field; collect several with [`Violations`].
    pub fn invalid(field: &str, description: impl Into<String>) -> Self {
        let mut violations = Violations::new();
        violations.add(field, description);
        violations.into_fault()
    }

    /// A fault of ours. `cause` is logged here, once, and never sent.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Reason::Internal, "internal error")
    }

    /// A dependency that does not answer. `cause` is logged here, once, and never sent.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        tracing::warn!(%cause, "dependency unavailable");
        Self::new(Reason::DependencyUnavailable, "a dependency is unavailable")
    }

    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.metadata.push((key, value.to_string()));
        self
    }

    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    pub fn code(&self) -> Code {
        self.reason.code()
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.message)?;
        for violation in &self.violations {
            write!(f, "; {}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests;
