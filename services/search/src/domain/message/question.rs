use uuid::Uuid;

use super::cursor::Cursor;
use crate::domain::scope::{Reader, any};
use crate::domain::time_range::TimeRange;
use crate::peer::Filter;
use crate::text::query::Matching;

/// A search for messages.
#[derive(Debug)]
pub struct SearchMessages {
    pub words: String,
    pub matching: Matching,
    pub channel_ids: Vec<Uuid>,
    pub contact_ids: Vec<Uuid>,
    /// What conversation must decide: the parts of the filter that documents do not hold, or a view.
    pub filter: Option<Filter>,
    /// Numbers of kinds in the API.
    pub author_kinds: Vec<i32>,
    pub author_agents: Vec<Uuid>,
    /// In the words of documents.
    pub kinds: Vec<&'static str>,
    pub private: Option<bool>,
    pub time: TimeRange,
    pub order: Order,
    /// By conversation; else each message alone.
    pub grouped: bool,
    /// What is counted on the first page.
    pub facets: Vec<Facet>,
    pub page_size: usize,
    pub cursor: Option<Cursor>,
}

/// The order of hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Relevance,
    Newest,
    Oldest,
}

/// What hits are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    Channel,
    Author,
    Kind,
    Month,
}

impl Facet {
    /// The field of documents.
    pub fn field(self) -> &'static str {
        match self {
            Self::Channel => "channel_id",
            Self::Author => "author_kind",
            Self::Kind => "kind",
            Self::Month => "month",
        }
    }
}

impl SearchMessages {
    /// The best messages with these words by conversation: the first page.
    pub fn of_words(words: String, page_size: usize) -> Self {
        Self {
            words,
            matching: Matching::default(),
            channel_ids: Vec::new(),
            contact_ids: Vec::new(),
            filter: None,
            author_kinds: Vec::new(),
            author_agents: Vec::new(),
            kinds: Vec::new(),
            private: None,
            time: TimeRange::default(),
            order: Order::Relevance,
            grouped: true,
            facets: Vec::new(),
            page_size,
            cursor: None,
        }
    }

    /// Conversations are found whose messages have the words together.
    pub fn takes_together(&self) -> bool {
        self.grouped && self.order == Order::Relevance && self.matching != Matching::All
    }

    /// What documents hold of the question, and always tenant and scope.
    pub fn engine_filter(&self, reader: &Reader) -> String {
        let mut parts = vec![reader.message_filter()];
        for (field, ids) in [
            ("channel_id", &self.channel_ids),
            ("contact_id", &self.contact_ids),
            ("author_id", &self.author_agents),
        ] {
            if !ids.is_empty() {
                parts.push(any(field, ids));
            }
        }
        if !self.author_kinds.is_empty() {
            parts.push(any("author_kind", &self.author_kinds));
        }
        if !self.kinds.is_empty() {
            parts.push(any("kind", &self.kinds));
        }
        if let Some(private) = self.private {
            parts.push(format!("private = {private}"));
        }
        if let Some(from) = self.time.from {
            parts.push(format!("time >= {}", from.timestamp_millis()));
        }
        if let Some(until) = self.time.until {
            parts.push(format!("time < {}", until.timestamp_millis()));
        }
        parts.join(" AND ")
    }
}
