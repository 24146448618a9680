//! `/keys`: keys that may do some things with some indexes, and what a request needs.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::body::Body;
use super::{App, blocking};
use crate::error::{ApiError, Result};

/// The keys of a server: the master key, and those that were made with it, which stay over a restart.
#[derive(Debug)]
pub struct Keys {
    master: String,
    file: PathBuf,
    made: RwLock<Vec<Key>>,
}

/// A key as the API shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    uid: String,
    key: String,
    name: Option<String>,
    description: Option<String>,
    actions: Vec<String>,
    indexes: Vec<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBody {
    uid: Option<String>,
    name: Option<String>,
    description: Option<String>,
    actions: Vec<String>,
    indexes: Vec<String>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

/// Which indexes the key of a request may touch: patterns such as `tandem_*`; all of them with the master key.
#[derive(Debug, Clone)]
pub struct Grant(Option<Vec<String>>);

impl Keys {
    /// Reads the keys that were made before. The file holds them in the clear, as the folder holds everything else.
    pub fn open(master: String, file: PathBuf) -> Result<Self> {
        let made = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(ApiError::internal)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { master, file, made: RwLock::new(made) })
    }

    /// What a key may do with a request that needs this. `None` for nothing.
    pub fn grant(&self, given: &str, needs: &Need<'_>, now: OffsetDateTime) -> Option<Grant> {
        if given == self.master {
            return Some(Grant(None));
        }
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let key = made.iter().find(|key| key.key == given)?;
        let grant = Grant(Some(key.indexes.clone()));
        let acts = key.actions.iter().any(|action| matches(action, needs.action));
        let alive = key.expires_at.is_none_or(|end| end > now);
        (acts && alive && needs.index.is_none_or(|index| grant.allows(index))).then_some(grant)
    }

    fn add(&self, body: CreateBody) -> Result<Key> {
        let scoped = !body.indexes.iter().any(|index| index == "*");
        if let Some(action) = body.actions.iter().find(|action| scoped && concerns_all(action)) {
            let message = format!("cannot create index-scoped API key with global action `\"{action}\"`");
            return Err(ApiError::new("index_scoped_api_key_with_global_action", message));
        }
        let now = OffsetDateTime::now_utc();
        let key = Key {
            uid: body.uid.map_or_else(uid, Ok)?,
            key: random(32)?,
            name: body.name,
            description: body.description,
            actions: body.actions,
            indexes: body.indexes,
            expires_at: body.expires_at,
            created_at: now,
            updated_at: now,
        };
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        made.push(key.clone());
        std::fs::write(&self.file, serde_json::to_vec(&*made).map_err(ApiError::internal)?)?;
        Ok(key)
    }
}

impl Grant {
    /// Everything: a server without a master key asks for none.
    pub fn all() -> Self {
        Self(None)
    }

    pub fn allows(&self, index: &str) -> bool {
        self.0.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, index)))
    }
}

/// Actions that are not about some indexes: newer servers give them only to keys for all.
fn concerns_all(action: &str) -> bool {
    let of = |area: &str| action.strip_prefix(area).is_some_and(|rest| rest.starts_with('.'));
    action == "version" || ["keys", "metrics", "dumps", "snapshots"].into_iter().any(of)
}

/// `*`, or with a star at the end whatever begins so.
fn matches(pattern: &str, name: &str) -> bool {
    pattern == name || pattern.strip_suffix('*').is_some_and(|start| name.starts_with(start))
}

/// What a key must be allowed for a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Need<'a> {
    pub action: &'static str,
    /// The index that the path names.
    pub index: Option<&'a str>,
}

