//! The nouns of the service as its domain sees them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::content::{Content, MediaReference, Referral};
use super::kinds::{
    ActorKind, Attention, Cause, ChannelKind, ChannelState, DeliveryState, HandOffReason, HolderKind,
    IdentityKind, Priority, ReopenPolicy, Status, TenantState,
};

#[derive(Debug, Clone)]
pub struct Tenant {
    pub id: Uuid,
    pub name: String,
    pub state: TenantState,
    pub dedup_key: [u8; 32],
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

#[derive(Debug, Clone)]
pub struct Channel {
    pub id: Uuid,
    pub kind: ChannelKind,
    pub display_name: String,
    pub state: ChannelState,
    pub max_text_length: i32,
    pub reply_window: Option<TimeDelta>,
    pub templates: bool,
    pub receipts: bool,
    pub edits: bool,
    pub ai_enabled: bool,
    pub ai_answer_time: Option<TimeDelta>,
    pub reopen: ReopenPolicy,
    pub reopen_window: TimeDelta,
    pub close_after_silence: Option<TimeDelta>,
    /// The last message to a customer whose silence closes the conversation; empty for none.
    pub close_message: String,
    pub default_team_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: Option<DateTime<Utc>>,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    pub kind: IdentityKind,
    pub value: String,
    pub verified: bool,
}

#[derive(Debug, Clone)]
pub struct Contact {
    pub id: Uuid,
    pub channel_id: Uuid,
    pub canonical_id: Option<Uuid>,
    pub customer_id: Uuid,
    pub display_name: String,
    pub created_at: DateTime<Utc>,
    pub version: i64,
    pub identities: Vec<Identity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub kind: HolderKind,
    pub id: Option<Uuid>,
}

impl Holder {
    pub const AI: Self = Self { kind: HolderKind::Ai, id: None };
    pub const NOBODY: Self = Self { kind: HolderKind::Nobody, id: None };

    pub const fn agent(id: Uuid) -> Self {
        Self { kind: HolderKind::Agent, id: Some(id) }
    }

    /// A team's queue, or nobody's hands where there is no team.
    pub fn team_or_nobody(id: Option<Uuid>) -> Self {
        id.map_or(Self::NOBODY, |id| Self { kind: HolderKind::Team, id: Some(id) })
    }

    pub fn is_person(self) -> bool {
        self.kind == HolderKind::Agent
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    pub kind: ActorKind,
    pub id: Option<Uuid>,
}

impl Actor {
    pub const SYSTEM: Self = Self { kind: ActorKind::System, id: None };
    pub const AI: Self = Self { kind: ActorKind::Ai, id: None };
    pub const BUSINESS: Self = Self { kind: ActorKind::Business, id: None };

    pub const fn agent(id: Uuid) -> Self {
        Self { kind: ActorKind::Agent, id: Some(id) }
    }

