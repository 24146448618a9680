use std::time::Duration;

use sqlx::error::DatabaseError;
use tandem_fault::{Fault, Reason};

/// What an operation on the database ends in: a fault for the caller, or a failure of the database that the operation
/// may still retry, bisect or resolve before it becomes one.
#[derive(Debug)]
pub enum Error {
    Fault(Fault),
    Sql(sqlx::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a failure says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The caller's fault; nothing to retry.
    Fault,
    /// SQLSTATE class 40, or a unique key that racing writers both wanted: nothing was written, try again.
    Race,
    /// SQLSTATE classes 22 and 23: a value that the database refuses.
    Data,
    /// A lock was not to be had in time; nothing was written.
    Busy,
    /// The connection was lost: a commit under way may have landed or not.
    Unknown,
    /// Anything else.
    Other,
}

impl Error {
    pub fn failure(&self) -> Failure {
        match self {
            Self::Fault(_) => Failure::Fault,
            Self::Sql(sqlx::Error::Database(error)) => of_sqlstate(error.as_ref()),
            Self::Sql(sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_)) => {
                Failure::Unknown
            }
            Self::Sql(sqlx::Error::PoolTimedOut) => Failure::Busy,
            Self::Sql(_) => Failure::Other,
        }
    }

    /// The constraint that refused a row, if one did.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => error.constraint(),
            _ => None,
        }
    }
}

fn of_sqlstate(error: &dyn DatabaseError) -> Failure {
    let Some(code) = error.code() else { return Failure::Other };
    match code.as_ref() {
        "23505" => Failure::Race,
        "55P03" | "57014" | "53300" => Failure::Busy,
        "57P01" | "57P02" | "57P03" | "25P03" => Failure::Unknown,
        code if code.starts_with("40") => Failure::Race,
        code if code.starts_with("22") || code.starts_with("23") => Failure::Data,
        code if code.starts_with("08") => Failure::Unknown,
        _ => Failure::Other,
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match (error.failure(), error) {
            (_, Error::Fault(fault)) => fault,
            (Failure::Busy | Failure::Race, Error::Sql(error)) => {
                tracing::warn!(%error, "database busy");
                Fault::new(Reason::Overloaded, "the database is busy").retry_after(Duration::from_millis(500))
            }
            (Failure::Unknown, Error::Sql(error)) => Fault::unavailable(error),
            (_, Error::Sql(error)) => Fault::internal(error),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

/// Counts the attempts of an operation whose races the database's keys settle.
#[derive(Debug, Default)]
pub struct Attempts(u32);

impl Attempts {
    /// Each race has a winner that committed, so progress is certain; more than this means something else is wrong.
    const MOST: u32 = 20;

    /// Whether to try again: after a race, up to twenty times. A lost connection is not retried blindly.
    pub fn again(&mut self, error: &Error) -> bool {
        self.0 += 1;
        error.failure() == Failure::Race && self.0 < Self::MOST
    }
}
