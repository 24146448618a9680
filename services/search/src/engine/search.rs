use std::collections::HashMap;
use std::time::Duration;

use meilisearch_sdk::documents::{DocumentsQuery, DocumentsResults};
use meilisearch_sdk::search::{MatchingStrategies, SearchQuery, SearchResults, Selectors};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::settings::LOCALE;
use super::{Engine, EngineError, Http, Result};

/// One question to an index.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// In the engine's syntax.
    pub words: &'a str,
    /// Every word must match; else the last ones may be missing.
    pub all: bool,
    /// The fields that are searched.
    pub fields: &'a [&'a str],
    /// The fields that are answered.
    pub answer: &'a [&'a str],
    /// In the engine's syntax.
    pub filter: &'a str,
    pub offset: usize,
    pub limit: usize,
    /// Tell where in these fields the words stand.
    pub marks: &'a [&'a str],
    /// By these before anything else, such as `time:desc`.
    pub sort: &'a [&'a str],
    /// Count what is found by these fields.
    pub facets: &'a [&'a str],
}

/// What was found, in order.
#[derive(Debug)]
pub struct Hits<T> {
    pub hits: Vec<Hit<T>>,
    /// The engine gave up ranking at its cut-off.
    pub cut_off: bool,
    /// About how many there are in all, as far as the engine counts.
    pub total: usize,
    /// By field and value, how many.
    pub facets: HashMap<String, HashMap<String, usize>>,
}

impl<T> Default for Hits<T> {
    fn default() -> Self {
        Self { hits: Vec::new(), cut_off: false, total: 0, facets: HashMap::new() }
    }
}

#[derive(Debug)]
pub struct Hit<T> {
    pub document: T,
    /// Start and length in bytes of the marked fields' texts.
    pub marks: Vec<(usize, usize)>,
}

impl Engine {
    /// A field that no document has yet is left out; without any, or without the index, there is nothing to find.
    pub async fn search<T: DeserializeOwned + Send + Sync + 'static>(
        &self,
        uid: &str,
        search: &Search<'_>,
    ) -> Result<Hits<T>> {
        let index = self.searches.index(uid);
        let mut fields = search.fields.to_vec();
        while !fields.is_empty() {
            let search = Search { fields: &fields, ..search.clone() };
            match query(&index, &search).execute::<T>().await.map_err(EngineError::from) {
                Ok(results) => return Ok(self.hits(results, &search)),
                Err(EngineError::NoField(missing)) => {
                    let there = fields.len();
                    fields.retain(|field| *field != missing);
                    if fields.len() == there {
                        return Err(EngineError::NoField(missing));
                    }
                }
                Err(EngineError::NoIndex) => return Ok(Hits::default()),
                Err(error) => return Err(error),
            }
        }
        Ok(Hits::default())
    }

    /// How many documents pass a filter, exactly: a search's total ends at `maxTotalHits`.
    pub async fn count(&self, uid: &str, filter: &str) -> Result<i64> {
        let index = self.searches.index(uid);
        let mut documents = DocumentsQuery::new(&index);
        documents.with_filter(filter).with_fields(["id"]).with_limit(0);
        match documents.execute::<Value>().await.map_err(EngineError::from) {
            Ok(DocumentsResults { total, .. }) => Ok(total.into()),
            Err(EngineError::NoIndex) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The whole documents of some ids, those that there are.
    pub async fn documents(&self, uid: &str, ids: &[&str]) -> Result<HashMap<String, Value>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let index = self.searches.index(uid);
        let mut documents = DocumentsQuery::new(&index);
        documents.with_ids(ids.iter().copied()).with_limit(ids.len());
        let found = match documents.execute::<Value>().await.map_err(EngineError::from) {
            Ok(found) => found.results,
            Err(EngineError::NoIndex) => Vec::new(),
            Err(error) => return Err(error),
        };
        let key = |document: Value| Some((document.get("id")?.as_str()?.to_owned(), document));
        Ok(found.into_iter().filter_map(key).collect())
    }

    fn hits<T>(&self, results: SearchResults<T>, search: &Search<'_>) -> Hits<T> {
        let took = Duration::from_millis(u64::try_from(results.processing_time_ms).unwrap_or(u64::MAX));
        let total = results.estimated_total_hits.unwrap_or_default();
        let facets = results.facet_distribution.unwrap_or_default();
        let hits = results.hits.into_iter().map(|mut hit| {
            let of = |field: &&str| hit.matches_position.as_mut()?.remove(*field);
            let ranges = search.marks.iter().filter_map(of).flatten();
            let marks = ranges.map(|range| (range.start, range.length)).collect();
            Hit { document: hit.result, marks }
        });
        Hits { hits: hits.collect(), cut_off: took >= self.cutoff, total, facets }
    }
}

fn query<'a>(index: &'a meilisearch_sdk::indexes::Index<Http>, search: &Search<'a>) -> SearchQuery<'a, Http> {
    let mut query = SearchQuery::new(index);
    query
        .with_query(search.words)
        .with_filter(search.filter)
        .with_offset(search.offset)
        .with_limit(search.limit)
        .with_matching_strategy(if search.all { MatchingStrategies::ALL } else { MatchingStrategies::LAST })
        .with_locales(&[LOCALE])
        .with_attributes_to_search_on(search.fields)
        .with_attributes_to_retrieve(Selectors::Some(search.answer));
    if !search.sort.is_empty() {
        query.with_sort(search.sort);
    }
    if !search.facets.is_empty() {
        query.with_facets(Selectors::Some(search.facets));
    }
    if !search.marks.is_empty() {
        query.with_show_matches_position(true);
    }
    query
}
