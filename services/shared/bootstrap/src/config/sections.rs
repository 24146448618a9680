use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a service is served. Times end in their unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where gRPC and gRPC-Web are served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where health and version are served, in plain text: for the cluster, not for the world.
    pub admin: SocketAddr,
    /// Unary calls in flight in this process; one more is refused with UNAVAILABLE at once.
    pub max_in_flight: usize,
    /// Open streams in this process; one more is refused with UNAVAILABLE at once.
    pub max_streams: usize,
    /// The largest message in bytes, received or sent. Services pass it to their generated servers
    /// (`max_decoding_message_size`, `max_encoding_message_size`).
    pub max_message_bytes: usize,
    /// Milliseconds that a unary call may take when the caller names no deadline. Streams have none.
    pub default_deadline_ms: u64,
    /// Milliseconds between "not serving" and the end of accepting, for load balancers to notice.
    pub drain_notice_ms: u64,
    /// Milliseconds after the notice within which calls must end; the process goes then anyway. With
    /// the notice it must stay below Kubernetes' `terminationGracePeriodSeconds`.
    pub drain_deadline_ms: u64,
    /// Seconds between HTTP/2 pings; 0 sends none.
    pub keepalive_s: u64,
    /// Seconds after which a connection is asked to end, give or take a tenth, so that clients find
    /// new replicas; calls in flight finish. 0 sets no age.
    pub max_connection_age_s: u64,
    /// Served with TLS when set.
    pub tls: Option<Tls>,
    /// Origins whose pages may call through gRPC-Web, such as `https://inbox.example`; `*` is any.
    pub cors_origins: Vec<String>,
}

/// A server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Path of the certificate chain, PEM.
    pub cert: PathBuf,
    /// Path of its private key, PEM.
    pub key: PathBuf,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 50051)),
            admin: SocketAddr::from(([0, 0, 0, 0], 50080)),
            max_in_flight: 512,
            max_streams: 2048,
            max_message_bytes: 4 << 20,
            default_deadline_ms: 10_000,
            drain_notice_ms: 5_000,
            drain_deadline_ms: 20_000,
            keepalive_s: 30,
            max_connection_age_s: 600,
            tls: None,
            cors_origins: Vec::new(),
        }
    }
}

impl ServerConfig {
    pub(crate) fn default_deadline(&self) -> Duration {
        Duration::from_millis(self.default_deadline_ms)
    }

    pub(crate) fn drain_notice(&self) -> Duration {
        Duration::from_millis(self.drain_notice_ms)
    }

    pub(crate) fn drain_deadline(&self) -> Duration {
        Duration::from_millis(self.drain_deadline_ms)
    }
}

/// What a service tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// `human` or `json`; both on standard error.
    pub log_format: LogFormat,
    /// Which spans and events are kept, such as `info,tandem_search=debug`.
    pub log_filter: String,
    /// Where traces and metrics go by OTLP over gRPC, such as `http://collector:4317`: plain text
    /// only, put a collector beside. Without it they go nowhere.
    pub otlp_endpoint: Option<String>,
    /// Seconds between two exports of the metrics.
    pub metric_interval_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// One JSON object a line, for machines.
    Json,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Human,
            log_filter: "info".to_owned(),
            otlp_endpoint: None,
            metric_interval_s: 30,
        }
    }
}
