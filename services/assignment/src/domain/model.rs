//! The nouns that several verbs share.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kinds::{
    ActorKind, AgentState, Cause, HandOffReason, HolderKind, NotificationKind, OperationKind, OperationState,
    Presence, Priority, Status,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    pub id: Uuid,
    pub subject: String,
    pub display_name: String,
    /// Empty when not given.
    pub email: String,
    pub state: AgentState,
    /// 0 means no limit.
    pub capacity: i32,
    pub languages: Vec<String>,
    pub skills: Vec<Skill>,
    pub time_zone: String,
    pub created_at: DateTime<Utc>,
    pub version: i64,
    /// The teams' fact, shown here: changes without the agent's version.
    pub team_ids: Vec<Uuid>,
    /// Conversations held, counted up to [`MOST_HELD`]; changes without the agent's version.
    pub held: i32,
    /// Whether the agent is there; changes without the agent's version. What an older release recorded has none.
    #[serde(default = "offline")]
    pub presence: Presence,
}

const fn offline() -> Presence {
    Presence::Offline
}

/// How far what an agent holds is counted; also the largest capacity.
pub const MOST_HELD: i32 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skill {
    pub name: String,
    pub level: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    pub id: Uuid,
    pub display_name: String,
    pub agent_ids: Vec<Uuid>,
    pub lead_agent_id: Option<Uuid>,
    pub all_channels: bool,
    pub channel_ids: Vec<Uuid>,
    pub fallback_team_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
    // What an older release recorded as an answer has none of these.
    #[serde(default)]
    pub return_rule: ReturnRule,
    /// In the order of their beginnings; the team always works when there are none.
    #[serde(default)]
    pub working_hours: Vec<Hours>,
    /// Empty for UTC.
    #[serde(default)]
    pub time_zone: String,
}

/// After how many seconds of absence what a member holds goes back to the queue; `None` is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRule {
    pub away_after_s: Option<i32>,
    pub offline_after_s: Option<i32>,
}

/// A time at which a team works, on one day of every week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hours {
    /// 1 is Monday.
    pub weekday: u32,
    /// Minutes after midnight.
    pub opens: u32,
    /// Minutes after midnight, 1,440 for the end of the day.
    pub closes: u32,
}

/// Whether one agent is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct There {
    pub agent_id: Uuid,
    pub presence: Presence,
    /// Since when without a gap; `None` for an agent who never was there.
    pub since: Option<DateTime<Utc>>,
    /// `None` when offline.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Many conversations that change their holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub kind: OperationKind,
    /// From whom.
    pub agent_id: Uuid,
    /// To whom; `None`: each to its team's queue.
    pub to: Option<Holder>,
    /// Above the capacity of whoever gets them.
    pub force: bool,
    pub state: OperationState,
    /// Conversations that it found, and what became of them; the rest is still to be moved.
    pub total: i32,
    pub moved: i32,
    pub skipped: i32,
    pub failed: i32,
    /// The reason of the newest that failed; empty when none did.
    pub failed_reason: String,
    pub actor: Actor,
    pub note: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
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

    pub const fn team(id: Uuid) -> Self {
        Self { kind: HolderKind::Team, id: Some(id) }
    }

    /// A team's queue, or nobody's hands where there is no team.
    pub fn team_or_nobody(id: Option<Uuid>) -> Self {
        id.map_or(Self::NOBODY, Self::team)
    }

    /// The agent who holds, if one does.
    pub fn agent_id(self) -> Option<Uuid> {
        self.id.filter(|_| self.kind == HolderKind::Agent)
    }

    /// The team in whose queue it is, if it is in one.
    pub fn team_id(self) -> Option<Uuid> {
        self.id.filter(|_| self.kind == HolderKind::Team)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub kind: ActorKind,
    pub id: Option<Uuid>,
}

impl Actor {
    pub const AI: Self = Self { kind: ActorKind::Ai, id: None };
    pub const SYSTEM: Self = Self { kind: ActorKind::System, id: None };

    /// A person of the business: the agent, or one of whom no agent is known.
    pub fn person(agent_id: Option<Uuid>) -> Self {
        let kind = if agent_id.is_some() { ActorKind::Agent } else { ActorKind::Business };
        Self { kind, id: agent_id }
    }

