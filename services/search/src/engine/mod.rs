//! The one code path to Meilisearch.
//!
//! Its client has no time-out by default: every request here has one (`http`). Answers are typed, and an engine that is
//! away, slow or full is an [`EngineError`] that tells which.

mod http;
mod index;
mod key;
mod search;
pub mod settings;

use std::time::Duration;

use meilisearch_sdk::client::Client;
use meilisearch_sdk::errors::{Error, ErrorCode};
use tandem_bootstrap::ConfigError;
use tandem_fault::{Fault, Reason};

pub use index::Document;
pub use key::make_key;
pub use search::{Hit, Hits, Search};

use crate::config::SearchConfig;
use http::{Busy, Http, NoField};

/// Meilisearch, as searches and as the indexer see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    searches: Client<Http>,
    writes: Client<Http>,
    pub cutoff: Duration,
    pub write_timeout: Duration,
    max_batch_bytes: usize,
    prefix: String,
}

/// Why the engine did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Its queue is full: again after this long.
    #[error("the engine is full")]
    Busy(Duration),
    /// It does not answer, or not in time, or with a failure of its own.
    #[error("{0}")]
    Down(String),
    /// It has no such index.
    #[error("the engine does not have the index")]
    NoIndex,
    /// No document of the index has this field yet.
    #[error("no document has the field {0}")]
    NoField(String),
    /// It will never take this request or document; its error code, or for a key its words.
    #[error("refused: {0}")]
    Refused(String),
}

pub type Result<T, E = EngineError> = std::result::Result<T, E>;

impl Engine {
    /// # Errors
    /// A URL, a key or a prefix that can't be used.
    pub fn new(config: &SearchConfig) -> Result<Self, ConfigError> {
        let invalid = |setting: &str, problem: &str| Err(ConfigError::invalid(setting, problem));
        let url = config.meilisearch_url.trim_end_matches('/');
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return invalid("search.meilisearch_url", "must be a URL such as http://meilisearch:7700");
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if config.index_prefix.len() > 64 || !config.index_prefix.bytes().all(allowed) {
            return invalid("search.index_prefix", "must be at most 64 letters, digits, `-` and `_`");
        }
        if config.cutoff_ms == 0 || config.cutoff_ms > config.request_timeout_ms {
            return invalid("search.cutoff_ms", "must be 1 to request_timeout_ms");
        }
        let client = |timeout_ms| {
            let http = Http::new(config.meilisearch_key.expose(), Duration::from_millis(timeout_ms))
                .ok_or_else(|| {
                    ConfigError::invalid("search.meilisearch_key", "holds characters that a header can't")
                })?;
            Ok(Client::new_with_client(url, None::<String>, http))
        };
        Ok(Self {
            searches: client(config.request_timeout_ms)?,
            writes: client(config.write_timeout_ms)?,
            cutoff: Duration::from_millis(config.cutoff_ms),
            write_timeout: Duration::from_millis(config.write_timeout_ms),
            max_batch_bytes: config.max_batch_bytes.max(1),
            prefix: config.index_prefix.clone(),
        })
    }

    /// The engine's name of an index.
    pub fn uid(&self, name: &str, shape: i32, generation: i64) -> String {
        format!("{}{name}_v{shape}_g{generation}", self.prefix)
    }
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        match error {
            Error::Meilisearch(error) if error.error_code == ErrorCode::IndexNotFound => Self::NoIndex,
            Error::Meilisearch(error)
                if error.error_type == meilisearch_sdk::errors::ErrorType::InvalidRequest =>
            {
                Self::Refused(error.error_code.to_string())
            }
            Error::Meilisearch(error) => Self::Down(error.error_code.to_string()),
            Error::MeilisearchCommunication(error) if error.status_code == 413 => {
                Self::Refused("payload_too_large".to_owned())
            }
            Error::Other(other) => match other.downcast::<Busy>() {
                Ok(busy) => Self::Busy(busy.after),
                Err(other) => match other.downcast::<NoField>() {
                    Ok(none) => Self::NoField(none.field),
                    Err(other) => Self::Down(other.to_string()),
                },
            },
            other => Self::Down(other.to_string()),
        }
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Busy(after) => {
                tracing::warn!(?after, "the search engine is full");
                Self::new(Reason::DependencyUnavailable, "the index has too much to do").retry_after(after)
            }
            EngineError::Down(cause) => Self::unavailable(cause),
            EngineError::NoIndex => Self::unavailable("the engine does not have the index"),
            EngineError::NoField(field) => Self::internal(format!("no document has the field {field}")),
            EngineError::Refused(code) => Self::internal(format!("the engine refused a request: {code}")),
        }
    }
}

impl From<EngineError> for tandem_database::Error {
    fn from(error: EngineError) -> Self {
        Self::Fault(error.into())
    }
}
