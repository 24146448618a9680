//! Finds messages, by one of two plans (design section 6).

use std::collections::HashMap;
use std::time::Duration;

use tandem_database::Pool;
use tandem_fault::Result;
use tokio::time::Instant;
use uuid::Uuid;

use super::cursor::{Cursor, MOST_SEEN, Seen, Spot};
use super::judge::{Earlier, Judge};
use super::page::{Group, MOST_HITS, MarkedMessage, Page, Used};
use super::question::{Facet, Order, SearchMessages};
use super::spread::{MOST_WEIGHED, Spread};
use super::walk::Ground;
use crate::domain::plan::Plan;
use crate::domain::scope::{Reader, any};
use crate::engine::settings::MAX_TOTAL_HITS;
use crate::engine::{Engine, Hits};
use crate::peer::{Asking, Conversations};
use crate::store;
use crate::text::query::{Matching, Stage, stages, words_alone};

/// Hits that are fetched at a time.
const CHUNK: usize = 200;
/// Hits a conversation of the page that are fetched first, when nothing sorts them out afterwards: the engine marks the
/// words in every one of them.
const FIRST: usize = 3;
/// How often they are fetched for one page.
const MOST_ROUNDS: usize = 5;
/// Behind all stages of a query: its words are sought over all messages of a conversation.
const SPREAD: usize = usize::MAX >> 1;
/// Values of a facet.
const MOST_COUNTS: usize = 100;
/// What message searches need.
#[derive(Clone)]
pub struct Messages {
    pub pool: Pool,
    pub engine: Engine,
    pub conversations: Conversations,
    pub budget: Duration,
    /// Conversations that a search looks inside at most.
    pub most_inside: usize,
}

/// A page of what was found.
#[derive(Debug)]
pub struct FoundMessages {
    /// By conversation, or each message alone: one of the two is empty.
    pub groups: Vec<Group>,
    pub alone: Vec<MarkedMessage>,
    pub next: Option<Cursor>,
    pub plan: Plan,
    pub partial: bool,
    /// On the first page.
    pub counts: Option<Counts>,
}

/// What the first page counts.
#[derive(Debug, Default)]
pub struct Counts {
    /// About how many messages there are; at least so many when the engine counts no further.
    pub total: usize,
    pub at_least: bool,
    pub facets: Vec<(Facet, Vec<(String, usize)>)>,
    /// Facets count messages that the filter leaves out.
    pub before_filter: bool,
}

/// What is left of a scan.
struct Scan {
    page: Page,
    stage: usize,
    spot: Spot,
    /// The hits go on behind `spot`.
    more: bool,
    partial: bool,
    counts: Counts,
    /// Hits that were looked at, and those of them that match.
    looked: usize,
    matched: usize,
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
        let words = if search.takes_together() { words_alone(&search.words) } else { Vec::new() };
        // Then fewer words than all are sought over all messages of a conversation, not in a single one.
        let matching = if words.is_empty() { search.matching } else { Matching::All };
        let stages = stages(&search.words, matching);
        let mut connection = self.pool.acquire().await.map_err(tandem_database::Error::from)?;
        let uid = store::index::live_uid(&mut connection, "messages").await?;
        drop(connection);
        let (plan, inside, cut) = self.plan(asking, search).await?;
        let (false, Some(uid)) = (stages.is_empty(), uid) else {
            let counts = search.cursor.is_none().then(Counts::default);
            let (groups, alone) = (Vec::new(), Vec::new());
            return Ok(FoundMessages { groups, alone, next: None, plan, partial: false, counts });
        };
        let mut filter = search.engine_filter(reader);
        if let Some(ids) = &inside {
            filter = format!("{filter} AND {}", any("conversation_id", ids));
        }
        let ground = Ground { engine: &self.engine, uid: &uid, filter, order: search.order };
        let seen = search.cursor.as_ref().map(|cursor| cursor.seen.clone()).unwrap_or_default();
        let earlier = match (&search.cursor, search.order) {
            (None, _) => Earlier::Nothing,
            _ if !search.grouped => Earlier::Nothing,
            (Some(_), Order::Relevance) => Earlier::These(&seen),
            (Some(cursor), _) => Earlier::Before(cursor.spot),
        };
        let filter = search.filter.as_ref().filter(|_| plan == Plan::TextFirst);
        let mut judge = Judge::new(&self.conversations, asking, filter, earlier);
        let spread = search.cursor.as_ref().is_some_and(|cursor| cursor.stage == SPREAD);
        let mut scan = if spread {
            Scan { more: false, ..Scan::begin(search, stages.len()) }
        } else {
            self.scan(search, &ground, &stages, &mut judge).await?
        };
        scan.partial |= cut;
        if search.grouped && (scan.more || scan.partial) && !spread {
            complete(&ground, &stages[scan.stage], &mut scan.page).await?;
        }
        if !scan.more && !words.is_empty() {
            let common = Ground { filter: search.engine_filter(reader), ..ground };
            let common = inside.is_some().then_some(&common);
            scan.spread(&ground, common, &words, &mut judge).await?;
        }
        Ok(finish(search, seen, scan, plan))
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
        let listed = self.conversations.list(asking, filter, self.most_inside).await?;
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
        search: &SearchMessages,
        ground: &Ground<'_>,
        stages: &[Stage],
        judge: &mut Judge<'_>,
    ) -> Result<Scan> {
        let mut scan = Scan::begin(search, stages.len());
        let end = Instant::now() + self.budget;
        for round in 0..MOST_ROUNDS {
            if Instant::now() >= end {
                break;
            }
            let stage = &stages[scan.stage];
            let all_match = round == 0 && judge.filter.is_none();
            let limit = if all_match { search.page_size * FIRST } else { CHUNK };
            let first = search.cursor.is_none() && scan.looked == 0;
            let facets: Vec<&str> = search.facets.iter().map(|facet| facet.field()).collect();
            let found = ground.fetch(stage, scan.spot, limit, if first { &facets } else { &[] }).await?;
            scan.partial |= found.cut_off;
            let conversations = found.hits.iter().map(|hit| hit.document.conversation_id);
            judge.decide(ground, stage, conversations).await?;
            if first {
                scan.counts.note(&found, &search.facets, judge.filter.is_some());
            }
            scan.looked += found.hits.len();
            scan.matched +=
                found.hits.iter().filter(|hit| judge.matches(hit.document.conversation_id)).count();
            let count = found.hits.len();
            let spots: Vec<Spot> = (0..=count).map(|used| scan.spot.behind(&found.hits[..used])).collect();
            match scan.page.take(found.hits, |id| judge.shows(id), &stage.needles) {
                Used::Full(used) => {
                    scan.spot = spots[used];
                    return Ok(scan);
                }
                Used::All => scan.spot = spots[count],
            }
            if count < limit {
                // The engine shows nothing beyond its limit: say so instead of ending as if that were all.
                scan.partial |= scan.spot.offset() >= MAX_TOTAL_HITS;
                if scan.page.is_empty() && search.cursor.is_none() && scan.stage + 1 < stages.len() {
                    // Nothing at all: ask more loosely.
                    (scan.stage, scan.spot) = (scan.stage + 1, Spot::first(search.order));
                    (scan.looked, scan.matched) = (0, 0);
                    continue;
                }
                scan.more = false;
                return Ok(scan);
            }
        }
        scan.partial = true;
        Ok(scan)
    }
}

