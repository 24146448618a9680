//! Gathers a page of hits in the engine's order: by conversation, or each alone.

use std::collections::HashMap;

use uuid::Uuid;

use super::FoundMessage;
use crate::engine::Hit;
use crate::text::highlight::{Mark, marks};

/// The best messages that are shown of one conversation.
pub const MOST_HITS: usize = 5;

/// A found message with its marks.
#[derive(Debug, Clone)]
pub struct MarkedMessage {
    pub message: FoundMessage,
    pub marks: Vec<Mark>,
}

/// A conversation and its best messages.
#[derive(Debug, Clone)]
pub struct Group {
    pub conversation: Uuid,
    pub hits: Vec<MarkedMessage>,
}

/// The page that is being filled.
#[derive(Debug)]
pub struct Page {
    size: usize,
    grouped: bool,
    groups: Vec<Group>,
    places: HashMap<Uuid, usize>,
    alone: Vec<MarkedMessage>,
}

/// How far a chunk of hits was used.
#[derive(Debug, PartialEq, Eq)]
pub enum Used {
    All,
    /// The page is full: this many hits of the chunk belong to it, and the next one begins the next page.
    Full(usize),
}

impl Page {
    pub fn new(size: usize, grouped: bool) -> Self {
        Self { size, grouped, groups: Vec::new(), places: HashMap::new(), alone: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.alone.is_empty()
    }

    /// How many conversations, or messages alone, it still takes.
    pub fn room(&self) -> usize {
        self.size - if self.grouped { self.groups.len() } else { self.alone.len() }
    }

    pub fn has(&self, conversation: Uuid) -> bool {
        self.places.contains_key(&conversation)
    }

    /// The conversations, or the messages alone.
    pub fn into_parts(self) -> (Vec<Group>, Vec<MarkedMessage>) {
        (self.groups, self.alone)
    }

    /// The conversations that show fewer messages than they may.
    pub fn short(&self) -> Vec<Uuid> {
        let short = self.groups.iter().filter(|group| group.hits.len() < MOST_HITS);
        short.map(|group| group.conversation).collect()
    }

    /// Replaces the messages of these conversations by the first of `hits`, where those are more.
    pub fn refill(&mut self, conversations: &[Uuid], hits: Vec<Hit<FoundMessage>>, needles: &[Vec<char>]) {
        let mut better = Self::new(conversations.len(), true);
        better.take(hits, |id| conversations.contains(&id), needles);
        for group in better.groups {
            if let Some(place) = self.places.get(&group.conversation)
                && self.groups[*place].hits.len() < group.hits.len()
            {
                self.groups[*place] = group;
            }
        }
    }

    /// Takes a chunk of hits. Those of conversations that may not be shown are passed over.
    pub fn take(
        &mut self,
        chunk: Vec<Hit<FoundMessage>>,
        shows: impl Fn(Uuid) -> bool,
        needles: &[Vec<char>],
    ) -> Used {
        for (at, hit) in chunk.into_iter().enumerate() {
            let id = hit.document.conversation_id;
            if !shows(id) {
                continue;
            }
            if !self.grouped {
                if self.alone.len() == self.size {
                    return Used::Full(at);
                }
                self.alone.push(MarkedMessage::new(hit, needles));
                continue;
            }
            let place = match self.places.get(&id) {
                Some(place) => *place,
                None if self.groups.len() == self.size => return Used::Full(at),
                None => {
                    self.groups.push(Group { conversation: id, hits: Vec::new() });
                    self.places.insert(id, self.groups.len() - 1);
                    self.groups.len() - 1
                }
            };
            let hits = &mut self.groups[place].hits;
            if hits.len() < MOST_HITS {
                hits.push(MarkedMessage::new(hit, needles));
            }
        }
        Used::All
    }
}

impl MarkedMessage {
    pub fn new(hit: Hit<FoundMessage>, needles: &[Vec<char>]) -> Self {
        Self { marks: marks(&hit.document.text, &hit.marks, needles), message: hit.document }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::cursor::Seen;
    use super::*;

    /// A message that was written at a time.
    pub fn hit_at(time: i64) -> Hit<FoundMessage> {
        let mut hit = hit(1, time);
        hit.document.time = time;
        hit
    }

    fn hit(conversation: u8, position: i64) -> Hit<FoundMessage> {
        let document = FoundMessage {
            message_id: Uuid::from_u128(position.cast_unsigned().into()),
            conversation_id: Uuid::from_u128(conversation.into()),
            author_kind: 1,
            author_id: String::new(),
            kind: "text".to_owned(),
            private: false,
            time: 0,
            position,
            stored: 0,
            text: String::new(),
        };
        Hit { document, marks: vec![] }
    }

    fn chunk(hits: &[u8], from: usize) -> Vec<Hit<FoundMessage>> {
        hits.iter().enumerate().map(|(at, id)| hit(*id, i64::try_from(from + at).unwrap())).collect()
    }

    proptest! {
        /// Whatever the sizes of pages and chunks: the pages together show every allowed conversation once, in the order
        /// of its best hit.
        #[test]
        fn pages_show_every_conversation_once(
            hits in proptest::collection::vec(0u8..12, 0..80),
            size in 1usize..6,
            width in 1usize..9,
        ) {
            let allowed = |id: Uuid| !id.as_u128().is_multiple_of(3);
            let mut expected: Vec<Uuid> = Vec::new();
            for id in hits.iter().map(|id| Uuid::from_u128((*id).into())) {
                if allowed(id) && !expected.contains(&id) {
                    expected.push(id);
                }
            }
            let (mut seen, mut shown, mut offset) = (Seen::default(), Vec::new(), 0);
            loop {
                let mut page = Page::new(size, true);
                let more = loop {
                    let end = (offset + width).min(hits.len());
                    let taken = chunk(&hits[offset..end], offset);
                    let short = taken.len() < width;
                    match page.take(taken, |id| allowed(id) && !seen.contains(id), &[]) {
                        Used::Full(used) => { offset += used; break true; }
                        Used::All => offset = end,
                    }
                    if short { break false; }
                };
                let groups = page.into_parts().0;
                prop_assert!(groups.len() <= size);
                for group in groups {
                    prop_assert!(!group.hits.is_empty() && group.hits.len() <= MOST_HITS);
                    seen.insert(group.conversation);
                    shown.push(group.conversation);
                }
                if !more { break; }
            }
            prop_assert_eq!(shown, expected);
        }
    }
}