impl<'a> Need<'a> {
    pub fn of(method: &Method, path: &'a str) -> Self {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let get = method == Method::GET;
        let (action, index) = match parts[..] {
            ["version"] => ("version", None),
            ["stats"] => ("stats.get", None),
            ["tasks", ..] => ("tasks.get", None),
            ["multi-search"] => ("search", None),
            ["swap-indexes"] => ("indexes.swap", None),
            ["keys", ..] if get => ("keys.get", None),
            ["keys", ..] => ("keys.create", None),
            ["indexes"] if get => ("indexes.get", None),
            ["indexes"] => ("indexes.create", None),
            ["indexes", uid] if get => ("indexes.get", Some(uid)),
            ["indexes", uid] if method == Method::DELETE => ("indexes.delete", Some(uid)),
            ["indexes", uid] => ("indexes.update", Some(uid)),
            ["indexes", uid, "stats"] => ("stats.get", Some(uid)),
            ["indexes", uid, "search"] => ("search", Some(uid)),
            ["indexes", uid, "settings", ..] if get => ("settings.get", Some(uid)),
            ["indexes", uid, "settings", ..] => ("settings.update", Some(uid)),
            ["indexes", uid, "documents", "fetch"] => ("documents.get", Some(uid)),
            ["indexes", uid, "documents", "delete" | "delete-batch"] => ("documents.delete", Some(uid)),
            ["indexes", uid, "documents", ..] if get => ("documents.get", Some(uid)),
            ["indexes", uid, "documents", ..] if method == Method::DELETE => ("documents.delete", Some(uid)),
            ["indexes", uid, "documents", ..] => ("documents.add", Some(uid)),
            _ => ("*", None),
        };
        Self { action, index }
    }
}

pub async fn create(State(app): State<App>, body: Body) -> Result<(StatusCode, Json<Key>)> {
    let body: CreateBody = body.json()?;
    let keys = app.keys()?;
    let key = blocking(move || keys.add(body)).await?;
    Ok((StatusCode::CREATED, Json(key)))
}

pub async fn list(State(app): State<App>) -> Result<Json<Value>> {
    let keys = app.keys()?;
    let made = keys.made.read().unwrap_or_else(PoisonError::into_inner);
    Ok(Json(json!({ "results": *made, "offset": 0, "limit": made.len(), "total": made.len() })))
}

pub async fn get(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Key>> {
    let keys = app.keys()?;
    let made = keys.made.read().unwrap_or_else(PoisonError::into_inner);
    let key = made.iter().find(|key| key.uid == name || key.key == name).cloned();
    key.map(Json).ok_or_else(|| ApiError::new("api_key_not_found", format!("API key `{name}` not found.")))
}

impl App {
    fn keys(&self) -> Result<Arc<Keys>> {
        let message = "Meilisearch is running without a master key. To access this API endpoint, you must have set a \
                       master key at launch.";
        self.keys.clone().ok_or_else(|| ApiError::new("missing_master_key", message))
    }
}

/// So many random bytes, in hex.
fn random(bytes: usize) -> Result<String> {
    let mut read = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut read)?;
    Ok(read.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A random UUID (RFC 9562, version 4).
fn uid() -> Result<String> {
    let hex = random(16)?;
    Ok(format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_needs_an_action() {
        let need = |method: Method, path: &'static str| {
            let need = Need::of(&method, path);
            (need.action, need.index)
        };
        assert_eq!(need(Method::POST, "/indexes/a/search"), ("search", Some("a")));
        assert_eq!(need(Method::POST, "/indexes/a/documents"), ("documents.add", Some("a")));
        assert_eq!(need(Method::POST, "/indexes/a/documents/fetch"), ("documents.get", Some("a")));
        assert_eq!(need(Method::POST, "/indexes/a/documents/delete-batch"), ("documents.delete", Some("a")));
        assert_eq!(need(Method::DELETE, "/indexes/a/documents/1"), ("documents.delete", Some("a")));
        assert_eq!(need(Method::PATCH, "/indexes/a/settings"), ("settings.update", Some("a")));
        assert_eq!(need(Method::POST, "/dumps"), ("*", None));
    }

    #[test]
    fn patterns_end_in_a_star() {
        for (pattern, name, fits) in [
            ("*", "anything", true),
            ("tandem_*", "tandem_messages", true),
            ("tandem_*", "other", false),
            ("documents.*", "documents.add", true),
            ("search", "searches", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        assert_eq!(uid().unwrap().len(), 36);
    }
}
