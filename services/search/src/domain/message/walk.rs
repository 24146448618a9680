//! The hits of one question in the engine's order, from any place on.

use tandem_fault::Result;

use super::cursor::Spot;
use super::document::{ANSWER, FoundMessage};
use super::question::Order;
use crate::engine::settings::MAX_TOTAL_HITS;
use crate::engine::{Engine, Hit, Hits, Search};
use crate::text::query::Stage;

const WORDS: &[&str] = &["text", "folded", "numbers"];
const WITH_PAIRS: &[&str] = &["text", "folded", "numbers", "pairs"];

/// Where words are sought.
#[derive(Debug)]
pub struct Ground<'a> {
    pub engine: &'a Engine,
    pub uid: &'a str,
    /// In the engine's syntax.
    pub filter: String,
    pub order: Order,
}

impl Spot {
    pub fn first(order: Order) -> Self {
        match order {
            Order::Relevance => Self::Behind(0),
            Order::Newest => Self::At(i64::MAX, 0),
            Order::Oldest => Self::At(i64::MIN, 0),
        }
    }

    /// The place behind some hits that begin here.
    #[must_use]
    pub fn behind(self, hits: &[Hit<FoundMessage>]) -> Self {
        match self {
            Self::Behind(before) => Self::Behind(before + hits.len()),
            Self::At(time, skip) => hits.iter().fold(Self::At(time, skip), |spot, hit| match spot {
                Self::At(time, skip) if time == hit.document.time => Self::At(time, skip + 1),
                _ => Self::At(hit.document.time, 1),
            }),
        }
    }

    /// How many hits the engine passes over.
    pub fn offset(self) -> usize {
        match self {
            Self::Behind(offset) | Self::At(_, offset) => offset,
        }
    }
}

impl Ground<'_> {
    /// Hits from a place on.
    pub async fn fetch(
        &self,
        stage: &Stage,
        from: Spot,
        limit: usize,
        facets: &[&str],
    ) -> Result<Hits<FoundMessage>> {
        let bound = self.bound(from);
        let filter =
            bound.map_or_else(|| self.filter.clone(), |bound| format!("{} AND {bound}", self.filter));
        let question = Search { facets, ..self.question(stage, &filter, from.offset(), limit) };
        Ok(self.engine.search(self.uid, &question).await?)
    }

    /// Of some conversations those with a hit before a place in an order by time.
    pub async fn with_earlier_hits(
        &self,
        stage: &Stage,
        place: Spot,
        conversations: &str,
    ) -> Result<Vec<String>> {
        let Spot::At(time, skip) = place else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        if let Some(before) = self.before(time) {
            let filter = format!("{} AND {conversations} AND {before}", self.filter);
            let facets = &["conversation_id"];
            let question = Search { facets, sort: &[], marks: &[], ..self.question(stage, &filter, 0, 0) };
            let counts = self
                .engine
                .search::<FoundMessage>(self.uid, &question)
                .await?
                .facets
                .remove("conversation_id")
                .unwrap_or_default();
            found.extend(counts.into_iter().filter(|(_, hits)| *hits > 0).map(|(id, _)| id));
        }
        if skip > 0 {
            // The first of those that were written at the same time.
            let hits = self.fetch(stage, Spot::At(time, 0), skip, &[]).await?.hits;
            found.extend(hits.into_iter().map(|hit| hit.document.conversation_id.to_string()));
        }
        Ok(found)
    }

    /// What holds for the hits from a place on.
    fn bound(&self, from: Spot) -> Option<String> {
        match (self.order, from) {
            (Order::Newest, Spot::At(time, _)) if time != i64::MAX => Some(format!("time <= {time}")),
            (Order::Oldest, Spot::At(time, _)) if time != i64::MIN => Some(format!("time >= {time}")),
            _ => None,
        }
    }

    /// What holds for the hits that were written before, in the order asked.
    fn before(&self, time: i64) -> Option<String> {
        match self.order {
            Order::Newest if time != i64::MAX => Some(format!("time > {time}")),
            Order::Oldest if time != i64::MIN => Some(format!("time < {time}")),
            _ => None,
        }
    }

    fn question<'q>(&self, stage: &'q Stage, filter: &'q str, offset: usize, limit: usize) -> Search<'q> {
        Search {
            words: &stage.words,
            all: stage.all,
            // A pair is a word too: one letter that is completed must not find every text that has some.
            fields: if stage.pairs { WITH_PAIRS } else { WORDS },
            answer: ANSWER,
            filter,
            offset,
            limit: limit.min(MAX_TOTAL_HITS.saturating_sub(offset)),
            // Both have as many bytes before each word.
            marks: &["text", "folded"],
            sort: match self.order {
                Order::Relevance => &[],
                Order::Newest => &["time:desc"],
                Order::Oldest => &["time:asc"],
            },
            facets: &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::tests::hit_at;
    use super::*;

    #[test]
    fn a_place_by_time_counts_those_of_the_same_time() {
        let hits = [hit_at(9), hit_at(9), hit_at(7), hit_at(5), hit_at(5)];
        let first = Spot::first(Order::Newest);
        assert_eq!(first.behind(&hits[..1]), Spot::At(9, 1));
        assert_eq!(first.behind(&hits), Spot::At(5, 2));
        assert_eq!(first.behind(&hits[..2]).behind(&hits[2..4]).behind(&hits[4..]), Spot::At(5, 2));
        assert_eq!(Spot::first(Order::Relevance).behind(&hits), Spot::Behind(5));
    }
}
