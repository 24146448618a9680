//! What the parts of a suite say of themselves over HTTP.

use std::time::Duration;

use serde::Deserialize;

use crate::connection::MeilisearchAddress;

const PATIENCE: Duration = Duration::from_secs(3);

/// A service's readiness, by its admin address.
///
/// # Errors
/// Why it is not ready, in the service's words or the network's.
pub async fn readiness(admin: &str) -> Result<(), String> {
    let answer = get(&format!("{admin}/readyz"), "").await?;
    let ready = answer.status().is_success();
    let text = answer.text().await.unwrap_or_default();
    if ready { Ok(()) } else { Err(text.trim().to_owned()) }
}

/// A search engine's version; none where the key opens some indexes and not what concerns all, as that of
/// `tandem search-key`.
///
/// # Errors
/// Why it can't be used.
pub async fn meilisearch_version(address: &MeilisearchAddress) -> Result<Option<String>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        pkg_version: String,
    }
    let url = address.url.trim_end_matches('/');
    let healthy = get(&format!("{url}/health"), "").await?.status();
    if !healthy.is_success() {
        return Err(format!("says {healthy}"));
    }
    let answer = get(&format!("{url}/version"), &address.key).await?;
    if answer.status().is_success() {
        let version: Version = answer.json().await.map_err(|error| error.to_string())?;
        return Ok(Some(version.pkg_version));
    }
    let tasks = get(&format!("{url}/tasks?limit=1"), &address.key).await?.status();
    if tasks.is_success() { Ok(None) } else { Err(format!("refuses the key: {}", answer.status())) }
}

/// The search engine that the environment names: `MEILISEARCH_URL` and `MEILISEARCH_KEY`.
pub fn meilisearch_of_environment() -> Option<MeilisearchAddress> {
    let url = std::env::var("MEILISEARCH_URL").ok().filter(|url| !url.is_empty())?;
    Some(MeilisearchAddress { url, key: std::env::var("MEILISEARCH_KEY").unwrap_or_default() })
}

async fn get(url: &str, key: &str) -> Result<reqwest::Response, String> {
    let client =
        reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().map_err(|error| error.to_string())?;
    let mut request = client.get(url);
    if !key.is_empty() {
        request = request.bearer_auth(key);
    }
    request.send().await.map_err(|error| {
        // The outermost text only repeats the address; the cause says what happened.
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        format!("does not answer: {cause}")
    })
}
