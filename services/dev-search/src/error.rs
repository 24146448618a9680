//! Errors as the API shows them: `{message, code, type, link}` with the status that Meilisearch 1.15 gives the code.

use std::fmt;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use milli_core::{Error as MilliError, InternalError, UserError};
use serde::{Deserialize, Serialize};

pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// Seconds that a caller is asked to wait when a queue is full.
const RETRY_AFTER: &str = "10";

/// What a caller reads, and what a failed task keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiError {
    pub message: String,
    pub code: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub link: String,
}

impl ApiError {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: code.to_owned(),
            kind: class(code).1.to_owned(),
            link: format!("https://docs.meilisearch.com/errors#{code}"),
        }
    }

    pub fn index_not_found(uid: &str) -> Self {
        Self::new("index_not_found", format!("Index `{uid}` not found."))
    }

    pub fn internal(error: impl fmt::Display) -> Self {
        Self::new("internal", format!("An internal error has occurred. `{error}`."))
    }

    /// Replaces the code of an error in a filter, which depends on the route that carried it.
    pub fn with_filter_code(self, code: &str) -> Self {
        if self.code == "invalid_search_filter" { Self::new(code, self.message) } else { self }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, _) = class(&self.code);
        let mut response = (status, Json(self)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER));
        }
        response
    }
}

/// Status and type of a code; nearly all codes are a caller's mistake in a request.
fn class(code: &str) -> (StatusCode, &'static str) {
    match code {
        "index_not_found" | "document_not_found" | "task_not_found" | "api_key_not_found" | "not_found" => {
            (StatusCode::NOT_FOUND, "invalid_request")
        }
        "index_already_exists" => (StatusCode::CONFLICT, "invalid_request"),
        "missing_authorization_header" | "missing_master_key" => (StatusCode::UNAUTHORIZED, "auth"),
        "invalid_api_key" => (StatusCode::FORBIDDEN, "auth"),
        "method_not_allowed" => (StatusCode::METHOD_NOT_ALLOWED, "invalid_request"),
        "payload_too_large" => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
        "missing_content_type" | "invalid_content_type" => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request")
        }
        "too_many_search_requests" | "too_many_enqueued_tasks" => (StatusCode::SERVICE_UNAVAILABLE, "system"),
        "no_space_left_on_device" => (StatusCode::UNPROCESSABLE_ENTITY, "system"),
        "database_size_limit_reached" | "internal" => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        _ => (StatusCode::BAD_REQUEST, "invalid_request"),
    }
}

impl From<MilliError> for ApiError {
    fn from(error: MilliError) -> Self {
        let code = match &error {
            MilliError::UserError(user) => user_code(user),
            // A document that isn't JSON reaches the indexer's parser, which calls that internal.
            MilliError::InternalError(InternalError::SerdeJson(_)) => "malformed_payload",
            MilliError::InternalError(_) | MilliError::IoError(_) => return Self::internal(error),
        };
        Self::new(code, error.to_string())
    }
}

impl From<milli_core::heed::Error> for ApiError {
    fn from(error: milli_core::heed::Error) -> Self {
        MilliError::from(error).into()
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::new("no_space_left_on_device", error.to_string());
        }
        Self::internal(error)
    }
}

fn user_code(error: &UserError) -> &'static str {
    match error {
        UserError::AttributeLimitReached => "max_fields_limit_exceeded",
        UserError::CriterionError(_) => "invalid_settings_ranking_rules",
        UserError::InvalidDocumentId { .. } | UserError::TooManyDocumentIds { .. } => "invalid_document_id",
        UserError::MissingDocumentId { .. } => "missing_document_id",
        UserError::InvalidFacetsDistribution { .. } => "invalid_search_facets",
        UserError::InvalidGeoField(_) => "invalid_document_geo_field",
        UserError::InvalidFilter(_)
        | UserError::InvalidFilterExpression(..)
        | UserError::FilterOperatorNotAllowed { .. } => "invalid_search_filter",
        UserError::InvalidSortableAttribute { .. }
        | UserError::SortRankingRuleMissing
        | UserError::SortError(_) => "invalid_search_sort",
        UserError::InvalidDistinctAttribute { .. } => "invalid_search_distinct",
        UserError::InvalidSearchableAttribute { .. } => "invalid_search_attributes_to_search_on",
        UserError::MaxDatabaseSizeReached => "database_size_limit_reached",
        UserError::NoSpaceLeftOnDevice => "no_space_left_on_device",
        UserError::NoPrimaryKeyCandidateFound => "index_primary_key_no_candidate_found",
        UserError::MultiplePrimaryKeyCandidatesFound { .. } => "index_primary_key_multiple_candidates_found",
        UserError::PrimaryKeyCannotBeChanged(_) => "index_primary_key_already_exists",
        UserError::SerdeJson(_) => "malformed_payload",
        UserError::InvalidMinTypoWordLenSetting(..) => "invalid_settings_typo_tolerance",
        UserError::DocumentLimitReached
        | UserError::EnvAlreadyOpened
        | UserError::InvalidStoreFile
        | UserError::UnknownInternalDocumentId { .. } => "internal",
        _ => "bad_request",
    }
}
