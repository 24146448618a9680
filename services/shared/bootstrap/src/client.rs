//! Calls to other services: a lazy channel, and what every call between services carries.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Status, TimeoutExpired};
use tower::ServiceExt;
use tower::util::MapErr;
use uuid::Uuid;

use crate::config::{ConfigError, Secret};
use crate::deadline::{ForwardDeadline, exceeded};
use crate::trace::InjectTrace;

/// How often a token's file is looked at, at most.
const REREAD: Duration = Duration::from_secs(5);

const TENANT: &str = "x-tandem-tenant";

/// Where another service is, and who we are to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// Such as `http://tandem-conversation:50051`, or `https://…` with `ca`.
    pub endpoint: String,
    /// Path of the certificate, PEM, that the service's certificate is checked with; for `https` only.
    pub ca: Option<PathBuf>,
    /// Milliseconds that connecting may take.
    pub connect_timeout_ms: u64,
    /// Seconds between HTTP/2 pings.
    pub keepalive_s: u64,
    /// The bearer token of this service; empty sends none.
    pub token: Secret,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:50051".to_owned(),
            ca: None,
            connect_timeout_ms: 2_000,
            keepalive_s: 20,
            token: Secret::default(),
        }
    }
}

/// A connection that is made at the first call and made again when it is lost. Within a runtime.
/// Carries nothing of ours; between services take [`internal_channel`].
///
/// # Errors
///
/// An endpoint that is no URL, a certificate that can't be read.
pub fn channel(config: &ClientConfig) -> Result<Channel, ConfigError> {
    let invalid = |error: tonic::transport::Error| ConfigError::invalid(&config.endpoint, describe(&error));
    let mut endpoint = Endpoint::from_shared(config.endpoint.clone()).map_err(invalid)?;
    if endpoint.uri().scheme().is_none() || endpoint.uri().host().is_none() {
        return Err(ConfigError::invalid(&config.endpoint, "is no URL such as http://host:50051"));
    }
    if let Some(path) = &config.ca {
        let pem = std::fs::read(path)
            .map_err(|error| ConfigError::invalid("ca", format!("can't read {}: {error}", path.display())))?;
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
        endpoint = endpoint.tls_config(tls).map_err(invalid)?;
    }
    Ok(endpoint
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .http2_keep_alive_interval(Duration::from_secs(config.keepalive_s.max(1)))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .connect_lazy())
}

fn describe(error: &tonic::transport::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// What generated clients between our services are made with: `XClient::new(internal_channel)`.
/// Cheap to clone; clones share the connection.
///
/// A call carries the trace context, what is left of the deadline of the call being handled, our
/// bearer token, and the tenant that it is [`OnBehalfOf`]. UNAVAILABLE is not retried here.
pub type InternalChannel =
    InterceptedService<MapErr<Channel, fn(tonic::transport::Error) -> Status>, Outgoing>;

/// See [`channel`], whose errors it shares.
pub fn internal_channel(config: &ClientConfig) -> Result<InternalChannel, ConfigError> {
    let channel = channel(config)?.map_err(status as fn(_) -> _);
    let credentials = Credentials::new(config.token.clone())?;
    Ok(InterceptedService::new(channel, Outgoing { credentials }))
}

/// tonic's client reports its own timer as CANCELLED.
fn status(error: tonic::transport::Error) -> Status {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<TimeoutExpired>() {
            return exceeded().into();
        }
        cause = error.source();
    }
    Status::from_error(Box::new(error))
}

/// The tenant that an internal call is about: put it into the request's extensions
/// (`request.extensions_mut().insert(OnBehalfOf(tenant))`). Sent as `x-tandem-tenant`, which services
/// believe of internal callers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnBehalfOf(pub Uuid);

/// The interceptor of an [`InternalChannel`].
#[derive(Debug, Clone)]
pub struct Outgoing {
    credentials: Credentials,
}

impl Interceptor for Outgoing {
    fn call(&mut self, request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        let request = ForwardDeadline.call(request)?;
        let mut request = InjectTrace.call(request)?;
        if let Some(bearer) = self.credentials.bearer() {
            request.metadata_mut().insert("authorization", bearer);
        }
        if let Some(OnBehalfOf(tenant)) = request.extensions().get().copied()
            && let Ok(tenant) = tenant.to_string().parse()
        {
            request.metadata_mut().insert(TENANT, tenant);
        }
        Ok(request)
    }
}

