use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tandem_access::AccessConfig;
use tandem_bootstrap::{Secret, ServerConfig, TelemetryConfig};
use tandem_database::DatabaseConfig;

/// The settings that all four services have, under `[common]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    pub server: ServerConfig,
    pub telemetry: TelemetryConfig,
    pub access: AccessConfig,
    pub database: DatabaseSection,
    /// Sign page and change tokens: at least 32 bytes each, the same for all services. The first signs, all verify.
    pub signing_keys: Vec<Secret>,
    pub peers: Peers,
    /// For tests alone: a file that holds the time (microseconds since 1970, 8 bytes, little endian).
    pub clock_file: Option<PathBuf>,
}

/// The service's own database.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSection {
    /// `postgres://…`: direct or session-pooled, not transaction-pooled.
    pub url: Secret,
    pub pool: DatabaseConfig,
}

/// Where the other services are, and who this one is to them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Peers {
    /// A token with the role `service` and no tenant.
    pub token: Secret,
    /// Path of the certificate, PEM, that the others' certificates are checked with; for `https` only.
    pub ca: Option<PathBuf>,
    /// Such as `http://tandem-conversation:50051`.
    pub conversation: String,
    pub assignment: String,
    pub customer_profile: String,
    pub search: String,
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            token: Secret::default(),
            ca: None,
            conversation: "http://127.0.0.1:50051".to_owned(),
            assignment: "http://127.0.0.1:50052".to_owned(),
            customer_profile: "http://127.0.0.1:50053".to_owned(),
            search: "http://127.0.0.1:50054".to_owned(),
        }
    }
}
