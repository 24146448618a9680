//! What routing looks at.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::kinds::{HandOffReason, Presence, Priority, Status};
use crate::domain::model::{Holder, Skill};

/// A conversation, with what rules ask for.
#[derive(Debug, Clone)]
pub struct Case {
    pub id: Uuid,
    pub channel_id: Uuid,
    pub status: Status,
    pub holder: Holder,
    /// Since when it has this holder.
    pub holder_since: DateTime<Utc>,
    pub epoch: i64,
    pub priority: Priority,
    /// Why the AI last gave it to people.
    pub hand_off_reason: Option<HandOffReason>,
    pub customer_id: Option<Uuid>,
    pub customer_tag_ids: Vec<Uuid>,
    /// What the AI gave with the hand-off, else the customer's; empty where none is known.
    pub language: String,
    /// The skill that the AI gave with the hand-off; empty where it gave none.
    pub skill: String,
}

impl Case {
    /// The team in whose queue it waits: neither snoozed nor closed.
    pub fn queue(&self) -> Option<Uuid> {
        let live = matches!(self.status, Status::New | Status::Open);
        self.holder.team_id().filter(|_| live)
    }
}

/// An active agent, with what routing asks for.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
    pub name: String,
    pub presence: Presence,
    /// 0 means no limit.
    pub capacity: i32,
    /// Conversations held or on their way.
    pub held: i64,
    pub languages: Vec<String>,
    /// Their names as they are compared.
    pub skills: Vec<Skill>,
    /// The last turn in the team.
    pub routed_at: Option<DateTime<Utc>>,
    /// Whether one of the agent's teams works now.
    pub in_hours: bool,
}

impl Person {
    pub fn is_full(&self) -> bool {
        self.capacity > 0 && self.held >= i64::from(self.capacity)
    }

    /// Whether routing can give this agent anything at all now.
    pub fn is_free(&self) -> bool {
        self.presence == Presence::Online && !self.is_full()
    }
}
