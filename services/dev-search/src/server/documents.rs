//! `/indexes/{uid}/documents`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Body;
use super::{App, blocking, check_index_uid};
use crate::error::{ApiError, Result};
use crate::queue::{Method, Work};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddQuery {
    primary_key: Option<String>,
}

/// Lists are separated by commas.
#[derive(Deserialize)]
pub struct ListQuery {
    offset: Option<usize>,
    limit: Option<usize>,
    fields: Option<String>,
    filter: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FetchBody {
    offset: Option<usize>,
    limit: Option<usize>,
    fields: Option<Vec<String>>,
    filter: Option<Value>,
    ids: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteBody {
    filter: Option<Value>,
}

pub async fn replace(
    State(app): State<App>,
    Path(uid): Path<String>,
    Query(query): Query<AddQuery>,
    body: Body,
) -> Result<Response> {
    add(app, uid, Method::Replace, query.primary_key, body).await
}

pub async fn update(
    State(app): State<App>,
    Path(uid): Path<String>,
    Query(query): Query<AddQuery>,
    body: Body,
) -> Result<Response> {
    add(app, uid, Method::Update, query.primary_key, body).await
}

async fn add(
    app: App,
    uid: String,
    method: Method,
    primary_key: Option<String>,
    body: Body,
) -> Result<Response> {
    check_index_uid(&uid)?;
    let (documents, count) = blocking(move || body.documents()).await?;
    let details = json!({ "receivedDocuments": count, "indexedDocuments": null });
    app.enqueue(Some(uid), Work::AddDocuments { method, primary_key, count }, details, documents).await
}

pub async fn get(
    State(app): State<App>,
    Path((uid, id)): Path<(String, String)>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>> {
    let fields = names(query.fields);
    blocking(move || Ok(Json(Value::Object(app.engine.document(&uid, &id, fields.as_deref())?)))).await
}

pub async fn list(
    State(app): State<App>,
    Path(uid): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>> {
    let body = FetchBody {
        offset: query.offset,
        limit: query.limit,
        fields: names(query.fields),
        filter: query.filter.map(Value::String),
        ids: None,
    };
    read(app, uid, body).await
}

pub async fn fetch(State(app): State<App>, Path(uid): Path<String>, body: Body) -> Result<Json<Value>> {
    read(app, uid, body.json()?).await
}

async fn read(app: App, uid: String, body: FetchBody) -> Result<Json<Value>> {
    let ids = body.ids.map(document_ids).transpose()?;
    let fields = body.fields.filter(|fields| !fields.iter().any(|field| field == "*"));
    let (offset, limit) = (body.offset.unwrap_or(0), body.limit.unwrap_or(20));
    blocking(move || {
        let filter = body.filter.as_ref();
        let window = (offset, limit);
        let page = app.engine.documents(&uid, filter, ids.as_deref(), fields.as_deref(), window)?;
        let total = page.total;
        Ok(Json(json!({ "results": page.documents, "offset": offset, "limit": limit, "total": total })))
    })
    .await
}

pub async fn delete(State(app): State<App>, Path((uid, id)): Path<(String, String)>) -> Result<Response> {
    delete_ids(app, uid, vec![id]).await
}

pub async fn delete_batch(State(app): State<App>, Path(uid): Path<String>, body: Body) -> Result<Response> {
    delete_ids(app, uid, document_ids(body.json()?)?).await
}

async fn delete_ids(app: App, uid: String, ids: Vec<String>) -> Result<Response> {
    check_index_uid(&uid)?;
    let details = json!({ "providedIds": ids.len(), "deletedDocuments": null });
    app.enqueue(Some(uid), Work::DeleteDocuments { ids }, details, Vec::new()).await
}

pub async fn delete_by_filter(
    State(app): State<App>,
    Path(uid): Path<String>,
    body: Body,
) -> Result<Response> {
    check_index_uid(&uid)?;
    let filter = body.json::<DeleteBody>()?.filter;
    let filter = filter.ok_or_else(|| ApiError::new("missing_document_filter", "Missing field `filter`"))?;
    crate::engine::check_filter(&filter)?;
    // The text of the filter, as Meilisearch shows it: a JSON string.
    let details = json!({ "providedIds": 0, "deletedDocuments": null, "originalFilter": filter.to_string() });
    app.enqueue(Some(uid), Work::DeleteByFilter { filter }, details, Vec::new()).await
}

pub async fn clear(State(app): State<App>, Path(uid): Path<String>) -> Result<Response> {
    check_index_uid(&uid)?;
    let details = json!({ "providedIds": 0, "deletedDocuments": null });
    app.enqueue(Some(uid), Work::ClearDocuments, details, Vec::new()).await
}

/// Ids are strings or whole numbers.
fn document_ids(ids: Vec<Value>) -> Result<Vec<String>> {
    (ids.into_iter())
        .map(|id| match id {
            Value::String(id) => Ok(id),
            Value::Number(id) if !id.is_f64() => Ok(id.to_string()),
            other => {
                let message = format!("`{other}` is not a document id: expected a string or an integer.");
                Err(ApiError::new("invalid_document_id", message))
            }
        })
        .collect()
}

fn names(list: Option<String>) -> Option<Vec<String>> {
    let names: Vec<_> = list?.split(',').map(|name| name.trim().to_owned()).collect();
    (!names.iter().any(|name| name == "*")).then_some(names)
}
