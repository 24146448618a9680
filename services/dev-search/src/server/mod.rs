//! The HTTP API: a file a noun, each a few lines a route.

mod body;
mod documents;
mod indexes;
mod key;
mod keys;
mod search;
mod settings;
mod system;
mod tasks;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

pub use self::keys::Keys;
use self::search::Searches;
use crate::engine::Engine;
use crate::error::{ApiError, Result};
use crate::queue::{Queue, Work};

#[derive(Clone)]
pub struct App {
    engine: Arc<Engine>,
    queue: Arc<Queue>,
    searches: Arc<Searches>,
    keys: Option<Arc<Keys>>,
}

/// All routes. With a master key every one but `/health` wants it, or a key that was made with it, as a bearer token. At most
/// `parallel` searches run at a time.
pub fn router(engine: Arc<Engine>, queue: Arc<Queue>, keys: Option<Keys>, parallel: usize) -> Router {
    let keys = keys.map(Arc::new);
    let app = App { engine, queue, searches: Arc::new(Searches::new(parallel)), keys: keys.clone() };
    let documents =
        get(documents::list).post(documents::replace).put(documents::update).delete(documents::clear);
    let settings = get(settings::get).patch(settings::patch).delete(settings::reset);
    let setting =
        get(settings::get_one).put(settings::set_one).patch(settings::set_one).delete(settings::reset_one);
    let index = get(indexes::get).patch(indexes::update).delete(indexes::delete);
    Router::new()
        .route("/version", get(system::version))
        .route("/stats", get(system::stats))
        .route("/indexes", get(indexes::list).post(indexes::create))
        .route("/indexes/{uid}", index)
        .route("/indexes/{uid}/stats", get(indexes::stats))
        .route("/indexes/{uid}/settings", settings)
        .route("/indexes/{uid}/settings/{name}", setting)
        .route("/indexes/{uid}/documents", documents)
        .route("/indexes/{uid}/documents/delete-batch", post(documents::delete_batch))
        .route("/indexes/{uid}/documents/delete", post(documents::delete_by_filter))
        .route("/indexes/{uid}/documents/fetch", post(documents::fetch))
        .route("/indexes/{uid}/documents/{id}", get(documents::get).delete(documents::delete))
        .route("/indexes/{uid}/search", post(search::one))
        .route("/multi-search", post(search::many))
        .route("/swap-indexes", post(indexes::swap))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{name}", get(keys::get))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{uid}", get(tasks::get))
        .fallback(async || ApiError::new("not_found", "No such route, or one that is not served here."))
        .method_not_allowed_fallback(async || {
            ApiError::new("method_not_allowed", "The route does not serve this method.")
        })
        .layer(middleware::from_fn_with_state(keys, key::check))
        // Below the layer: the one route without a key.
        .route("/health", get(system::health))
        .with_state(app)
}

impl App {
    /// Queues a write and answers as Meilisearch does: 202 with the task's uid.
    async fn enqueue(
        self,
        index_uid: Option<String>,
        work: Work,
        details: Value,
        documents: Vec<u8>,
    ) -> Result<Response> {
        let task = blocking(move || self.queue.enqueue(index_uid, work, details, &documents)).await?;
        let summary = json!({
            "taskUid": task.uid,
            "indexUid": task.index_uid,
            "status": task.status,
            "type": task.kind,
            "enqueuedAt": task.enqueued_at.format(&Rfc3339).map_err(ApiError::internal)?,
        });
        Ok((StatusCode::ACCEPTED, Json(summary)).into_response())
    }
}

/// Runs what touches the disk or computes for long where it holds up no other request.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)?
}

/// Names of indexes: 1 to 400 bytes of `a-z A-Z 0-9 - _`.
fn check_index_uid(uid: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !uid.is_empty() && uid.len() <= 400 && uid.bytes().all(allowed) {
        return Ok(());
    }
    let message = format!(
        "`{uid}` is not a valid index uid. Index uid can be an integer or a string containing only alphanumeric \
         characters, hyphens (-) and underscores (_), and can not be more than 400 bytes."
    );
    Err(ApiError::new("invalid_index_uid", message))
}
