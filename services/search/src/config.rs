use serde::{Deserialize, Serialize};
use tandem_assembly::{Common, Section};
use tandem_bootstrap::Secret;

/// The settings of the search service.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub common: Common,
    pub search: SearchConfig,
}

/// How the engine is reached and used. Times end in their unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Where Meilisearch is, such as `http://meilisearch:7700`.
    pub meilisearch_url: String,
    /// A key for the indexes that begin with `index_prefix`; empty sends none.
    pub meilisearch_key: Secret,
    /// What the names of our indexes begin with: letters, digits, `-` and `_`.
    pub index_prefix: String,
    /// Milliseconds that one request to the engine may take in a search.
    pub request_timeout_ms: u64,
    /// Milliseconds after which the engine gives up ranking and answers what it has: the answer is then partial. Below
    /// `request_timeout_ms`.
    pub cutoff_ms: u64,
    /// Milliseconds that one search may take in all before it answers the page as it is, marked partial.
    pub budget_ms: u64,
    /// Conversations that a filtered search looks inside at most: when the filter names more, the words are sought first and the hits
    /// filtered after. A longer list costs the engine more than that (measured: 300 ids 1.4 ms, 3,000 ids 60 ms). At most 500.
    pub most_inside: usize,
    /// Milliseconds that one write to the engine may take to be accepted.
    pub write_timeout_ms: u64,
    /// The most bytes of documents in one write.
    pub max_batch_bytes: usize,
    /// The part of the time that a rebuild of an index works, 0.01 to 1; it rests for the remainder, while changes go on into both
    /// indexes.
    pub rebuild_share: f64,
    /// Seconds that a replica holds a feed without a word; another one takes over after them.
    pub lease_s: u32,
    /// Milliseconds between two looks at how far the feeds are.
    pub lag_poll_ms: u64,
    /// Milliseconds that a caller's access scope is remembered.
    pub scope_cache_ms: u64,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            meilisearch_url: "http://127.0.0.1:7700".to_owned(),
            meilisearch_key: Secret::default(),
            index_prefix: "tandem_".to_owned(),
            request_timeout_ms: 2_000,
            cutoff_ms: 1_000,
            budget_ms: 4_000,
            most_inside: 300,
            write_timeout_ms: 30_000,
            max_batch_bytes: 8 << 20,
            rebuild_share: 0.8,
            lease_s: 15,
            lag_poll_ms: 1_000,
            scope_cache_ms: 3_000,
        }
    }
}

impl Section for Config {
    fn common(&self) -> &Common {
        &self.common
    }
}
