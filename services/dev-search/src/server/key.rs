//! Who may call what.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use time::OffsetDateTime;

use super::keys::{Grant, Keys, Need};
use crate::error::{ApiError, Result};

/// Lets a request pass that carries the master key, or one that is allowed what the request needs; any request if there is no
/// master key. Handlers read from the [`Grant`] which indexes it may touch.
pub async fn check(
    State(keys): State<Option<Arc<Keys>>>,
    mut request: Request,
    next: Next,
) -> Result<Response> {
    let mut grant = Grant::all();
    if let Some(keys) = keys {
        let header = request.headers().get(AUTHORIZATION).ok_or_else(|| {
            let message = "The Authorization header is missing. It must use the bearer authorization method.";
            ApiError::new("missing_authorization_header", message)
        })?;
        let given = header.to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
        let need = Need::of(request.method(), request.uri().path());
        grant = given
            .and_then(|given| keys.grant(given, &need, OffsetDateTime::now_utc()))
            .ok_or_else(invalid)?;
    }
    request.extensions_mut().insert(grant);
    Ok(next.run(request).await)
}

pub fn invalid() -> ApiError {
    ApiError::new("invalid_api_key", "The provided API key is invalid.")
}