    pub const fn customer(contact_id: Uuid) -> Self {
        Self { kind: ActorKind::Customer, id: Some(contact_id) }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    pub id: Uuid,
    pub channel_id: Uuid,
    pub contact_id: Uuid,
    pub status: Status,
    pub holder: Holder,
    pub epoch: i64,
    pub holder_since: DateTime<Utc>,
    pub last_position: i64,
    pub last_customer_position: i64,
    pub answered_position: i64,
    pub activity_number: i64,
    pub last_customer_at: Option<DateTime<Utc>>,
    pub last_reply_source_at: Option<DateTime<Utc>>,
    pub priority: Priority,
    pub label_ids: Vec<Uuid>,
    pub needs_attention: Option<Attention>,
    pub hand_off_reason: Option<HandOffReason>,
    pub hand_off_summary: String,
    pub answered_by: Option<ActorKind>,
    pub waiting_since: Option<DateTime<Utc>>,
    pub last_activity_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub snoozed_until: Option<DateTime<Utc>>,
    /// When an answer or an update is due: the earliest of both.
    pub due_at: Option<DateTime<Utc>>,
    /// When an answer to the customer who waits is due.
    pub answer_due_at: Option<DateTime<Utc>>,
    /// From when the next update that a label asks for is counted.
    pub update_since: Option<DateTime<Utc>>,
    pub predecessor_id: Option<Uuid>,
    pub successor_id: Option<Uuid>,
    pub reopen_count: i32,
    pub preview: String,
    pub preview_author: Option<ActorKind>,
    /// Since when nothing is written to it any more.
    pub erased_at: Option<DateTime<Utc>>,
    pub version: i64,
}

impl Channel {
    /// Messages come in and go out.
    pub fn takes_part(&self) -> bool {
        self.state == ChannelState::Enabled
    }
}

/// A conversation as a list shows it, with what stands in projections.
#[derive(Debug, Clone)]
pub struct Row {
    pub conversation: Conversation,
    pub holder_name: String,
    pub customer_id: Uuid,
    pub customer_name: String,
    pub customer_tag_ids: Vec<Uuid>,
    /// The customer's messages that the caller has not seen, among the last hundred.
    pub unread_count: i64,
    pub channel_kind: ChannelKind,
    pub channel_name: String,
}

/// What an adapter told of a message's file, and by which event. Stored as JSON in `message.media`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaTold {
    pub at: DateTime<Utc>,
    pub by: String,
    pub reference: MediaReference,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub id: Uuid,
    pub conversation_id: Uuid,
    pub position: i64,
    pub author: Actor,
    pub private: bool,
    /// `None` after a deletion.
    pub content: Option<Content>,
    pub reactions: Vec<Reaction>,
    pub source_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub stored_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    /// The external id of the edit that stands.
    pub edited_by: String,
    pub deleted_at: Option<DateTime<Utc>>,
    /// The newest that the adapter told of its file; boxed, since few messages have it.
    pub media: Option<Box<MediaTold>>,
    pub epoch: i64,
    /// Of a customer's message: the number that its activity took; written, not read again.
    pub activity_number: i64,
    pub answers_position: i64,
    pub reply_to_position: i64,
    pub reply_to_external_id: String,
    pub forwarded: bool,
    pub external_id: String,
    pub referral: Option<Referral>,
    pub mention_agent_ids: Vec<Uuid>,
    /// Of a reply that ended the customer's wait, or was the first: since when the customer had waited.
    pub waited_since: Option<DateTime<Utc>>,
    /// It was the first since the conversation started or was reopened.
    pub first_response: bool,
    pub version: i64,
    /// From the outbound queue, as it is shown; `None` for what does not leave.
    pub delivery: Option<DeliveryState>,
    /// The provider's words, when it failed.
    pub delivery_failure: String,
    pub author_name: String,
    pub channel_id: Uuid,
    pub contact_id: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    pub author: Actor,
    /// Empty once it was taken off: kept, so that an older one that comes late does not put it on again.
    pub emoji: String,
    /// When that happened by the channel's clock, and the event's external id.
    #[serde(default)]
    pub at: DateTime<Utc>,
    #[serde(default)]
    pub by: String,
}

/// One entry of the timeline.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: Uuid,
    pub conversation_id: Uuid,
    pub at_position: i64,
    pub at: DateTime<Utc>,
    pub actor: Actor,
    pub event: Event,
    pub channel_id: Uuid,
    pub contact_id: Uuid,
}

/// Stored as JSON in `timeline.event`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    HolderChanged {
        cause: Cause,
        from: Option<Holder>,
        to: Holder,
        epoch: i64,
        #[serde(default)]
        note: String,
        hand_off_reason: Option<HandOffReason>,
        #[serde(default)]
        hand_off_summary: String,
        #[serde(default)]
        hand_off_skill: String,
        #[serde(default)]
        hand_off_language: String,
        request_id: Option<Uuid>,
    },
    StatusChanged {
        from: Status,
        to: Status,
        #[serde(default)]
        reason: String,
        /// With `Snoozed` alone.
        #[serde(default)]
        snoozed_until: Option<DateTime<Utc>>,
        #[serde(default)]
        note: String,
        /// The epoch under which it changed; 0 in entries from before this was noted.
        #[serde(default)]
        epoch: i64,
    },
    PriorityChanged {
        from: Priority,
        to: Priority,
    },
    LabelsChanged {
        added: Vec<Uuid>,
        removed: Vec<Uuid>,
    },
    AttentionRaised {
        reason: Attention,
        /// The tenant's phrase that the customer used; empty when the AI asked.
        #[serde(default)]
        phrase: String,
    },
}

impl Event {
    /// The epoch that a change of holder began.
    pub fn epoch(&self) -> Option<i64> {
        match self {
            Self::HolderChanged { epoch, .. } => Some(*epoch),
            _ => None,
        }
    }
}
