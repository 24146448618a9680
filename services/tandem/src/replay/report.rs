use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// What became of a replay.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    pub conversations: Counts,
    pub messages: Counts,
    pub seconds: f64,
    pub messages_a_second: f64,
    /// Reason → how many messages.
    pub refusals: BTreeMap<String, usize>,
}

/// All of a kind, and what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub total: usize,
    /// Made by this run.
    pub new: usize,
    /// Made by an earlier run.
    pub replayed: usize,
    pub refused: usize,
}

impl Report {
    /// Adds what one conversation came to.
    pub fn add(&mut self, tally: &Tally) {
        self.messages.new += tally.new;
        self.messages.replayed += tally.replayed;
        self.messages.refused += tally.refusals.values().sum::<usize>();
        match tally.conversation {
            Fate::New => self.conversations.new += 1,
            Fate::Replayed => self.conversations.replayed += 1,
            Fate::Refused => self.conversations.refused += 1,
        }
        for (reason, count) in &tally.refusals {
            *self.refusals.entry(reason.clone()).or_default() += count;
        }
    }

    /// Adds a conversation that is not played at all.
    pub fn refuse(&mut self, messages: usize, reason: &str) {
        self.conversations.refused += 1;
        self.messages.refused += messages;
        // A conversation without messages must not go unnamed.
        *self.refusals.entry(reason.to_owned()).or_default() += messages.max(1);
    }

    pub fn finish(&mut self, took: Duration) {
        self.seconds = took.as_secs_f64();
        let handled = u32::try_from(self.messages.new + self.messages.replayed).unwrap_or(u32::MAX);
        self.messages_a_second = f64::from(handled) / self.seconds.max(f64::EPSILON);
    }

    pub fn is_clean(&self) -> bool {
        self.conversations.refused == 0 && self.messages.refused == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20}{:>14}{:>14}", "", "conversations", "messages")?;
        let (conversations, messages) = (&self.conversations, &self.messages);
        for (name, left, right) in [
            ("in the files", conversations.total, messages.total),
            ("new", conversations.new, messages.new),
            ("replayed", conversations.replayed, messages.replayed),
            ("refused", conversations.refused, messages.refused),
        ] {
            writeln!(f, "{name:<20}{left:>14}{right:>14}")?;
        }
        for (reason, count) in &self.refusals {
            writeln!(f, "  {count} × {reason}")?;
        }
        writeln!(f, "{:<20}{:>28.1}", "seconds", self.seconds)?;
        write!(f, "{:<20}{:>28.0}", "messages a second", self.messages_a_second)
    }
}

/// What one conversation came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub conversation: Fate,
    pub new: usize,
    pub replayed: usize,
    pub refusals: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fate {
    #[default]
    New,
    Replayed,
    Refused,
}

impl Tally {
    pub fn count(&mut self, messages: usize, replayed: bool) {
        if replayed {
            self.replayed += messages;
        } else {
            self.new += messages;
        }
    }

    pub fn refuse(&mut self, messages: usize, reason: &str) {
        // Also of none: a conversation that was refused after its last message has a reason, too.
        *self.refusals.entry(reason.to_owned()).or_default() += messages;
    }

    /// How many messages have been dealt with.
    pub fn handled(&self) -> usize {
        self.new + self.replayed + self.refusals.values().sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_adds_up() {
        let mut report = Report::default();
        let mut tally = Tally::default();
        tally.count(3, false);
        tally.count(2, true);
        tally.refuse(1, "INVALID_FIELDS: text");
        tally.refuse(0, "nothing");
        assert_eq!(tally.handled(), 6);
        report.add(&tally);
        report.add(&Tally { conversation: Fate::Refused, ..Tally::default() });
        report.refuse(0, "it has no messages");
        (report.conversations.total, report.messages.total) = (3, 6);
        report.finish(Duration::from_secs(2));
        assert!(!report.is_clean());
        let table = report.to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["in", "the", "files", "3", "6"]);
        assert_eq!(lines[4].split_whitespace().collect::<Vec<_>>(), ["refused", "2", "1"]);
        assert!(lines.contains(&"  1 × INVALID_FIELDS: text") && lines.contains(&"  1 × it has no messages"));
        assert!(lines.last().unwrap().ends_with(" 2"), "{table}");
    }
}
