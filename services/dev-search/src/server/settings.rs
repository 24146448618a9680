//! `/indexes/{uid}/settings`, and each setting under its own name.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::{App, blocking, check_index_uid};
use crate::engine::{SETTING_NAMES, check_settings};
use crate::error::{ApiError, Result};
use crate::queue::Work;

pub async fn get(State(app): State<App>, Path(uid): Path<String>) -> Result<Json<Value>> {
    blocking(move || app.engine.settings(&uid).map(Json)).await
}

pub async fn patch(State(app): State<App>, Path(uid): Path<String>, body: Body) -> Result<Response> {
    change(app, uid, body.value()?).await
}

pub async fn reset(State(app): State<App>, Path(uid): Path<String>) -> Result<Response> {
    let all: Map<_, _> = SETTING_NAMES.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    change(app, uid, Value::Object(all)).await
}

pub async fn get_one(
    State(app): State<App>,
    Path((uid, name)): Path<(String, String)>,
) -> Result<Json<Value>> {
    let name = setting(&name)?;
    blocking(move || Ok(Json(app.engine.settings(&uid)?[name].take()))).await
}

pub async fn set_one(
    State(app): State<App>,
    Path((uid, name)): Path<(String, String)>,
    body: Body,
) -> Result<Response> {
    change(app, uid, json!({ setting(&name)?: body.value()? })).await
}

pub async fn reset_one(
    State(app): State<App>,
    Path((uid, name)): Path<(String, String)>,
) -> Result<Response> {
    change(app, uid, json!({ setting(&name)?: null })).await
}

async fn change(app: App, uid: String, settings: Value) -> Result<Response> {
    check_index_uid(&uid)?;
    check_settings(&settings)?;
    app.enqueue(Some(uid), Work::UpdateSettings { settings: settings.clone() }, settings, Vec::new()).await
}

/// The setting whose name, written with hyphens, stands in the path.
fn setting(path: &str) -> Result<&'static str> {
    let hyphens = |name: &str| {
        crate::engine::setting_code(name).trim_start_matches("invalid_settings_").replace('_', "-")
    };
    (SETTING_NAMES.iter().find(|name| hyphens(name) == path).copied())
        .ok_or_else(|| ApiError::new("not_found", "No such setting, or one that is not served here."))
}
