//! The typed filter: which conversations are meant. All parts must hold; values inside a part are alternatives.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kinds::{ActorKind, ChannelKind, HandOffReason, HolderKind, Priority, Status};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    pub statuses: Vec<Status>,
    pub holder_kinds: Vec<HolderKind>,
    pub assignment: Assignment,
    pub answered_by: Vec<ActorKind>,
    pub hand_off_reasons: Vec<HandOffReason>,
    pub needs_attention: Option<bool>,
    pub unread: Option<bool>,
    pub channel_ids: Vec<Uuid>,
    pub channel_kinds: Vec<ChannelKind>,
    pub contact_ids: Vec<Uuid>,
    pub customer_ids: Vec<Uuid>,
    pub customer_tags: Tags,
    pub labels: Tags,
    pub priorities: Vec<Priority>,
    pub waiting: Option<bool>,
    pub overdue: Option<bool>,
    #[serde(skip)]
    pub snoozed_until: Times,
    #[serde(skip)]
    pub last_activity: Times,
    #[serde(skip)]
    pub created: Times,
    #[serde(skip)]
    pub closed: Times,
    /// The instant that `overdue` is asked for.
    #[serde(skip)]
    pub now: DateTime<Utc>,
}

impl Filter {
    /// The ranges of time, as instants.
    pub fn ranges(&self) -> [Times; 4] {
        [self.snoozed_until, self.last_activity, self.created, self.closed]
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Assignment {
    pub mine: bool,
    pub my_teams: bool,
    pub unassigned: bool,
    pub agent_ids: Vec<Uuid>,
    pub team_ids: Vec<Uuid>,
}

impl Assignment {
    pub fn is_empty(&self) -> bool {
        !self.mine
            && !self.my_teams
            && !self.unassigned
            && self.agent_ids.is_empty()
            && self.team_ids.is_empty()
    }

    pub fn is_only_mine(&self) -> bool {
        self.mine
            && !self.my_teams
            && !self.unassigned
            && self.agent_ids.is_empty()
            && self.team_ids.is_empty()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tags {
    pub any: Vec<Uuid>,
    pub all: Vec<Uuid>,
    pub none: Vec<Uuid>,
    /// One of each group: `all`, where several ids stand for one label. Told when the filter is used.
    #[serde(skip)]
    pub any_of_each: Vec<Vec<Uuid>>,
}

/// From one instant, included, up to another, excluded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}
