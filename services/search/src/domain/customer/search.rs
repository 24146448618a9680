//! Finds customers by part of a name, an e-mail address, or any run of four digits of a phone number; with a filter by one of
//! two plans (design section 6).

use std::collections::HashSet;
use std::time::Duration;

use tandem_database::Pool;
use tandem_fault::Result;
use tokio::time::Instant;
use uuid::Uuid;

use super::cursor::Cursor;
use super::document::{ANSWER, FoundCustomer, document_id};
use crate::domain::plan::Plan;
use crate::domain::scope::{Reader, any};
use crate::engine::settings::MAX_TOTAL_HITS;
use crate::engine::{Engine, Hits, Search};
use crate::peer::{Asking, Profiles, WhichCustomers};
use crate::store;
use crate::text::digits::phone_queries;
use crate::text::query::{Matching, stages};

const NUMBERS: &[&str] = &["phones"];
const WORDS: &[&str] = &["names", "starts", "emails", "facts", "phones"];
const WORDS_AND_PAIRS: &[&str] = &["names", "starts", "emails", "facts", "phones", "pairs"];

/// Hits that are fetched at a time when customer-profile sorts them out.
const CHUNK: usize = 200;
/// How often they are fetched for one page.
const MOST_ROUNDS: usize = 5;

/// What customer searches need.
#[derive(Clone)]
pub struct Customers {
    pub pool: Pool,
    pub engine: Engine,
    pub profiles: Profiles,
    pub budget: Duration,
}

/// A search for customers.
#[derive(Debug)]
pub struct SearchCustomers {
    pub words: String,
    pub filter: Option<WhichCustomers>,
    pub page_size: usize,
    pub cursor: Option<Cursor>,
}

/// Found customers, best first.
#[derive(Debug)]
pub struct FoundCustomers {
    pub customers: Vec<FoundCustomer>,
    pub partial: bool,
    pub next: Option<Cursor>,
    pub plan: Plan,
}

/// Words, whether all must match, and the fields that they are sought in.
type Try = (String, bool, &'static [&'static str]);

/// Where is searched, and who sorts out afterwards.
struct Ground<'a> {
    uid: String,
    filter: String,
    judge: Option<&'a WhichCustomers>,
}

impl Customers {
    /// Errors: `UNAVAILABLE` when engine or customer-profile do not answer in time; what the latter finds wrong in the filter.
    pub async fn search(
        &self,
        reader: &Reader,
        asking: &Asking,
        search: &SearchCustomers,
    ) -> Result<FoundCustomers> {
        let (plan, inside) = self.plan(asking, search).await?;
        let mut found = FoundCustomers { customers: Vec::new(), partial: false, next: None, plan };
        // It named few when the first page was asked for, and pages of one plan do not go on in the other.
        found.partial = plan == Plan::NarrowFirst && inside.is_none();
        let nobody = found.partial || inside.as_ref().is_some_and(Vec::is_empty);
        let (false, Some(uid)) = (nobody, self.uid().await?) else { return Ok(found) };
        let mut filter = reader.customer_filter();
        if let Some(ids) = &inside {
            let ids: Vec<String> = ids.iter().map(|id| document_id(reader.tenant, *id)).collect();
            filter = format!("{filter} AND {}", any("id", &ids));
        }
        let judge = search.filter.as_ref().filter(|_| plan == Plan::TextFirst);
        self.fill(&Ground { uid, filter, judge }, asking, search, &mut found).await?;
        Ok(found)
    }

    /// The index that searches read; none before the first customer.
    pub(super) async fn uid(&self) -> Result<Option<String>> {
        let mut connection = self.pool.acquire().await.map_err(tandem_database::Error::from)?;
        Ok(store::index::live_uid(&mut connection, "customers").await?)
    }

