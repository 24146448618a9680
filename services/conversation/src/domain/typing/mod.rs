//! Who types: passed on to whoever listens at that moment, through every process, and never stored. Nothing waits for it
//! and nothing fails with it: what is too much, too late or told to nobody is dropped.

pub mod hub;
pub mod recipient;
pub mod signal;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::Actor;

/// After this, somebody who types has stopped, unless it is told again: the word that they stopped may be lost.
pub const LASTS: TimeDelta = TimeDelta::seconds(8);

/// Somebody types, or has stopped. As JSON what processes tell one another: its names are bounded, so that it stays far
/// below the 8,000 bytes of a NOTIFY.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Signal {
    pub tenant_id: Uuid,
    pub channel_id: Uuid,
    pub conversation_id: Uuid,
    pub author: Actor,
    /// An agent's.
    pub author_name: String,
    pub typing: bool,
    /// Of a private note: never for the customer.
    pub private: bool,
    /// Whoever hears it later than this drops it.
    pub expires_at: DateTime<Utc>,
}
