use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::text::{digits, fold, runs};

/// The version of [`MessageDocument`]: raise it when what the document holds changes, and the index is rebuilt.
pub const SHAPE: i32 = 3;

/// What is indexed of a message: only what does not change with its conversation.
#[derive(Debug, Clone, Serialize)]
pub struct MessageDocument {
    /// Tenant and message: ids alone could be the same in two tenants.
    pub id: String,
    pub tenant_id: Uuid,
    pub message_id: Uuid,
    pub conversation_id: Uuid,
    pub channel_id: Uuid,
    pub contact_id: Uuid,
    /// The number of the author's kind in the API.
    pub author_kind: i32,
    pub author_id: String,
    pub kind: &'static str,
    pub private: bool,
    pub position: i64,
    /// When it was written, in milliseconds since 1970.
    pub time: i64,
    /// The month of that in UTC, as `2026-11`.
    pub month: String,
    /// When it was stored, in microseconds since 1970.
    pub stored: i64,
    pub text: String,
    /// The text's runs as pairs, see `text::runs`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<String>,
    /// The text with one letter for those that are used for one another, where that differs; see `text::fold`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub folded: String,
    /// The ends of the numbers in the text, see `text::digits`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
}

/// What the index answers of a message.
#[derive(Debug, Clone, Deserialize)]
pub struct FoundMessage {
    pub message_id: Uuid,
    pub conversation_id: Uuid,
    pub author_kind: i32,
    pub author_id: String,
    pub kind: String,
    pub private: bool,
    pub position: i64,
    pub time: i64,
    pub stored: i64,
    pub text: String,
}

/// The fields of [`FoundMessage`].
pub const ANSWER: &[&str] = &[
    "message_id",
    "conversation_id",
    "author_kind",
    "author_id",
    "kind",
    "private",
    "position",
    "time",
    "stored",
    "text",
];

/// The primary key of a message's document.
pub fn document_id(tenant: Uuid, message: Uuid) -> String {
    format!("{}_{}", tenant.simple(), message.simple())
}

impl MessageDocument {
    /// The month of a time in milliseconds since 1970.
    pub fn month(time: i64) -> String {
        let time = DateTime::from_timestamp_millis(time).unwrap_or_default();
        time.format("%Y-%m").to_string()
    }

    /// What `text` is found by is added.
    #[must_use]
    pub fn with_text(mut self, text: String) -> Self {
        self.pairs = runs::indexed(&text);
        self.folded = Some(fold::fold(&text)).filter(|folded| *folded != text).unwrap_or_default();
        self.numbers = digits::ends_in(&text);
        self.text = text;
        self
    }
}

impl FoundMessage {
    pub fn written_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.time).unwrap_or_default()
    }

    pub fn stored_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.stored).unwrap_or_default()
    }
}
