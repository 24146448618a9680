//! Bodies of requests: their size, encoding and type.

use std::io::Read;

use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{ApiError, Result};

/// Bytes of a body, before and after it is unpacked: Meilisearch's own default.
const MAX_BYTES: usize = 100 * 1024 * 1024;

/// A body that was read whole, and unpacked if it came gzip-compressed.
pub struct Body {
    bytes: Vec<u8>,
    content_type: Option<String>,
}

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = header(CONTENT_TYPE).map(|value| essence(value).to_owned());
        let encoding = header(CONTENT_ENCODING).map(str::to_ascii_lowercase);
        let bytes = axum::body::to_bytes(body, MAX_BYTES).await.map_err(|_| too_large())?;
        let bytes = match encoding.as_deref() {
            None | Some("identity") => bytes.into(),
            Some("gzip") => super::blocking(move || gunzip(&bytes)).await?,
            Some(other) => {
                let message = format!("The content encoding `{other}` is not served here; use `gzip`.");
                return Err(ApiError::new("invalid_content_type", message));
            }
        };
        Ok(Self { bytes, content_type })
    }
}

impl Body {
    /// The body as one JSON value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        self.check_type(&["application/json"])?;
        serde_json::from_slice(&self.bytes).map_err(|error| self.malformed(&error))
    }

    /// The body as an object, for routes that name their wrong fields themselves.
    pub fn value(&self) -> Result<Value> {
        self.json()
    }

    /// The documents of the body, objects one after another, and how many they are.
    pub fn documents(self) -> Result<(Vec<u8>, usize)> {
        self.check_type(&["application/json", "application/x-ndjson"])?;
        if self.bytes.is_empty() {
            return Err(ApiError::new("missing_payload", "A payload of documents is missing."));
        }
        let mut documents = Vec::with_capacity(self.bytes.len());
        let mut count = 0;
        let mut add = |document: &RawValue| {
            if !document.get().starts_with('{') {
                let message = "The payload is malformed: a document must be an object.";
                return Err(ApiError::new("malformed_payload", message));
            }
            documents.extend_from_slice(document.get().as_bytes());
            documents.push(b'\n');
            count += 1;
            Ok(())
        };
        let is_array = self.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        if is_array && self.content_type.as_deref() == Some("application/json") {
            let array: Vec<&RawValue> =
                serde_json::from_slice(&self.bytes).map_err(|error| self.malformed(&error))?;
            array.into_iter().try_for_each(&mut add)?;
        } else {
            for document in serde_json::Deserializer::from_slice(&self.bytes).into_iter::<&RawValue>() {
                add(document.map_err(|error| self.malformed(&error))?)?;
            }
        }
        Ok((documents, count))
    }

    fn check_type(&self, allowed: &[&str]) -> Result<()> {
        match self.content_type.as_deref() {
            Some(given) if allowed.contains(&given) => Ok(()),
            Some(given) => {
                let message = format!("The Content-Type `{given}` is invalid. Accepted values: {allowed:?}");
                Err(ApiError::new("invalid_content_type", message))
            }
            None => {
                let message = format!("A Content-Type header is missing. Accepted values: {allowed:?}");
                Err(ApiError::new("missing_content_type", message))
            }
        }
    }

    fn malformed(&self, error: &serde_json::Error) -> ApiError {
        // Wrong JSON and JSON of a wrong shape are two mistakes.
        if error.is_data() {
            return ApiError::new("bad_request", error.to_string());
        }
        let kind = self.content_type.as_deref().unwrap_or_default();
        ApiError::new("malformed_payload", format!("The `{kind}` payload provided is malformed: `{error}`."))
    }
}

/// A content type without its parameters.
fn essence(content_type: &str) -> &str {
    content_type.split_once(';').map_or(content_type, |(essence, _)| essence).trim()
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    // One byte more than allowed, to tell a full body from one that is too large.
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) + 1;
    GzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut unpacked)
        .map_err(|error| ApiError::new("malformed_payload", format!("The body is not gzip: `{error}`.")))?;
    if unpacked.len() > MAX_BYTES { Err(too_large()) } else { Ok(unpacked) }
}

fn too_large() -> ApiError {
    let message = format!("The provided payload reached the size limit. The maximum is {MAX_BYTES} bytes.");
    ApiError::new("payload_too_large", message)
}
