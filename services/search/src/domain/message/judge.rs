//! Which conversations a page may show.

use std::collections::HashMap;

use tandem_fault::Result;
use uuid::Uuid;

use super::cursor::{Seen, Spot};
use super::walk::Ground;
use crate::domain::scope::any;
use crate::peer::{Asking, Conversations, Filter};
use crate::text::query::Stage;

/// Conversations that one question about earlier hits names: the engine counts no more values.
const AT_ONCE: usize = 100;

/// Decides on each conversation once.
pub struct Judge<'a> {
    pub conversations: &'a Conversations,
    pub asking: &'a Asking,
    /// Set when conversation decides on the conversations of hits.
    pub filter: Option<&'a Filter>,
    pub earlier: Earlier<'a>,
    known: HashMap<Uuid, Verdict>,
}

/// What earlier pages showed.
pub enum Earlier<'a> {
    /// Conversations may come again: messages are shown alone, or this is the first page.
    Nothing,
    These(&'a Seen),
    /// Those with a hit before the place that this page begins at.
    Before(Spot),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Shown,
    /// It matches, and an earlier page has it.
    Earlier,
    FilteredOut,
}

impl<'a> Judge<'a> {
    pub fn new(
        conversations: &'a Conversations,
        asking: &'a Asking,
        filter: Option<&'a Filter>,
        earlier: Earlier<'a>,
    ) -> Self {
        Self { conversations, asking, filter, earlier, known: HashMap::new() }
    }

    /// Decides on some conversations.
    pub async fn decide(
        &mut self,
        ground: &Ground<'_>,
        stage: &Stage,
        conversations: impl Iterator<Item = Uuid>,
    ) -> Result<()> {
        let mut new: Vec<Uuid> = Vec::new();
        for id in conversations {
            if let Earlier::These(seen) = &self.earlier
                && seen.contains(id)
            {
                self.known.insert(id, Verdict::Earlier);
            } else if !self.known.contains_key(&id) && !new.contains(&id) {
                new.push(id);
            }
        }
        if let Some(filter) = self.filter
            && !new.is_empty()
        {
            let matching = self.conversations.matching(self.asking, filter, &new).await?;
            let out = new.iter().filter(|id| !matching.contains(id));
            self.known.extend(out.map(|id| (*id, Verdict::FilteredOut)));
            new = matching;
        }
        if let Earlier::Before(place) = self.earlier {
            for some in new.chunks(AT_ONCE) {
                let inside = any("conversation_id", some);
                for id in ground.with_earlier_hits(stage, place, &inside).await? {
                    self.known.extend(id.parse().map(|id: Uuid| (id, Verdict::Earlier)));
                }
            }
        }
        for id in new {
            self.known.entry(id).or_insert(Verdict::Shown);
        }
        Ok(())
    }

    /// Whether a conversation that was decided on may be shown.
    pub fn shows(&self, conversation: Uuid) -> bool {
        self.known.get(&conversation) == Some(&Verdict::Shown)
    }

    /// Whether it matches, shown or not.
    pub fn matches(&self, conversation: Uuid) -> bool {
        self.known.get(&conversation).is_some_and(|verdict| *verdict != Verdict::FilteredOut)
    }
}
