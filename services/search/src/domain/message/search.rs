//! Finds messages, by one of two plans (design section 6).

use std::collections::HashSet;
use std::time::Duration;

use tandem_database::Pool;
use tandem_fault::Result;
use tokio::time::Instant;
use uuid::Uuid;

use super::document::{ANSWER, FoundMessage};
use super::page::{Cursor, MOST_SEEN, Plan, Seen};
use super::scan::{Gathering, Group, MOST_HITS, Used};
use crate::domain::scope::{Reader, any};
use crate::domain::time_range::TimeRange;
use crate::engine::settings::MAX_TOTAL_HITS;
use crate::engine::{Engine, EngineError, Search};
use crate::peer::{Asking, Conversations, Filter};
use crate::store;
use crate::text::query::{Stage, stages};

/// Hits that are fetched at a time.
const CHUNK: usize = 200;
/// Hits a conversation of the page that are fetched first, when nothing sorts them out afterwards: the engine marks the
/// words in every one of them.
const FIRST: usize = 3;
/// How often they are fetched for one page.
const MOST_ROUNDS: usize = 5;
/// Conversations that a search looks inside at most: a longer list costs the engine more than over-fetching (measured:
/// 300 ids 1.4 ms, 3,000 ids 60 ms).
const MOST_INSIDE: usize = 300;

/// What message searches need.
#[derive(Clone)]
pub struct Messages {
    pub pool: Pool,
    pub engine: Engine,
    pub conversations: Conversations,
    pub budget: Duration,
}

/// A search for messages.
#[derive(Debug)]
pub struct SearchMessages {
    pub words: String,
    pub channel_ids: Vec<Uuid>,
    pub contact_ids: Vec<Uuid>,
    /// What conversation must decide: the parts of the filter that documents do not hold.
    pub filter: Option<Filter>,
    /// Numbers of kinds in the API.
    pub author_kinds: Vec<i32>,
    pub author_agents: Vec<Uuid>,
    pub time: TimeRange,
    pub page_size: usize,
    pub cursor: Option<Cursor>,
}

/// A page of found conversations.
#[derive(Debug)]
pub struct FoundMessages {
    pub groups: Vec<Group>,
    pub next: Option<Cursor>,
    pub plan: Plan,
    pub partial: bool,
}

/// Where the words are sought and how hits are judged.
struct Ground<'a> {
    uid: &'a str,
    filter: String,
    /// Set when conversation judges each hit's conversation.
    judge: Option<&'a Filter>,
}

/// What is left of a scan.
struct Scan {
    page: Gathering,
    stage: usize,
    offset: usize,
    /// The hits go on behind `offset`.
    more: bool,
    partial: bool,
}

impl Messages {
    /// One page. A caller who may see nothing finds nothing.
    ///
    /// Errors: `UNAVAILABLE` when engine or conversation do not answer in time; what conversation finds wrong in the filter.
    pub async fn search(
        &self,
        reader: &Reader,
        asking: &Asking,
        search: &SearchMessages,
    ) -> Result<FoundMessages> {
        let stages = stages(&search.words);
        let mut connection = self.pool.acquire().await.map_err(tandem_database::Error::from)?;
        let uid = store::index::live_uid(&mut connection, "messages").await?;
        drop(connection);
        let (plan, inside, cut) = self.plan(asking, search).await?;
        let (false, Some(uid)) = (stages.is_empty(), uid) else {
            return Ok(FoundMessages { groups: Vec::new(), next: None, plan, partial: false });
        };
        let mut filter = engine_filter(reader, search);
        if let Some(ids) = &inside {
            filter = format!("{filter} AND {}", any("conversation_id", ids));
        }
        let judge = search.filter.as_ref().filter(|_| plan == Plan::TextFirst);
        let ground = Ground { uid: &uid, filter, judge };
        let seen = search.cursor.as_ref().map(|cursor| cursor.seen.clone()).unwrap_or_default();
        let scan = self.scan(asking, search, &ground, &stages, &seen).await?;
        self.finish(search, ground, &stages, seen, scan, (plan, cut)).await
    }

    /// Decides the plan, or keeps that of the earlier pages. With narrow-first the conversations to look inside, and
    /// whether there have become too many of them since.
    async fn plan(
        &self,
        asking: &Asking,
        search: &SearchMessages,
    ) -> Result<(Plan, Option<Vec<Uuid>>, bool)> {
        let pinned = search.cursor.as_ref().map(|cursor| cursor.plan);
        let (Some(filter), None | Some(Plan::NarrowFirst)) = (&search.filter, pinned) else {
            return Ok((Plan::TextFirst, None, false));
        };
        let listed = self.conversations.list(asking, filter, MOST_INSIDE).await?;
        if listed.exhausted {
            return Ok((Plan::NarrowFirst, Some(listed.ids), false));
        }
        match pinned {
            // It named few when the first page was asked for: stay with the plan, and say that there may be more.
            Some(_) => Ok((Plan::NarrowFirst, Some(listed.ids), true)),
            None => Ok((Plan::TextFirst, None, false)),
        }
    }

