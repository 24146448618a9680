//! `/indexes`, `/swap-indexes`.

use std::collections::BTreeSet;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::body::Body;
use super::key::invalid;
use super::keys::Grant;
use super::{App, blocking, check_index_uid};
use crate::engine::{Stats, Summary};
use crate::error::{ApiError, Result};
use crate::queue::Work;

#[derive(Deserialize)]
pub struct ListQuery {
    offset: Option<usize>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBody {
    uid: Option<String>,
    primary_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateBody {
    primary_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwapBody {
    indexes: Vec<String>,
}

pub async fn list(
    State(app): State<App>,
    Extension(grant): Extension<Grant>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>> {
    blocking(move || {
        let (offset, limit) = (query.offset.unwrap_or(0), query.limit.unwrap_or(20));
        let mut uids = app.engine.index_uids();
        uids.retain(|uid| grant.allows(uid));
        let page = uids.iter().skip(offset).take(limit).filter_map(|uid| app.engine.summary(uid).ok());
        let results = page.map(|summary| summary_json(&summary)).collect::<Result<Vec<_>>>()?;
        Ok(Json(json!({ "results": results, "offset": offset, "limit": limit, "total": uids.len() })))
    })
    .await
}

pub async fn create(
    State(app): State<App>,
    Extension(grant): Extension<Grant>,
    body: Body,
) -> Result<Response> {
    let body: CreateBody = body.json()?;
    let uid = body.uid.ok_or_else(|| ApiError::new("missing_index_uid", "Missing field `uid`"))?;
    check_index_uid(&uid)?;
    if !grant.allows(&uid) {
        return Err(invalid());
    }
    let details = json!({ "primaryKey": body.primary_key });
    app.enqueue(Some(uid), Work::CreateIndex { primary_key: body.primary_key }, details, Vec::new()).await
}

pub async fn get(State(app): State<App>, Path(uid): Path<String>) -> Result<Json<Value>> {
    blocking(move || Ok(Json(summary_json(&app.engine.summary(&uid)?)?))).await
}

pub async fn update(State(app): State<App>, Path(uid): Path<String>, body: Body) -> Result<Response> {
    let body: UpdateBody = body.json()?;
    check_index_uid(&uid)?;
    let details = json!({ "primaryKey": body.primary_key });
    app.enqueue(Some(uid), Work::UpdateIndex { primary_key: body.primary_key }, details, Vec::new()).await
}

pub async fn delete(State(app): State<App>, Path(uid): Path<String>) -> Result<Response> {
    check_index_uid(&uid)?;
    app.enqueue(Some(uid), Work::DeleteIndex, json!({ "deletedDocuments": null }), Vec::new()).await
}

pub async fn stats(State(app): State<App>, Path(uid): Path<String>) -> Result<Json<Value>> {
    blocking(move || Ok(Json(stats_json(&app.engine.stats(&uid)?, app.queue.is_indexing(&uid))))).await
}

pub async fn swap(State(app): State<App>, body: Body) -> Result<Response> {
    let mut seen = BTreeSet::new();
    let mut swaps = Vec::new();
    for SwapBody { indexes } in body.json::<Vec<SwapBody>>()? {
        let pair: [String; 2] = indexes
            .try_into()
            .map_err(|_| ApiError::new("invalid_swap_indexes", "Two indexes must be given for each swap."))?;
        for uid in &pair {
            check_index_uid(uid)?;
            if !seen.insert(uid.clone()) {
                let message = format!(
                    "Indexes must be declared only once during a swap. `{uid}` was specified several times."
                );
                return Err(ApiError::new("invalid_swap_duplicate_index_found", message));
            }
        }
        swaps.push(pair);
    }
    let details: Vec<_> = swaps.iter().map(|pair| json!({ "indexes": pair })).collect();
    app.enqueue(None, Work::SwapIndexes { swaps }, json!({ "swaps": details }), Vec::new()).await
}

pub fn stats_json(stats: &Stats, is_indexing: bool) -> Value {
    json!({
        "numberOfDocuments": stats.documents,
        "rawDocumentDbSize": stats.documents_bytes,
        "avgDocumentSize": stats.average_document_bytes,
        "isIndexing": is_indexing,
        "numberOfEmbeddings": 0,
        "numberOfEmbeddedDocuments": 0,
        "fieldDistribution": stats.fields,
    })
}

fn summary_json(summary: &Summary) -> Result<Value> {
    Ok(json!({
        "uid": summary.uid,
        "createdAt": summary.created_at.format(&Rfc3339).map_err(ApiError::internal)?,
        "updatedAt": summary.updated_at.format(&Rfc3339).map_err(ApiError::internal)?,
        "primaryKey": summary.primary_key,
    }))
}
