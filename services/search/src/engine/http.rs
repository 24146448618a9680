use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt};
use meilisearch_sdk::errors::Error;
use meilisearch_sdk::request::{HttpClient, Method, parse_response};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest time that connecting may take.
const CONNECT: Duration = Duration::from_secs(1);
/// When a full engine does not say when to come back.
const COME_BACK: Duration = Duration::from_secs(1);
/// The longest delay that is passed on.
const LONGEST_DELAY: u64 = 60;

/// No document of the index has this field yet: the engine then refuses to search it, though the settings name it.
#[derive(Debug, thiserror::Error)]
#[error("no document has the field {field}")]
pub struct NoField {
    pub field: String,
}

/// The HTTP side of the engine's client, with a time-out on every request.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
}

/// The engine's queue is full (503 with `Retry-After`).
#[derive(Debug, thiserror::Error)]
#[error("the engine is full")]
pub struct Busy {
    pub after: Duration,
}

impl Http {
    /// None for a key that can't stand in a header.
    pub fn new(key: &str, timeout: Duration) -> Option<Self> {
        let mut headers = HeaderMap::new();
        if !key.is_empty() {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let builder = reqwest::Client::builder().default_headers(headers).timeout(timeout);
        let client = builder.connect_timeout(CONNECT.min(timeout)).no_proxy().build().ok()?;
        Some(Self { client })
    }

    async fn send<Q: Serialize, Output: DeserializeOwned>(
        &self,
        url: &str,
        method: Method<Q, Vec<u8>>,
        content_type: &str,
        expected: u16,
    ) -> Result<Output, Error> {
        let query = yaup::to_string(method.query())?;
        let verb = match &method {
            Method::Get { .. } => reqwest::Method::GET,
            Method::Delete { .. } => reqwest::Method::DELETE,
            Method::Post { .. } => reqwest::Method::POST,
            Method::Put { .. } => reqwest::Method::PUT,
            Method::Patch { .. } => reqwest::Method::PATCH,
        };
        let mut request = self.client.request(verb, format!("{url}{query}"));
        if let Some(body) = method.into_body() {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        if matches!(status, 503 | 429) {
            let seconds = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            let after =
                seconds.map_or(COME_BACK, |seconds| Duration::from_secs(seconds.clamp(1, LONGEST_DELAY)));
            return Err(Error::Other(Box::new(Busy { after })));
        }
        let body = response.text().await?;
        if status == 400 && body.contains("\"invalid_search_attributes_to_search_on\"") {
            // "Attribute `x` is not searchable. …"
            let field = body.split('`').nth(1).unwrap_or_default().to_owned();
            return Err(Error::Other(Box::new(NoField { field })));
        }
        parse_response(status, expected, if body.is_empty() { "null" } else { &body }, url.to_owned())
    }
}

#[tonic::async_trait]
impl HttpClient for Http {
    async fn request<Query, Body, Output>(
        &self,
        url: &str,
        method: Method<Query, Body>,
        expected_status_code: u16,
    ) -> Result<Output, Error>
    where
        Query: Serialize + Send + Sync,
        Body: Serialize + Send + Sync,
        Output: DeserializeOwned + 'static + Send,
    {
        let body = method.body().map(serde_json::to_vec).transpose()?.unwrap_or_default();
        self.send(url, method.map_body(|_| body.clone()), "application/json", expected_status_code).await
    }

    async fn stream_request<
        Query: Serialize + Send + Sync,
        Body: AsyncRead + Send + Sync + 'static,
        Output: DeserializeOwned + 'static,
    >(
        &self,
        url: &str,
        method: Method<Query, Body>,
        content_type: &str,
        expected_status_code: u16,
    ) -> Result<Output, Error> {
        let (query, mut body) = match method {
            Method::Get { query } => {
                return self.send(url, Method::Get { query }, content_type, expected_status_code).await;
            }
            Method::Delete { query } => {
                return self.send(url, Method::Delete { query }, content_type, expected_status_code).await;
            }
            Method::Post { query, body } => (Method::Post { query, body: () }, Box::pin(body)),
            Method::Put { query, body } => (Method::Put { query, body: () }, Box::pin(body)),
            Method::Patch { query, body } => (Method::Patch { query, body: () }, Box::pin(body)),
        };
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).await.map_err(|error| Error::Other(Box::new(error)))?;
        self.send(url, query.map_body(|()| bytes.clone()), content_type, expected_status_code).await
    }

    fn is_tokio(&self) -> bool {
        true
    }
}
