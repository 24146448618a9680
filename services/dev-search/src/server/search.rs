//! `/indexes/{uid}/search`, `/multi-search`.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::body::Body;
use super::{App, blocking, check_index_uid};
use crate::engine::SearchRequest;
use crate::error::{ApiError, Result};

/// Searches that may wait for their turn, as in Meilisearch.
const MAX_WAITING: usize = 1000;

/// Bounds how many searches run and how many wait.
pub struct Searches {
    running: Semaphore,
    waiting: AtomicUsize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManyBody {
    queries: Vec<Map<String, Value>>,
}

pub async fn one(State(app): State<App>, Path(uid): Path<String>, body: Body) -> Result<Json<Value>> {
    let request = SearchRequest::parse(body.value()?)?;
    Ok(Json(Value::Object(search(app, uid, request).await?)))
}

/// Several searches, each with its `indexUid`; one that fails fails all.
pub async fn many(State(app): State<App>, body: Body) -> Result<Json<Value>> {
    let mut results = Vec::new();
    for (position, query) in body.json::<ManyBody>()?.queries.into_iter().enumerate() {
        let answer = one_of_many(app.clone(), query).await.map_err(|error| {
            ApiError::new(&error.code, format!("Inside `.queries[{position}]`: {}", error.message))
        })?;
        results.push(Value::Object(answer));
    }
    Ok(Json(json!({ "results": results })))
}

async fn one_of_many(app: App, mut query: Map<String, Value>) -> Result<Map<String, Value>> {
    let Some(Value::String(uid)) = query.remove("indexUid") else {
        return Err(ApiError::new("missing_index_uid", "Missing field `indexUid`"));
    };
    check_index_uid(&uid)?;
    let request = SearchRequest::parse(Value::Object(query))?;
    let mut answer = search(app, uid.clone(), request).await?;
    answer.insert("indexUid".to_owned(), Value::String(uid));
    Ok(answer)
}

async fn search(app: App, uid: String, request: SearchRequest) -> Result<Map<String, Value>> {
    let searches = app.searches;
    let turn = searches.turn().await?;
    let answer = blocking(move || app.engine.search(&uid, &request)).await;
    drop(turn);
    answer
}

impl Searches {
    pub fn new(parallel: usize) -> Self {
        Self { running: Semaphore::new(parallel), waiting: AtomicUsize::new(0) }
    }

    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        /// Counts down also when the caller hangs up while it waits.
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= MAX_WAITING {
            let message = "Too many search requests running at the same time: retry after 10s.";
            return Err(ApiError::new("too_many_search_requests", message));
        }
        self.running.acquire().await.map_err(ApiError::internal)
    }
}
