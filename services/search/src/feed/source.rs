use serde_json::Value;
use tandem_change_feed::{Change, ChangeKind};

use super::documents;
use super::writer::Edits;

/// What an index is made from.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The index.
    pub index: &'static str,
    pub kinds: &'static [ChangeKind],
    /// Changes of these kinds as documents.
    pub edits: fn(&[Change]) -> Edits,
    /// Leaves out of a document what changes without being told on the feed.
    pub told: fn(Value) -> Value,
}

/// Messages of the conversation feed.
pub const MESSAGES: Source = Source {
    index: "messages",
    kinds: &[ChangeKind::Message],
    edits: documents::messages,
    told: |document| document,
};

/// Customers of the customer-profile feed.
pub const CUSTOMERS: Source = Source {
    index: "customers",
    kinds: &[ChangeKind::Customer],
    edits: documents::customers,
    told: documents::told_of_customer,
};
