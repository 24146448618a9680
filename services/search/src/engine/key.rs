use std::time::Duration;

use meilisearch_sdk::client::Client;
use meilisearch_sdk::errors::Error;
use meilisearch_sdk::key::{Action, KeyBuilder};

use super::http::Http;
use super::{EngineError, Result};

/// All that the service does with the engine: no other key is needed.
pub const ACTIONS: [Action; 8] = [
    Action::Search,
    Action::DocumentsAdd,
    Action::DocumentsGet,
    Action::DocumentsDelete,
    Action::IndexesCreate,
    Action::IndexesDelete,
    Action::SettingsUpdate,
    Action::TasksGet,
];

/// Makes a key for the service: it may do [`ACTIONS`] with the indexes that begin with `prefix`. Wants the master key, or one that
/// may make keys. It may not ask for the version: newer engines refuse a key for some indexes that may do what concerns all.
///
/// Errors: the engine is away, or refuses the key, in its own words.
pub async fn make_key(url: &str, master_key: &str, prefix: &str) -> Result<String> {
    let http = Http::new(master_key, Duration::from_secs(10))
        .ok_or_else(|| EngineError::Refused("the master key can't stand in a header".to_owned()))?;
    let client = Client::new_with_client(url.trim_end_matches('/'), None::<String>, http);
    let mut wanted = KeyBuilder::new();
    wanted
        .with_name("tandem-search")
        .with_description("What Tandem's search service may do")
        .with_actions(ACTIONS)
        .with_index(format!("{prefix}*"));
    match client.create_key(&wanted).await {
        Ok(made) => Ok(made.key),
        Err(Error::Meilisearch(error)) => Err(EngineError::Refused(error.error_message)),
        Err(error) => Err(error.into()),
    }
}