    /// Decides the plan, or keeps that of the earlier pages; with narrow-first the customers to search among, unless they have
    /// become too many since.
    async fn plan(&self, asking: &Asking, search: &SearchCustomers) -> Result<(Plan, Option<Vec<Uuid>>)> {
        let pinned = search.cursor.map(|cursor| cursor.plan);
        let (Some(filter), None | Some(Plan::NarrowFirst)) = (&search.filter, pinned) else {
            return Ok((Plan::TextFirst, None));
        };
        Ok(match (self.profiles.few(asking, filter).await?, pinned) {
            (Some(few), _) => (Plan::NarrowFirst, Some(few)),
            (None, Some(pinned)) => (pinned, None),
            (None, None) => (Plan::TextFirst, None),
        })
    }

    async fn fill(
        &self,
        ground: &Ground<'_>,
        asking: &Asking,
        search: &SearchCustomers,
        found: &mut FoundCustomers,
    ) -> Result<()> {
        let tries = tries(&search.words);
        let first = Cursor { plan: found.plan, stage: 0, offset: 0 };
        let mut at = Cursor { plan: found.plan, ..search.cursor.unwrap_or(first) };
        let end = Instant::now() + self.budget;
        for _ in 0..MOST_ROUNDS {
            let Some((words, all, fields)) = tries.get(at.stage) else { return Ok(()) };
            // One more than the page holds tells whether there is another page.
            let limit = if ground.judge.is_some() { CHUNK } else { search.page_size + 1 };
            let limit = limit.min(MAX_TOTAL_HITS.saturating_sub(at.offset));
            let hits = self.fetch(ground, words, *all, fields, (at.offset, limit)).await?;
            found.partial |= hits.cut_off;
            let ended = hits.hits.len() < limit || limit == 0;
            let shown = self.judged(ground, asking, &hits).await?;
            for hit in hits.hits {
                if found.customers.len() == search.page_size {
                    found.next = Some(at);
                    return Ok(());
                }
                at.offset += 1;
                if shown.as_ref().is_none_or(|shown| shown.contains(&hit.document.customer_id)) {
                    found.customers.push(hit.document);
                }
            }
            if !ended && Instant::now() >= end {
                break;
            }
            if ended && found.customers.is_empty() && search.cursor.is_none() {
                // Nothing at all: ask more loosely.
                at = Cursor { stage: at.stage + 1, ..first };
            } else if ended {
                found.partial |= at.offset >= MAX_TOTAL_HITS;
                return Ok(());
            }
        }
        found.partial = true;
        found.next = Some(at);
        Ok(())
    }

    /// Those of the hits who match the filter; `None` when all do.
    async fn judged(
        &self,
        ground: &Ground<'_>,
        asking: &Asking,
        hits: &Hits<FoundCustomer>,
    ) -> Result<Option<HashSet<Uuid>>> {
        let Some(filter) = ground.judge else { return Ok(None) };
        let ids: Vec<Uuid> = hits.hits.iter().map(|hit| hit.document.customer_id).collect();
        Ok(Some(self.profiles.matching(asking, filter, &ids).await?.into_iter().collect()))
    }

    async fn fetch(
        &self,
        ground: &Ground<'_>,
        words: &str,
        all: bool,
        fields: &[&str],
        (offset, limit): (usize, usize),
    ) -> Result<Hits<FoundCustomer>> {
        let question = Search {
            words,
            all,
            fields,
            answer: ANSWER,
            filter: &ground.filter,
            offset,
            limit,
            marks: &[],
            sort: &[],
            facets: &[],
        };
        Ok(self.engine.search(&ground.uid, &question).await?)
    }
}

/// From strict to loose; the next one is tried when nothing was found.
fn tries(query: &str) -> Vec<Try> {
    let numbers = phone_queries(query);
    if !numbers.is_empty() {
        return numbers.into_iter().map(|digits| (digits, true, NUMBERS)).collect();
    }
    let fields = |pairs| if pairs { WORDS_AND_PAIRS } else { WORDS };
    stages(query, Matching::default())
        .into_iter()
        .map(|stage| (stage.words, stage.all, fields(stage.pairs)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sought_among_numbers_alone() {
        assert_eq!(tries("+7 (916) 555"), [("7916555".to_owned(), true, NUMBERS)]);
        assert_eq!(tries("ana"), [("ana".to_owned(), true, WORDS)]);
        assert_eq!(tries("山田")[0].2, WORDS_AND_PAIRS);
        assert!(tries("--").is_empty());
    }
}
