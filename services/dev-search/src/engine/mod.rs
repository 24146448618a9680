//! Meilisearch's engine, one LMDB environment an index.

mod fetch;
mod format;
mod locale;
mod registry;
mod search;
mod search_request;
mod settings;
mod settings_view;
mod write;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use milli_core::update::IndexerConfig;
use milli_core::{Filter, Index, ThreadPoolNoAbort, ThreadPoolNoAbortBuilder};
use serde_json::Value;
use time::OffsetDateTime;

use self::registry::Registry;
pub use self::search_request::SearchRequest;
pub use self::settings::{NAMES as SETTING_NAMES, check as check_settings, code as setting_code};
pub use self::write::Change;
use crate::error::{ApiError, Result};

pub struct Engine {
    registry: RwLock<Registry>,
    indexer: IndexerConfig,
    /// Threads for indexing, apart from those that answer requests.
    pool: ThreadPoolNoAbort,
    stopping: Arc<AtomicBool>,
}

/// What `GET /indexes/{uid}` tells.
pub struct Summary {
    pub uid: String,
    pub primary_key: Option<String>,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

/// What `GET /indexes/{uid}/stats` tells; sizes in bytes.
pub struct Stats {
    pub documents: u64,
    pub documents_bytes: u64,
    pub average_document_bytes: u64,
    pub fields: milli_core::FieldDistribution,
    pub disk_bytes: u64,
    pub used_bytes: u64,
    pub updated_at: OffsetDateTime,
}

impl Engine {
    /// Opens every index in `dir`. `stopping` makes a write under way give up without committing.
    pub fn open(dir: &Path, threads: usize, stopping: Arc<AtomicBool>) -> Result<Self> {
        let pool = |name: &'static str| {
            ThreadPoolNoAbortBuilder::new()
                .thread_name(move |thread| format!("{name}-{thread}"))
                .num_threads(threads)
                .build()
                .map_err(ApiError::internal)
        };
        // Changes of settings use another code path of milli's, with the pool in its configuration.
        let indexer = IndexerConfig { thread_pool: Some(pool("settings")?), ..Default::default() };
        let registry = RwLock::new(Registry::open(dir)?);
        Ok(Self { registry, indexer, pool: pool("indexing")?, stopping })
    }

    /// The last task known to have made, deleted or swapped an index: uids of new ones must be greater.
    pub fn last_applied(&self) -> Option<u32> {
        self.registry().last_applied()
    }

    pub fn index_uids(&self) -> Vec<String> {
        self.registry().uids()
    }

    pub fn summary(&self, uid: &str) -> Result<Summary> {
        let index = self.index(uid)?;
        let txn = index.read_txn()?;
        Ok(Summary {
            uid: uid.to_owned(),
            primary_key: index.primary_key(&txn)?.map(str::to_owned),
            created_at: index.created_at(&txn)?,
            updated_at: index.updated_at(&txn)?,
        })
    }

    pub fn stats(&self, uid: &str) -> Result<Stats> {
        let index = self.index(uid)?;
        let txn = index.read_txn()?;
        let documents = index.documents_stats(&txn)?.unwrap_or_default();
        Ok(Stats {
            documents: index.number_of_documents(&txn)?,
            documents_bytes: documents.total_value_size(),
            average_document_bytes: documents.average_value_size(),
            fields: index.field_distribution(&txn)?,
            disk_bytes: index.on_disk_size()?,
            used_bytes: index.used_size()?,
            updated_at: index.updated_at(&txn)?,
        })
    }

    /// The settings in force, with the defaults filled in.
    pub fn settings(&self, uid: &str) -> Result<Value> {
        settings_view::read(&self.index(uid)?)
    }

    fn index(&self, uid: &str) -> Result<Index> {
        self.registry().index(uid).ok_or_else(|| ApiError::index_not_found(uid))
    }

    fn registry(&self) -> std::sync::RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn registry_mut(&self) -> std::sync::RwLockWriteGuard<'_, Registry> {
        self.registry.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Parses a filter: a string, or an array of strings and of arrays of strings.
fn parse_filter(filter: &Value) -> Result<Option<Filter<'_>>> {
    let filter = Filter::from_json(filter)?;
    if filter.as_ref().is_some_and(|filter| filter.use_contains_operator().is_some()) {
        let message = "Using `CONTAINS` or `STARTS WITH` in a filter requires enabling the `contains filter` \
                       experimental feature, which is not served here.";
        return Err(ApiError::new("feature_not_enabled", message));
    }
    Ok(filter)
}

/// Refuses a filter that cannot be parsed; whether its attributes are filterable is only known when it runs.
pub fn check_filter(filter: &Value) -> Result<()> {
    match parse_filter(filter) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.with_filter_code("invalid_document_filter")),
    }
}
