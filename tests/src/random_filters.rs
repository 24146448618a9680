//! Filters as nobody would think of them.

use tandem_proto::r#type::v1::{AssignmentFilter, ConversationFilter, RelativeRange, TagFilter, TimeRange};

use crate::Suite;

/// Makes filters of every part but words, over what it is given.
pub struct RandomFilters<'a> {
    pub suite: &'a Suite,
    pub channels: Vec<String>,
    pub agents: Vec<String>,
    pub teams: Vec<String>,
    pub labels: Vec<String>,
    pub contacts: Vec<String>,
    pub customers: Vec<String>,
}

impl RandomFilters<'_> {
    fn below(&self, most: usize) -> usize {
        usize::try_from(u64::from_le_bytes(self.suite.ambient.bytes())).unwrap() % most
    }

    fn rarely(&self) -> bool {
        self.below(6) == 0
    }

    fn flag(&self) -> Option<bool> {
        self.rarely().then(|| self.below(2) == 0)
    }

    /// Some numbers up to one, perhaps one of them twice.
    fn numbers(&self, most: usize) -> Vec<i32> {
        let count = if self.below(3) == 0 { 1 + self.below(3) } else { 0 };
        (0..count).map(|_| i32::try_from(1 + self.below(most)).unwrap()).collect()
    }

    fn some(&self, of: &[String]) -> Vec<String> {
        let count = if self.rarely() { 1 + self.below(3) } else { 0 };
        (0..count).map(|_| of[self.below(of.len())].clone()).collect()
    }

    fn range(&self) -> Option<TimeRange> {
        let relative = [RelativeRange::Today, RelativeRange::ThisWeek, RelativeRange::Last7Days];
        self.rarely().then(|| TimeRange {
            relative: relative[self.below(3)].into(),
            time_zone: "Asia/Jerusalem".to_owned(),
            ..TimeRange::default()
        })
    }

    /// Another one.
    pub fn next(&self) -> ConversationFilter {
        let assignment = AssignmentFilter {
            mine: self.rarely(),
            my_teams: self.rarely(),
            unassigned: self.rarely(),
            agent_ids: self.some(&self.agents),
            team_ids: self.some(&self.teams),
        };
        ConversationFilter {
            statuses: self.numbers(4),
            holder_kinds: if self.rarely() { self.numbers(4) } else { Vec::new() },
            assignment: (self.below(2) == 0).then_some(assignment),
            needs_attention: self.flag(),
            unread: self.flag(),
            channel_ids: self.some(&self.channels),
            contact_ids: self.some(&self.contacts),
            customer_ids: self.some(&self.customers),
            answered_by: if self.rarely() { self.numbers(4) } else { Vec::new() },
            hand_off_reasons: if self.rarely() { self.numbers(3) } else { Vec::new() },
            channel_kinds: if self.rarely() { self.numbers(2) } else { Vec::new() },
            labels: self.rarely().then(|| TagFilter {
                any: self.some(&self.labels),
                all: self.some(&self.labels),
                none: self.some(&self.labels),
            }),
            priorities: if self.rarely() { self.numbers(4) } else { Vec::new() },
            waiting: self.flag(),
            overdue: self.flag(),
            snoozed_until: self.range(),
            created: self.range(),
            last_activity: self.range(),
            closed: self.range(),
            ..ConversationFilter::default()
        }
    }
}
