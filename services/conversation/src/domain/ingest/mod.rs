//! What came in on a channel: stored once, in order, durable when answered (design section 4).
//!
//! A call's items join the tenant's next transaction ([`group`]); one transaction ([`batch`]) claims the dedup keys,
//! resolves the contacts ([`contacts`]), finds and locks the conversations ([`threads`]), and only then gives positions.

pub mod batch;
pub mod call;
pub mod contacts;
pub mod early;
pub mod group;
mod remark;
pub mod targets;
pub mod threads;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_change_feed::Written;
use tandem_fault::Fault;
use uuid::Uuid;

use super::content::{Content, MediaReference, Referral};
use super::kinds::DeliveryState;
use super::model::Identity;

/// One thing that came in, checked.
#[derive(Debug, Clone)]
pub struct Item {
    pub channel_id: Uuid,
    pub external_id: String,
    pub identities: Vec<Identity>,
    pub display_name: String,
    pub source_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub event: Event,
}

impl Item {
    pub fn person(&self) -> contacts::Person<'_> {
        contacts::Person {
            channel_id: self.channel_id,
            identities: &self.identities,
            display_name: &self.display_name,
            at: self.source_at,
        }
    }

    /// Whose addresses decide what the item does: the person's, and the new one of a change of address.
    pub fn people(&self) -> impl Iterator<Item = contacts::Person<'_>> {
        let new = match &self.event {
            Event::IdentityChange { new, .. } => std::slice::from_ref(new),
            _ => &[],
        };
        [self.person(), contacts::Person { identities: new, ..self.person() }].into_iter()
    }

    pub fn stamp(&self) -> Stamp {
        Stamp { at: self.source_at, by: self.external_id.clone() }
    }
}

/// When an event happened by the channel's clock, and its external id. Of two events the later is the same one in
/// whatever order they came; within one second, which is all that channels tell, the ids decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    pub at: DateTime<Utc>,
    pub by: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    Message(Incoming),
    /// Somebody replied on the business's own device.
    Echo(Incoming),
    Edit {
        target: String,
        content: Content,
    },
    Deletion {
        target: String,
    },
    /// An empty emoji takes it off.
    Reaction {
        target: String,
        emoji: String,
    },
    Receipt {
        reply: Reply,
        state: DeliveryState,
        failure: String,
        /// It counts for the earlier replies of the conversation too.
        #[serde(default)]
        up_to: bool,
    },
    /// What became of every reply whose sending began up to a time, in whole seconds.
    ReceiptUpTo {
        time: DateTime<Utc>,
        state: DeliveryState,
    },
    /// What became of the file of a message that came in.
    Media {
        target: String,
        reference: MediaReference,
    },
    /// An address of the person was replaced by another.
    IdentityChange {
        new: Identity,
        text: String,
    },
    /// A stored message quotes another that had not come. Never from outside.
    Quote {
        target: String,
        message_id: Uuid,
        conversation_id: Uuid,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Incoming {
    pub content: Content,
    pub reply_to_external_id: String,
    pub forwarded: bool,
    #[serde(default)]
    pub referral: Option<Referral>,
}

/// Which reply a receipt is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    Ours(Uuid),
    Provider(String),
}

/// Where an item is stored. For edits, deletions, reactions and receipts: their target, nil while it has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    pub message_id: Option<Uuid>,
    pub conversation_id: Option<Uuid>,
    pub position: i64,
    pub replayed: bool,
}

/// One item's outcome, and the write that it was part of.
pub type Outcome = Result<Stored, Fault>;

/// What a call gets back.
#[derive(Debug)]
pub struct Ingested {
    pub outcomes: Vec<Outcome>,
    pub written: Option<Written>,
}