    /// The agent who acted, if one did.
    pub fn agent_id(self) -> Option<Uuid> {
        self.id.filter(|_| self.kind == ActorKind::Agent)
    }
}

/// What this service knows of a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Conversation {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub channel_id: Uuid,
    pub contact_id: Uuid,
    pub status: Status,
    pub holder: Holder,
    pub epoch: i64,
    /// When an answer is due.
    pub due_at: Option<DateTime<Utc>>,
    /// When to say that it will be overdue soon.
    pub soon_at: Option<DateTime<Utc>>,
    pub priority: Priority,
    pub waiting_since: Option<DateTime<Utc>>,
    pub holder_since: Option<DateTime<Utc>>,
    pub hand_off_reason: Option<HandOffReason>,
    pub version: i64,
}

/// A conversation whose answer is due.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    pub tenant_id: Uuid,
    pub conversation_id: Uuid,
    pub holder: Holder,
    pub epoch: i64,
    pub at: DateTime<Utc>,
}

/// A private note that calls agents.
#[derive(Debug, Clone)]
pub struct Mention {
    pub tenant_id: Uuid,
    pub message_id: Uuid,
    pub conversation_id: Uuid,
    pub actor: Actor,
    pub agent_ids: Vec<Uuid>,
    pub text: String,
    pub epoch: i64,
    pub at: DateTime<Utc>,
}

/// A note about a customer that calls agents.
#[derive(Debug, Clone)]
pub struct CustomerNote {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub customer_id: Uuid,
    pub by_ai: bool,
    /// The token subject of who said last what it says.
    pub subject: String,
    /// Whom it calls, and when it first did.
    pub calls: Vec<(Uuid, DateTime<Utc>)>,
    pub text: String,
}

/// One change of status, from the timeline.
#[derive(Debug, Clone, Copy)]
pub struct StatusChange {
    pub tenant_id: Uuid,
    pub entry_id: Uuid,
    pub conversation_id: Uuid,
    pub channel_id: Uuid,
    pub actor: Actor,
    pub from: Status,
    pub to: Status,
    /// 0 when it is not known.
    pub epoch: i64,
    pub at: DateTime<Utc>,
}

/// A reply for which the customer had waited.
#[derive(Debug, Clone, Copy)]
pub struct Response {
    pub tenant_id: Uuid,
    pub message_id: Uuid,
    pub conversation_id: Uuid,
    pub channel_id: Uuid,
    pub actor: Actor,
    pub waited_since: DateTime<Utc>,
    /// It was the first since the conversation started or was reopened.
    pub first: bool,
    pub epoch: i64,
    pub at: DateTime<Utc>,
}

/// One change of holder, from the timeline.
#[derive(Debug, Clone)]
pub struct HolderChange {
    pub tenant_id: Uuid,
    pub entry_id: Uuid,
    pub conversation_id: Uuid,
    pub channel_id: Uuid,
    pub contact_id: Uuid,
    pub at_position: i64,
    pub at: DateTime<Utc>,
    pub actor: Actor,
    pub cause: Cause,
    /// `None` for the first holder.
    pub from: Option<Holder>,
    pub to: Holder,
    pub epoch: i64,
    pub note: String,
    pub hand_off_reason: Option<HandOffReason>,
    pub hand_off_summary: String,
    /// The transfer's; `None` for changes that no transfer made.
    pub request_id: Option<Uuid>,
    /// What the AI suggests of who takes it; empty where it says nothing.
    pub hand_off_skill: String,
    pub hand_off_language: String,
}

#[derive(Debug, Clone)]
pub struct Notification {
    pub tenant_id: Uuid,
    pub agent_id: Uuid,
    pub id: Uuid,
    pub entry_id: Uuid,
    pub kind: NotificationKind,
    /// Nil for a note about a customer.
    pub conversation_id: Uuid,
    /// Whom a note about a customer is about; its id is the entry's.
    pub customer_id: Option<Uuid>,
    pub note: String,
    pub actor: Actor,
    pub epoch: i64,
    pub at: DateTime<Utc>,
}

/// A notification as it is listed: with its number among its agent's.
#[derive(Debug, Clone)]
pub struct Listed {
    pub number: i64,
    pub notification: Notification,
    pub read_at: Option<DateTime<Utc>>,
}
