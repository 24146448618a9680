//! What follows from conversation's states. States may come in any order, again, and from a rebuild: rows compare
//! (generation, version), and every count changes by the difference between a row as it was and as it is.

pub mod agents;
pub mod contacts;
pub mod conversations;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{Contact, Conversation, Key};

/// What one batch of the feed says, the newest state of each entity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct States {
    /// `None` for one that no longer exists.
    pub contacts: BTreeMap<Key, Option<Contact>>,
    pub conversations: BTreeMap<Key, Option<Conversation>>,
    /// Where private notes stand, by conversation and position.
    pub private_notes: BTreeSet<(Key, i64)>,
    /// When agents last answered, by contact and agent.
    pub answers: BTreeMap<(Key, Uuid), DateTime<Utc>>,
}

impl States {
    /// Whose customers these are about.
    pub fn tenants(&self) -> BTreeSet<Uuid> {
        let contacts = self.contacts.keys().map(|(tenant, _)| *tenant);
        let conversations = self.conversations.keys().map(|(tenant, _)| *tenant);
        let notes = self.private_notes.iter().map(|((tenant, _), _)| *tenant);
        contacts.chain(conversations).chain(notes).collect()
    }
}