/// A service's own bearer token. One from a file is read again when it is asked for and some seconds
/// have passed, so that a renewed token is used without a restart. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Credentials {
    current: Arc<Mutex<Current>>,
    reread: Duration,
}

#[derive(Debug)]
struct Current {
    secret: Secret,
    // `None` sends no token. Marked as sensitive, which Debug respects.
    header: Option<MetadataValue<Ascii>>,
    read: Instant,
}

impl Credentials {
    /// # Errors
    ///
    /// A token that can't stand in a header, such as one of several lines.
    pub fn new(token: Secret) -> Result<Self, ConfigError> {
        let header = header(&token)?;
        let current = Current { secret: token, header, read: Instant::now() };
        Ok(Self { current: Arc::new(Mutex::new(current)), reread: REREAD })
    }

    fn bearer(&self) -> Option<MetadataValue<Ascii>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = current.secret.file()
            && current.read.elapsed() >= self.reread
        {
            let renewed = Secret::from_file(path).map_err(|error| error.to_string());
            current.read = Instant::now();
            match renewed.and_then(|secret| Ok((header(&secret).map_err(|error| error.problem)?, secret))) {
                Ok((header, secret)) => (current.header, current.secret) = (header, secret),
                // The old one may be good for a while yet.
                Err(error) => tracing::warn!(error, "can't read the service's token again"),
            }
        }
        current.header.clone()
    }
}

fn header(token: &Secret) -> Result<Option<MetadataValue<Ascii>>, ConfigError> {
    if token.is_empty() {
        return Ok(None);
    }
    let header = format!("Bearer {}", token.expose()).parse();
    let mut header: MetadataValue<Ascii> =
        header.map_err(|_| ConfigError::invalid("token", "holds characters that a header can't"))?;
    header.set_sensitive(true);
    Ok(Some(header))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::net::TcpListener;
    use tonic::Code;

    use super::*;
    use crate::testing::{self, Sandbox, guarded};

    fn config(endpoint: String, token: &str) -> ClientConfig {
        ClientConfig { endpoint, token: Secret::new(token), ..ClientConfig::default() }
    }

    #[tokio::test]
    async fn a_call_carries_the_token_and_the_tenant() {
        let sandbox = Sandbox::start().await;
        let channel = internal_channel(&config(sandbox.url(), "s3cret")).unwrap();
        let tenant = Uuid::from_u128(7);
        let mut request = tonic::Request::new("metadata".to_owned());
        request.extensions_mut().insert(OnBehalfOf(tenant));
        let answer = guarded(testing::say(channel.clone(), request)).await.unwrap();
        assert_eq!(answer, format!("Bearer s3cret {tenant}"));
        let plain = guarded(testing::say(channel, tonic::Request::new("metadata".to_owned()))).await.unwrap();
        assert_eq!(plain, "Bearer s3cret -");
    }

    #[tokio::test]
    async fn a_peer_that_never_answers_is_deadline_exceeded_and_none_is_unavailable() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let channel =
            internal_channel(&config(format!("http://{}", silent.local_addr().unwrap()), "")).unwrap();
        let mut request = tonic::Request::new("hello".to_owned());
        request.set_timeout(Duration::from_millis(50));
        let status = guarded(testing::say(channel.clone(), request)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let gone = silent.local_addr().unwrap();
        drop(silent);
        let channel = internal_channel(&config(format!("http://{gone}"), "")).unwrap();
        let status =
            guarded(testing::say(channel, tonic::Request::new("hello".to_owned()))).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }

    #[tokio::test]
    async fn a_renewed_token_is_read_again_and_a_lost_file_keeps_the_old_one() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one\n").unwrap();
        let mut credentials = Credentials::new(Secret::from_file(file.path()).unwrap()).unwrap();
        std::fs::write(file.path(), "two\n").unwrap();
        assert_eq!(credentials.bearer().unwrap(), "Bearer one", "not looked at for every call");
        credentials.reread = Duration::ZERO;
        assert_eq!(credentials.bearer().unwrap(), "Bearer two");
        std::fs::remove_file(file.path()).unwrap();
        assert_eq!(credentials.bearer().unwrap(), "Bearer two");
        assert!(!format!("{credentials:?}").contains("two"));
    }

    #[tokio::test]
    async fn what_is_no_endpoint_or_no_token_is_refused() {
        for wrong in ["", "conversation:50051", "http://a b", "/path"] {
            assert!(channel(&config(wrong.to_owned(), "")).is_err(), "{wrong}");
        }
        let error = internal_channel(&config("http://127.0.0.1:1".to_owned(), "hunter2\nx")).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
