//! `/tasks`.

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::App;
use super::keys::Grant;
use crate::error::{ApiError, Result};
use crate::queue::{Filter, Task};

/// Lists are separated by commas; `*` means all.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListQuery {
    limit: Option<usize>,
    from: Option<u32>,
    uids: Option<String>,
    statuses: Option<String>,
    types: Option<String>,
    index_uids: Option<String>,
}

pub async fn get(
    State(app): State<App>,
    Extension(grant): Extension<Grant>,
    Path(uid): Path<String>,
) -> Result<Json<Task>> {
    let uid = uid.parse().map_err(|_| {
        ApiError::new("invalid_task_uids", format!("`{uid}` is not the uid of a task: a whole number."))
    })?;
    let task = app.queue.get(uid).filter(|task| shows(&grant, task));
    task.map(Json).ok_or_else(|| ApiError::new("task_not_found", format!("Task `{uid}` not found.")))
}

pub async fn list(
    State(app): State<App>,
    Extension(grant): Extension<Grant>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>> {
    let Query(query) = query.map_err(|error| ApiError::new("bad_request", error.body_text()))?;
    let filter = Filter {
        uids: items(query.uids.as_deref(), "uids", |uid| uid.parse().ok())?,
        statuses: items(query.statuses.as_deref(), "statuses", named)?,
        kinds: items(query.types.as_deref(), "types", named)?,
        index_uids: items(query.index_uids.as_deref(), "index_uids", |uid| Some(uid.to_owned()))?,
    };
    let limit = query.limit.unwrap_or(20);
    let (mut tasks, next, total) = app.queue.list(&filter, query.from, limit);
    tasks.retain(|task| shows(&grant, task));
    let from = tasks.first().map(|task| task.uid);
    Ok(Json(json!({ "results": tasks, "total": total, "limit": limit, "from": from, "next": next })))
}

/// A task of an index that the key may touch; one of no index is for who may touch all.
fn shows(grant: &Grant, task: &Task) -> bool {
    grant.allows(task.index_uid.as_deref().unwrap_or("*"))
}

fn items<T>(list: Option<&str>, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
    match list {
        None | Some("*") => Ok(Vec::new()),
        Some(list) => (list.split(','))
            .map(|item| {
                let message = || format!("Invalid value in parameter `{name}`: `{item}`");
                parse(item.trim()).ok_or_else(|| ApiError::new(&format!("invalid_task_{name}"), message()))
            })
            .collect(),
    }
}

/// A status or type by its name on the wire.
fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(Value::String(name.to_owned())).ok()
}