impl Scan {
    fn begin(search: &SearchMessages, stages: usize) -> Self {
        let (stage, spot) = search
            .cursor
            .as_ref()
            .map_or((0, Spot::first(search.order)), |cursor| (cursor.stage, cursor.spot));
        Self {
            page: Page::new(search.page_size, search.grouped),
            stage: stage.min(stages - 1),
            spot,
            more: true,
            partial: false,
            counts: Counts::default(),
            looked: 0,
            matched: 0,
        }
    }
}

impl Scan {
    /// Fills the page with conversations whose messages together have the words.
    async fn spread(
        &mut self,
        ground: &Ground<'_>,
        common: Option<&Ground<'_>>,
        words: &[Stage],
        judge: &mut Judge<'_>,
    ) -> Result<()> {
        (self.stage, self.spot) = (SPREAD, Spot::Behind(0));
        let room = self.page.room();
        if room == 0 {
            self.more = true;
            return Ok(());
        }
        let spread = Spread::rank(ground, common, words).await?;
        let new: Vec<Uuid> = spread.ranking.iter().copied().filter(|id| !self.page.has(*id)).collect();
        judge.decide(ground, &words[0], new.iter().copied()).await?;
        let shown: Vec<Uuid> = new.into_iter().filter(|id| judge.shows(*id)).collect();
        let (now, later) = shown.split_at(room.min(shown.len()));
        if !now.is_empty() {
            let hits = spread.messages(ground, now).await?;
            self.page.take(hits, |_| true, &spread.needles());
        }
        self.more = !later.is_empty();
        self.partial |= !self.more && spread.ranking.len() == MOST_WEIGHED;
        Ok(())
    }
}

impl Counts {
    fn note<T>(&mut self, found: &Hits<T>, facets: &[Facet], before_filter: bool) {
        let sorted = |counts: &HashMap<String, usize>| {
            let mut counts: Vec<(String, usize)> =
                counts.iter().map(|(value, count)| (value.clone(), *count)).collect();
            counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
            counts.truncate(MOST_COUNTS);
            counts
        };
        let of = |facet: &Facet| found.facets.get(facet.field()).map(sorted).unwrap_or_default();
        self.total = found.total;
        self.at_least = found.total >= MAX_TOTAL_HITS;
        self.facets = facets.iter().map(|facet| (*facet, of(facet))).collect();
        self.before_filter = before_filter;
    }
}

/// The scan stopped before the last hit, so a conversation may have better company further on: one more question looks inside
/// the page's conversations alone.
async fn complete(ground: &Ground<'_>, stage: &Stage, page: &mut Page) -> Result<()> {
    let short = page.short();
    if short.is_empty() {
        return Ok(());
    }
    let filter = format!("{} AND {}", ground.filter, any("conversation_id", &short));
    let inside = Ground { filter, ..*ground };
    let limit = CHUNK.min(short.len() * MOST_HITS);
    let found = inside.fetch(stage, Spot::first(ground.order), limit, &[]).await?;
    page.refill(&short, found.hits, &stage.needles);
    Ok(())
}

fn finish(search: &SearchMessages, mut seen: Seen, mut scan: Scan, plan: Plan) -> FoundMessages {
    let mut counts = scan.counts;
    if counts.before_filter && scan.looked > 0 {
        // As large a part of all as of those that were looked at.
        counts.total = counts.total * scan.matched / scan.looked;
    }
    let (groups, alone) = scan.page.into_parts();
    let by_relevance = search.order == Order::Relevance;
    if by_relevance {
        for group in &groups {
            seen.insert(group.conversation);
        }
    }
    let mut next = None;
    if scan.more {
        if by_relevance && search.grouped && seen.len() + search.page_size > MOST_SEEN {
            scan.partial = true;
        } else {
            next = Some(Cursor { plan, stage: scan.stage, spot: scan.spot, seen });
        }
    }
    let counts = search.cursor.is_none().then_some(counts);
    FoundMessages { groups, alone, next, plan, partial: scan.partial, counts }
}
