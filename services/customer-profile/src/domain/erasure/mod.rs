//! Erasure of a person. What is kept here goes in the transaction that begins it; the rest is carried on by whichever process
//! has its lease: conversation erases what it holds, a bounded part a call, and then every copy has to show that. What follows
//! from conversation's feed meanwhile may bring something back for a moment; the last states that it sends are empty.

mod begin;
mod carry_on;
mod read;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_database::{Connection, Result};
use tandem_fault::{Fault, Reason};
use tandem_request_log as request_log;
use uuid::Uuid;

use crate::store;

pub use begin::{Erase, begin};
pub use carry_on::{Services, run};
pub use read::{get, list};

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Conversations,
    Copies,
    Done,
}

impl State {
    pub const fn number(self) -> i16 {
        match self {
            Self::Conversations => 1,
            Self::Copies => 2,
            Self::Done => 3,
        }
    }

    /// The column's check admits these numbers only.
    pub const fn from_number(number: i16) -> Self {
        match number {
            1 => Self::Conversations,
            2 => Self::Copies,
            _ => Self::Done,
        }
    }
}

/// The erasure of a person: ids and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    pub tenant_id: Uuid,
    pub id: Uuid,
    /// Who stood for the person.
    pub customer_id: Uuid,
    pub customer_ids: Vec<Uuid>,
    pub contact_ids: Vec<Uuid>,
    pub state: State,
    /// What copies have to show.
    pub tokens: Vec<String>,
    pub conversations_erased: i64,
    pub messages_erased: i64,
    pub conversations_left: i64,
    /// The reason for which it does not go on, by [`Reason::as_str`]; empty while it does.
    pub waits_for: String,
    pub by_subject: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Records a request's answer that tells of customers: their erasure takes it away.
pub async fn record(
    connection: &mut Connection,
    request: &request_log::Request,
    answer: &impl Serialize,
    about: &[Uuid],
) -> Result<()> {
    request_log::record(connection, request, answer).await?;
    store::erasure::about(connection, request, about).await
}

/// Nothing is written to a customer that was erased.
pub fn erased() -> Fault {
    Fault::new(Reason::Erased, "the customer was erased")
}
