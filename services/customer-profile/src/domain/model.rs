//! The nouns of the service as its domain sees them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::address::EXTERNAL_ID;

/// Tenant and id: what every row is found by.
pub type Key = (Uuid, Uuid);

/// One address of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The number of the proto enum, also one that this release does not know.
    pub kind: i32,
    pub value: String,
    pub verified: bool,
}

/// One person's presence on one channel, as conversation tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub id: Uuid,
    /// The customer that was minted with it.
    pub customer_id: Uuid,
    pub channel_id: Uuid,
    pub canonical_id: Option<Uuid>,
    pub display_name: String,
    pub created_at: DateTime<Utc>,
    pub identities: Vec<Identity>,
    pub version: i64,
}

/// What this service wants to know of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub id: Uuid,
    pub contact_id: Uuid,
    pub created_at: DateTime<Utc>,
    pub last_activity_at: DateTime<Utc>,
    pub last_position: i64,
    pub version: i64,
}

/// A customer as it is shown: over its whole merged set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub tenant_id: Uuid,
    pub id: Uuid,
    /// Set for one that was merged into another: then nothing else but the version is.
    pub merged_into: Option<Uuid>,
    pub display_name: String,
    pub name_corrected: bool,
    pub language: String,
    pub time_zone: String,
    pub company: String,
    /// At most 100, oldest first.
    pub contacts: Vec<Contact>,
    pub tag_ids: Vec<Uuid>,
    pub first_contact_at: Option<DateTime<Utc>>,
    pub last_contact_at: Option<DateTime<Utc>>,
    pub conversation_count: i64,
    pub message_count: i64,
    #[serde(default)]
    pub category: String,
    /// In the form of their types, by key.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Who answered, at most 20, who did last first.
    #[serde(default)]
    pub agent_ids: Vec<Uuid>,
    #[serde(default)]
    pub erased_at: Option<DateTime<Utc>>,
    /// The ids that imports know the person by.
    #[serde(default)]
    pub import_ids: Vec<String>,
    /// What imports gave, by the number of the kind.
    #[serde(default)]
    pub import_addresses: Vec<(i16, String)>,
    pub edit_version: i64,
    pub version: i64,
}

/// A customer's own row.
#[derive(Debug, Clone)]
pub struct Customer {
    pub key: Key,
    pub corrected_name: Option<String>,
    pub edit_version: i64,
    /// Nothing is written to it any more.
    pub erased: bool,
    pub standing: Standing,
}

/// What a merged set as a whole says of one of its customers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub merged_into: Option<Uuid>,
    /// These are kept for those that stand for themselves.
    pub name: String,
    pub name_corrected: bool,
    pub channel_ids: Vec<Uuid>,
    pub first_contact_at: Option<DateTime<Utc>>,
}

/// What people change of a profile; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Empty gives the channel's name back.
    pub display_name: Option<String>,
    pub language: Option<String>,
    pub time_zone: Option<String>,
    pub company: Option<String>,
    pub category: Option<String>,
}

/// A tag that customers carry by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub id: Uuid,
    pub name: String,
    // Answers that the release before kept do not have what follows.
    #[serde(default)]
    pub description: String,
    /// `#rrggbb`, or empty.
    #[serde(default)]
    pub colour: String,
    #[serde(default)]
    pub version: i64,
    /// Customers that stand for themselves and carry it.
    #[serde(default)]
    pub customers: i64,
    /// Else there are at least so many.
    #[serde(default)]
    pub exact: bool,
}

impl Tag {
    /// Changes with every change of the tag itself, not with who carries it.
    pub fn etag(&self) -> String {
        self.version.to_string()
    }
}

/// A tag as the feed tells of it.
#[derive(Debug, Clone)]
pub struct TagState {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub name: String,
    pub description: String,
    pub colour: String,
    pub version: i64,
    pub merged_into: Option<Uuid>,
    pub deleted: bool,
}

/// A note of the team about a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub id: Uuid,
    pub customer_id: Uuid,
    pub text: String,
    pub author_subject: String,
    pub created_at: DateTime<Utc>,
    // Answers that the release before kept do not have what follows.
    #[serde(default)]
    pub by_ai: bool,
    #[serde(default)]
    pub mention_agent_ids: Vec<Uuid>,
    #[serde(default)]
    pub pinned_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub edited_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub edited_by: Option<String>,
    /// Whom it ever called.
    #[serde(default)]
    pub called_agent_ids: Vec<Uuid>,
    /// When it first called each of these.
    #[serde(default)]
    pub called_at: Vec<DateTime<Utc>>,
    #[serde(default)]
    pub version: i64,
}

impl Note {
    /// Calls agents; who was called before was called then.
    pub fn call(&mut self, agent_ids: Vec<Uuid>, at: DateTime<Utc>) {
        let new = agent_ids.iter().filter(|id| !self.called_agent_ids.contains(id)).copied();
        let new: Vec<Uuid> = new.collect();
        self.called_at.extend(new.iter().map(|_| at));
        self.called_agent_ids.extend(new);
        self.mention_agent_ids = agent_ids;
    }

    /// When each of those whom it calls was first called.
    pub fn mentioned_at(&self) -> impl Iterator<Item = DateTime<Utc>> {
        let called = self.called_agent_ids.iter().zip(&self.called_at);
        let first = move |id: &Uuid| called.clone().find(|(called, _)| *called == id).map(|(_, at)| *at);
        self.mention_agent_ids.iter().map(move |id| first(id).unwrap_or(self.created_at))
    }

    /// Changes with what it says, not with its pin.
    pub fn etag(&self) -> String {
        self.version.to_string()
    }
}

/// What a note said until it was edited or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub note_id: Uuid,
    pub customer_id: Uuid,
    pub number: i64,
    pub text: String,
    pub written_by: String,
    pub written_at: DateTime<Utc>,
    pub ended_by: String,
    pub ended_at: DateTime<Utc>,
    /// The note was deleted then.
    pub is_last: bool,
}

impl Contact {
    /// The business's own ids of the person that the channel vouches for.
    pub fn external_ids(&self) -> impl Iterator<Item = &str> {
        let links = |identity: &&Identity| identity.kind == i32::from(EXTERNAL_ID) && identity.verified;
        self.identities.iter().filter(links).map(|identity| identity.value.as_str())
    }

    /// Whether both say the same, whatever their versions.
    pub fn says_the_same(&self, other: &Self) -> bool {
        *self == Self { version: self.version, ..other.clone() }
    }
}

impl Profile {
    /// Everybody whom this tells of: the customer, and those who were minted with the contacts.
    pub fn customer_ids(&self) -> Vec<Uuid> {
        std::iter::once(self.id).chain(self.contacts.iter().map(|contact| contact.customer_id)).collect()
    }

    /// Changes with every change by people. Names the customer as well: who read one that was merged since has not
    /// seen what the survivor says.
    pub fn etag(&self) -> String {
        etag(self.id, self.edit_version)
    }
}

/// See [`Profile::etag`].
pub fn etag(customer_id: Uuid, edit_version: i64) -> String {
    format!("{}.{edit_version}", customer_id.simple())
}