    async fn scan(
        &self,
        asking: &Asking,
        search: &SearchMessages,
        ground: &Ground<'_>,
        stages: &[Stage],
        seen: &Seen,
    ) -> Result<Scan> {
        let (stage, offset) = search.cursor.as_ref().map_or((0, 0), |cursor| (cursor.stage, cursor.offset));
        let page = Gathering::new(search.page_size);
        let mut scan = Scan { page, stage: stage.min(stages.len() - 1), offset, more: true, partial: false };
        let end = Instant::now() + self.budget;
        for round in 0..MOST_ROUNDS {
            if Instant::now() >= end {
                break;
            }
            let stage = &stages[scan.stage];
            let limit = if round == 0 && ground.judge.is_none() { search.page_size * FIRST } else { CHUNK };
            let found = self.fetch(ground, stage, scan.offset, limit).await?;
            scan.partial |= found.cut_off;
            let (count, undecided) = (found.hits.len(), scan.page.undecided(&found.hits, seen));
            let allowed: Option<HashSet<Uuid>> = match ground.judge {
                Some(filter) if !undecided.is_empty() => {
                    Some(self.conversations.matching(asking, filter, &undecided).await?.into_iter().collect())
                }
                _ => None,
            };
            let may = |id| allowed.as_ref().is_none_or(|ids| ids.contains(&id));
            match scan.page.take(found.hits, seen, may, &stage.needles) {
                Used::Full(used) => {
                    scan.offset += used;
                    return Ok(scan);
                }
                Used::All => scan.offset += count,
            }
            if count < limit {
                // The engine shows nothing beyond its limit: say so instead of ending as if that were all.
                scan.partial |= scan.offset >= MAX_TOTAL_HITS;
                if scan.page.is_empty() && seen.is_empty() && scan.stage + 1 < stages.len() {
                    // Nothing at all: ask more loosely.
                    (scan.stage, scan.offset) = (scan.stage + 1, 0);
                    continue;
                }
                scan.more = false;
                return Ok(scan);
            }
        }
        scan.partial = true;
        Ok(scan)
    }

    async fn fetch(
        &self,
        ground: &Ground<'_>,
        stage: &Stage,
        offset: usize,
        limit: usize,
    ) -> Result<crate::engine::Hits<FoundMessage>> {
        let search = question(stage, &ground.filter, offset, limit);
        match self.engine.search(ground.uid, &search).await {
            Err(EngineError::NoIndex) => Ok(crate::engine::Hits { hits: Vec::new(), cut_off: false }),
            outcome => Ok(outcome?),
        }
    }

    async fn finish(
        &self,
        search: &SearchMessages,
        ground: Ground<'_>,
        stages: &[Stage],
        mut seen: Seen,
        mut scan: Scan,
        (plan, cut): (Plan, bool),
    ) -> Result<FoundMessages> {
        scan.partial |= cut;
        if scan.more || scan.partial {
            self.complete(&ground, &stages[scan.stage], &mut scan.page).await?;
        }
        let groups = scan.page.into_groups();
        for group in &groups {
            seen.insert(group.conversation);
        }
        let mut next = None;
        if scan.more {
            if seen.len() + search.page_size <= MOST_SEEN {
                next = Some(Cursor { plan, stage: scan.stage, offset: scan.offset, seen });
            } else {
                scan.partial = true;
            }
        }
        Ok(FoundMessages { groups, next, plan, partial: scan.partial })
    }

    /// The scan stopped before the last hit, so a conversation may have better company further on: one more question looks
    /// inside the page's conversations alone.
    async fn complete(&self, ground: &Ground<'_>, stage: &Stage, page: &mut Gathering) -> Result<()> {
        let short = page.short();
        if short.is_empty() {
            return Ok(());
        }
        let inside = format!("{} AND {}", ground.filter, any("conversation_id", &short));
        let ground = Ground { uid: ground.uid, filter: inside, judge: None };
        let found = self.fetch(&ground, stage, 0, CHUNK.min(short.len() * MOST_HITS)).await?;
        page.refill(&short, found.hits, &stage.needles);
        Ok(())
    }
}

fn question<'a>(stage: &'a Stage, filter: &'a str, offset: usize, limit: usize) -> Search<'a> {
    Search {
        words: &stage.words,
        all: stage.all,
        // A pair is a word too: one letter that is completed must not find every text that has some.
        fields: if stage.pairs { &["text", "pairs"] } else { &["text"] },
        answer: ANSWER,
        filter,
        offset,
        limit: limit.min(MAX_TOTAL_HITS.saturating_sub(offset)),
        marks: Some("text"),
    }
}

/// What documents hold of the question, and always tenant and scope.
fn engine_filter(reader: &Reader, search: &SearchMessages) -> String {
    let mut parts = vec![reader.message_filter()];
    for (field, ids) in [
        ("channel_id", &search.channel_ids),
        ("contact_id", &search.contact_ids),
        ("author_id", &search.author_agents),
    ] {
        if !ids.is_empty() {
            parts.push(any(field, ids));
        }
    }
    if !search.author_kinds.is_empty() {
        parts.push(any("author_kind", &search.author_kinds));
    }
    if let Some(from) = search.time.from {
        parts.push(format!("time >= {}", from.timestamp_millis()));
    }
    if let Some(until) = search.time.until {
        parts.push(format!("time < {}", until.timestamp_millis()));
    }
    parts.join(" AND ")
}
