//! The master key.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;

use crate::error::{ApiError, Result};

/// Lets a request pass that carries the key, or any if there is none.
pub async fn check(State(key): State<Option<Arc<str>>>, request: Request, next: Next) -> Result<Response> {
    if let Some(key) = key {
        let header = request.headers().get(AUTHORIZATION).ok_or_else(|| {
            let message = "The Authorization header is missing. It must use the bearer authorization method.";
            ApiError::new("missing_authorization_header", message)
        })?;
        let given = header.to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
        if given != Some(&*key) {
            return Err(ApiError::new("invalid_api_key", "The provided API key is invalid."));
        }
    }
    Ok(next.run(request).await)
}
