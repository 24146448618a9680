//! `/health`, `/version`, `/stats`.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::indexes::stats_json;
use super::{App, blocking};
use crate::error::{ApiError, Result};

pub async fn health() -> Json<Value> {
    Json(json!({ "status": "available" }))
}

/// The version of the engine, which is the version of the API that this imitates.
pub async fn version() -> Json<Value> {
    use milli_core::constants::{VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH};
    let version = format!("{VERSION_MAJOR}.{VERSION_MINOR}.{VERSION_PATCH}");
    Json(json!({ "commitSha": "tandem-dev-search", "commitDate": "unknown", "pkgVersion": version }))
}

pub async fn stats(State(app): State<App>) -> Result<Json<Value>> {
    blocking(move || {
        let (mut disk, mut used, mut last, mut indexes) = (0, 0, None::<OffsetDateTime>, Map::new());
        for uid in app.engine.index_uids() {
            // An index that went away meanwhile is left out.
            let Ok(stats) = app.engine.stats(&uid) else { continue };
            disk += stats.disk_bytes;
            used += stats.used_bytes;
            last = last.max(Some(stats.updated_at));
            let is_indexing = app.queue.is_indexing(&uid);
            indexes.insert(uid, stats_json(&stats, is_indexing));
        }
        let last = last.map(|last| last.format(&Rfc3339)).transpose().map_err(ApiError::internal)?;
        Ok(Json(json!({
            "databaseSize": disk,
            "usedDatabaseSize": used,
            "lastUpdate": last,
            "indexes": indexes,
        })))
    })
    .await
}
