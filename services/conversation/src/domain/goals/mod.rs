//! By when a tenant's customers shall have an answer, and those with some labels an update.

mod anew;
mod calendar;
mod settings;
mod updates;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::kinds::{Priority, Status};
use super::model::Conversation;
pub use updates::Updates;

/// The goals of one tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Goals {
    /// By priority, low first.
    pub targets: [Target; 4],
    /// When the business works, in the order of their beginnings; always when there are none.
    pub hours: Vec<Hours>,
    pub labels: Vec<LabelGoal>,
    pub zone: Tz,
    pub version: i64,
}

/// What stands in `response_goals.goals`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stored {
    pub targets: [Target; 4],
    pub hours: Vec<Hours>,
    /// What was stored before labels had goals has the default.
    #[serde(default = "LabelGoal::standard")]
    pub labels: Vec<LabelGoal>,
}

/// The target of one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Seconds to the first answer; `None` for no goal.
    pub first: Option<i64>,
    pub following: Following,
}

/// Until when an answer that is not the first is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Following {
    /// No goal.
    Never,
    /// Seconds.
    Within(i64),
    SameBusinessDay,
}

/// A time at which the business works, on one day of every week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hours {
    /// 1 is Monday.
    pub weekday: u32,
    /// Minutes after midnight.
    pub opens: u32,
    /// Minutes after midnight, 1,440 for the end of the day.
    pub closes: u32,
}

/// How often conversations with a label are owed an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelGoal {
    /// The label's name.
    pub label: String,
    /// Seconds of opening hours.
    pub every: i64,
}

impl LabelGoal {
    fn standard() -> Vec<Self> {
        vec![Self { label: "complex".to_owned(), every: 4 * 3_600 }]
    }
}

impl Target {
    pub const fn standard(priority: Priority) -> Self {
        match priority {
            Priority::Urgent => Self { first: Some(15 * 60), following: Following::Within(15 * 60) },
            _ => Self { first: Some(2 * 3_600), following: Following::SameBusinessDay },
        }
    }
}

impl Default for Goals {
    fn default() -> Self {
        let priorities = [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent];
        Self {
            targets: priorities.map(Target::standard),
            hours: Vec::new(),
            labels: LabelGoal::standard(),
            zone: Tz::UTC,
            version: 0,
        }
    }
}

impl Goals {
    pub fn target(&self, priority: Priority) -> Target {
        let index = usize::try_from(priority.number() - 1).unwrap_or_default();
        self.targets[index]
    }

    /// When an answer to somebody who waits since `since` is due; `None` without a goal.
    pub fn due(&self, since: DateTime<Utc>, priority: Priority, first: bool) -> Option<DateTime<Utc>> {
        let target = self.target(priority);
        if first {
            return target.first.map(|seconds| self.after(since, TimeDelta::seconds(seconds)));
        }
        match target.following {
            Following::Never => None,
            Following::Within(seconds) => Some(self.after(since, TimeDelta::seconds(seconds))),
            Following::SameBusinessDay => Some(self.end_of_day(since)),
        }
    }
}

/// The zone of a stored name. One that the time zone database has dropped since counts as UTC: goals must not stop
/// messages.
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// Whether the tenant's goals are needed to tell what is due: somebody begins to wait, or labels may ask for updates.
pub fn concern(conversation: &Conversation) -> bool {
    begins(conversation) || conversation.status != Status::Closed && !conversation.label_ids.is_empty()
}

fn begins(conversation: &Conversation) -> bool {
    conversation.answer_due_at.is_none() && waits(conversation)
}

fn waits(conversation: &Conversation) -> bool {
    conversation.waiting_since.is_some() && is_in_hand(conversation)
}

/// Neither closed nor put aside.
fn is_in_hand(conversation: &Conversation) -> bool {
    matches!(conversation.status, Status::New | Status::Open)
}

/// Keeps `due_at` with what was done: the earliest of an answer and an update.
pub fn tell(conversation: &mut Conversation, goals: &Goals, updates: &Updates, now: DateTime<Utc>) {
    tell_answer(conversation, goals);
    let update = tell_update(conversation, goals, updates, now);
    conversation.due_at = [conversation.answer_due_at, update].into_iter().flatten().min();
}

/// An answer is due from when the wait begins; kept while it lasts, cleared when it ends or is put aside. What changes the
/// priority clears it first, so that it is told anew from when the customer began to wait.
fn tell_answer(conversation: &mut Conversation, goals: &Goals) {
    if !waits(conversation) {
        conversation.answer_due_at = None;
    } else if begins(conversation)
        && let Some(since) = conversation.waiting_since
    {
        let first = conversation.status == Status::New;
        conversation.answer_due_at = goals.due(since, conversation.priority, first);
    }
}

/// An update is counted from our last message, or from when a label first asked for one; a NEW conversation has no message
/// of ours since it began or began again.
fn tell_update(
    conversation: &mut Conversation,
    goals: &Goals,
    updates: &Updates,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let every = updates.every(&conversation.label_ids).filter(|_| conversation.status != Status::Closed);
    let Some(every) = every else {
        conversation.update_since = None;
        return None;
    };
    let answered = conversation.last_reply_source_at.filter(|_| conversation.status != Status::New);
    let since = conversation.update_since.max(answered).unwrap_or(now);
    conversation.update_since = Some(since);
    is_in_hand(conversation).then(|| goals.after(since, every))
}
