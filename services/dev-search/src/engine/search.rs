//! Searching.

use std::time::{Duration, Instant};

use milli_core::score_details::{ScoreDetails, ScoringStrategy};
use milli_core::{DocumentId, Index, SearchResult, TimeBudget, all_obkv_to_json};
use serde_json::{Map, Value, json};

use super::format::{Formatter, select};
use super::search_request::{SearchRequest, Window};
use super::{Engine, parse_filter};
use crate::error::Result;

/// Hits beyond this are never shown, whatever the page; the setting `pagination.maxTotalHits` replaces it.
pub const DEFAULT_MAX_TOTAL_HITS: usize = 1000;

type Txn<'t> = milli_core::heed::RoTxn<'t>;

impl Engine {
    /// Searches one index. Blocks; gives up ranking, not finding, at the index's `searchCutoffMs` (1,500 ms if unset).
    pub fn search(&self, uid: &str, request: &SearchRequest) -> Result<Map<String, Value>> {
        let started = Instant::now();
        let index = self.index(uid)?;
        let txn = index.read_txn()?;
        let max_hits = index.pagination_max_total_hits(&txn)?.and_then(|max| usize::try_from(max).ok());
        let max_hits = max_hits.unwrap_or(DEFAULT_MAX_TOTAL_HITS);
        let (offset, limit) = request.window.bounds(max_hits);

        let mut search = index.search(&txn);
        if let Some(query) = &request.query {
            search.query(query);
        }
        if let Some(filter) = request.filter.as_ref().map(parse_filter).transpose()?.flatten() {
            search.filter(filter);
        }
        if let Some(sort) = &request.sort {
            search.sort_criteria(sort.clone());
        }
        if let Some(attributes) = &request.search_on {
            search.searchable_attributes(attributes);
        }
        if let Some(distinct) = &request.distinct {
            search.distinct(distinct.clone());
        }
        if let Some(threshold) = request.score_threshold {
            search.ranking_score_threshold(threshold);
        }
        if let Some(locales) = &request.locales {
            search.locales(locales.clone());
        }
        let cutoff = index.search_cutoff(&txn)?.map(Duration::from_millis);
        search
            .terms_matching_strategy(request.matching)
            .scoring_strategy(request.scoring())
            .exhaustive_number_hits(matches!(request.window, Window::Page { .. }))
            .time_budget(cutoff.map_or_else(TimeBudget::default, TimeBudget::new))
            .offset(offset)
            .limit(limit);
        let mut found = search.execute()?;
        if found.degraded {
            // As in Meilisearch the answer does not tell: only the time that it took hints at it.
            tracing::debug!(index = uid, "search cut off, ranking incomplete");
        }

        let total = usize::try_from(found.candidates.len()).unwrap_or(usize::MAX).min(max_hits);
        let formatter = Formatter::new(&index, &txn, request, std::mem::take(&mut found.matching_words))?;
        let hits = formatter.with_matcher(|matcher| {
            let scored = found.documents_ids.iter().zip(&found.document_scores);
            scored
                .map(|(&id, scores)| hit(&index, &txn, id, scores, request, &formatter, matcher))
                .collect::<Result<_>>()
        })?;
        let mut answer = Map::new();
        answer.insert("hits".to_owned(), Value::Array(hits));
        answer.insert("query".to_owned(), json!(request.query.as_deref().unwrap_or_default()));
        request.window.describe(total, &mut answer);
        if let Some(facets) = &request.facets {
            count_facets(&index, &txn, facets, found, &mut answer)?;
        }
        let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        answer.insert("processingTimeMs".to_owned(), json!(took));
        Ok(answer)
    }
}

impl SearchRequest {
    fn scoring(&self) -> ScoringStrategy {
        if self.show_score || self.show_score_details || self.score_threshold.is_some() {
            ScoringStrategy::Detailed
        } else {
            ScoringStrategy::Skip
        }
    }
}

impl Window {
    /// Offset and limit, neither beyond `max_hits`. Page 0 has no hits.
    fn bounds(self, max_hits: usize) -> (usize, usize) {
        let (offset, limit) = match self {
            Self::Offset { offset, limit } => (offset, limit),
            Self::Page { page: 0, .. } => (0, 0),
            Self::Page { page, hits_per_page } => (hits_per_page.saturating_mul(page - 1), hits_per_page),
        };
        let offset = offset.min(max_hits);
        (offset, limit.min(max_hits - offset))
    }

    fn describe(self, total: usize, answer: &mut Map<String, Value>) {
        let fields = match self {
            Self::Offset { offset, limit } => {
                json!({ "limit": limit, "offset": offset, "estimatedTotalHits": total })
            }
            Self::Page { page, hits_per_page } => {
                let pages = if hits_per_page == 0 { 0 } else { total.div_ceil(hits_per_page) };
                json!({ "hitsPerPage": hits_per_page, "page": page, "totalPages": pages, "totalHits": total })
            }
        };
        if let Value::Object(fields) = fields {
            answer.extend(fields);
        }
    }
}

fn hit(
    index: &Index,
    txn: &Txn<'_>,
    id: DocumentId,
    scores: &[ScoreDetails],
    request: &SearchRequest,
    formatter: &Formatter,
    matcher: &milli_core::MatcherBuilder<'_>,
) -> Result<Value> {
    let document = all_obkv_to_json(index.document(txn, id)?, formatter.fields())?;
    let displayed = select(document, formatter.displayed());
    let (formatted, positions) = formatter.format(&displayed, matcher);
    let mut hit = select(displayed, request.retrieve.as_deref());
    if let Some(formatted) = formatted {
        hit.insert("_formatted".to_owned(), Value::Object(formatted));
    }
    if let Some(positions) = positions {
        hit.insert("_matchesPosition".to_owned(), json!(positions));
    }
    if request.show_score {
        hit.insert("_rankingScore".to_owned(), json!(ScoreDetails::global_score(scores.iter())));
    }
    if request.show_score_details {
        hit.insert("_rankingScoreDetails".to_owned(), json!(ScoreDetails::to_json_map(scores.iter())));
    }
    Ok(Value::Object(hit))
}

fn count_facets(
    index: &Index,
    txn: &Txn<'_>,
    names: &[String],
    found: SearchResult,
    answer: &mut Map<String, Value>,
) -> Result<()> {
    let orders = index.sort_facet_values_by(txn)?;
    let max = index.max_values_per_facet(txn)?.and_then(|max| usize::try_from(max).ok());
    let mut facets = index.facets_distribution(txn);
    facets.max_values_per_facet(max.unwrap_or(milli_core::DEFAULT_VALUES_PER_FACET));
    if !names.iter().any(|name| name == "*") {
        facets.facets(names.iter().map(|name| (name, orders.get(name))));
    }
    facets.candidates(found.candidates).default_order_by(orders.get("*"));
    answer.insert("facetDistribution".to_owned(), json!(facets.execute()?));
    let stats = facets.compute_stats()?.into_iter();
    let stats: Map<String, Value> =
        stats.map(|(name, (min, max))| (name, json!({ "min": min, "max": max }))).collect();
    answer.insert("facetStats".to_owned(), Value::Object(stats));
    Ok(())
}
