use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_access::{Role, SigningKey, TokenSpec};
use uuid::Uuid;

use crate::folder::{DataFolder, write_secret};

/// The four services by the names that settings and files use.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum ServiceName {
    Conversation,
    Assignment,
    CustomerProfile,
    Search,
}

/// Where a running suite is.
#[derive(Debug, clap::Args)]
pub struct SuiteArgs {
    /// Where the suite is: the data folder of `tandem up`, or a file such as its `connection.json`
    #[arg(
        long = "connection",
        visible_alias = "data",
        env = "TANDEM_DATA",
        default_value = ".tandem",
        value_name = "PATH"
    )]
    pub connection: PathBuf,
}

/// How to reach a running suite, and as whom: what `tandem up` writes and every other command reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connection {
    /// The tenant that tokens are made for.
    pub tenant: Uuid,
    pub issuer: String,
    pub audience: String,
    /// The key that makes tokens; relative paths begin at this file's folder. Without it only `tokens` are there.
    pub signing_key: Option<PathBuf>,
    pub services: BTreeMap<ServiceName, ServiceAddress>,
    #[serde(default)]
    pub meilisearch: Option<MeilisearchAddress>,
    /// Ready tokens by role.
    #[serde(default)]
    pub tokens: BTreeMap<String, String>,
    /// Channels of the tenant by a short name.
    #[serde(default)]
    pub channels: BTreeMap<String, Uuid>,
    /// The process that wrote this.
    #[serde(default)]
    pub pid: Option<u32>,
}

/// Where one service is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceAddress {
    /// gRPC, such as `http://127.0.0.1:50051`.
    pub grpc: String,
    /// Health and version.
    pub admin: Option<String>,
    /// The service's database, for `tandem migrate` and `tandem doctor`.
    pub database: Option<String>,
    /// gRPC of further replicas on the same database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MeilisearchAddress {
    pub url: String,
    #[serde(default)]
    pub key: String,
}

impl ServiceName {
    pub const ALL: [Self; 4] = [Self::Conversation, Self::Assignment, Self::CustomerProfile, Self::Search];

    /// As folders, packages and processes are called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Assignment => "assignment",
            Self::CustomerProfile => "customer-profile",
            Self::Search => "search",
        }
    }

    /// The database's name.
    pub const fn database(self) -> &'static str {
        match self {
            Self::Conversation => "tandem_conversation",
            Self::Assignment => "tandem_assignment",
            Self::CustomerProfile => "tandem_customer_profile",
            Self::Search => "tandem_search",
        }
    }

    /// Whose service a proto package is.
    pub fn of_package(package: &str) -> Option<Self> {
        match package {
            "tandem.conversation.v1" => Some(Self::Conversation),
            "tandem.assignment.v1" => Some(Self::Assignment),
            "tandem.customer.v1" => Some(Self::CustomerProfile),
            "tandem.search.v1" => Some(Self::Search),
            _ => None,
        }
    }
}

impl std::fmt::Display for ServiceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Connection {
    /// Reads a file, or a data folder's.
    ///
    /// # Errors
    /// When it is not there, with what to do; when it is no such file.
    pub fn load(path: &Path) -> Result<Self> {
        let path = if path.is_dir() { DataFolder::new(path).connection() } else { path.to_owned() };
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "cannot read {}: start the suite with `tandem up`, or name its folder with --data",
                path.display()
            )
        })?;
        let mut connection: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no description of a running suite", path.display()))?;
        if let (Some(key), Some(folder)) = (&mut connection.signing_key, path.parent()) {
            *key = folder.join(&*key);
        }
        Ok(connection)
    }

    /// Writes it into the folder, and beside it the same as variables for shells.
    pub fn save(&self, folder: &DataFolder) -> Result<()> {
        write_secret(&folder.connection(), &serde_json::to_string_pretty(self)?)?;
        write_secret(&folder.path("env"), &self.variables())
    }

    fn variables(&self) -> String {
        let mut lines = vec!["# Written by `tandem up`: `. ./env` in a shell.".to_owned()];
        let mut export = |name: &str, value: &str| {
            lines.push(format!("export TANDEM_{}={value}", name.to_uppercase().replace('-', "_")));
        };
        export("tenant", &self.tenant.to_string());
        for (service, address) in &self.services {
            export(&format!("{service}_endpoint"), &address.grpc);
        }
        for (role, token) in &self.tokens {
            export(&format!("{role}_token"), token);
        }
        for (name, channel) in &self.channels {
            export(&format!("{name}_channel"), &channel.to_string());
        }
        lines.push(String::new());
        lines.join("\n")
    }

    pub fn service(&self, service: ServiceName) -> Result<&ServiceAddress> {
        self.services
            .get(&service)
            .ok_or_else(|| anyhow!("the connection file names no address of {service}"))
    }

    /// A ready token of a role.
    pub fn token(&self, role: Role) -> Result<&str> {
        self.tokens.get(role.as_str()).map(String::as_str).ok_or_else(|| {
            anyhow!("the connection file has no token of the role {role}: give one with --token")
        })
    }

    /// The key that makes tokens.
    pub fn minter(&self) -> Result<Minter> {
        let Some(path) = &self.signing_key else {
            bail!("the connection file names no signing key, so tokens can't be made");
        };
        let pem = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the signing key {}", path.display()))?;
        let key = SigningKey::from_pem(&pem).with_context(|| format!("{}", path.display()))?;
        Ok(Minter { key, issuer: self.issuer.clone(), audience: self.audience.clone() })
    }
}

/// Makes tokens that the suite accepts.
#[derive(Debug, Clone)]
pub struct Minter {
    pub key: SigningKey,
    pub issuer: String,
    pub audience: String,
}

/// Whose token to make.
#[derive(Debug, Clone)]
pub struct Bearer {
    pub subject: String,
    /// `None` for a service, and for nobody else.
    pub tenant: Option<Uuid>,
    pub roles: Vec<Role>,
    /// For an adapter: the channels that it serves.
    pub channels: Vec<Uuid>,
}

impl Minter {
    pub fn mint(&self, bearer: &Bearer, ttl_s: u32, now: DateTime<Utc>) -> String {
        let spec = TokenSpec {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            subject: bearer.subject.clone(),
            tenant: bearer.tenant,
            roles: bearer.roles.iter().copied().collect(),
            channels: bearer.channels.clone(),
            ttl_s,
        };
        self.key.mint(&spec, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let address = ServiceAddress {
            grpc: "http://127.0.0.1:1".to_owned(),
            admin: None,
            database: None,
            replicas: vec![],
        };
        Connection {
            tenant: Uuid::from_u128(1),
            issuer: "tandem".to_owned(),
            audience: "tandem".to_owned(),
            signing_key: Some("keys/signing-key.pem".into()),
            services: [(ServiceName::CustomerProfile, address)].into(),
            meilisearch: None,
            tokens: [("agent".to_owned(), "t.o.k".to_owned())].into(),
            channels: [("web-chat".to_owned(), Uuid::from_u128(2))].into(),
            pid: None,
        }
    }

    #[test]
    fn what_is_saved_is_loaded_and_the_key_is_found_beside_it() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(scratch.path()).unwrap();
        connection().save(&folder).unwrap();
        let loaded = Connection::load(folder.root()).unwrap();
        assert_eq!(loaded.signing_key, Some(folder.signing_key()));
        assert_eq!(loaded.token(Role::Agent).unwrap(), "t.o.k");
        assert!(loaded.token(Role::Ai).unwrap_err().to_string().contains("--token"));
        assert!(loaded.service(ServiceName::Search).is_err());
        let variables = std::fs::read_to_string(folder.path("env")).unwrap();
        for line in [
            "export TANDEM_CUSTOMER_PROFILE_ENDPOINT=http://127.0.0.1:1\n",
            "export TANDEM_AGENT_TOKEN=t.o.k\n",
            "export TANDEM_WEB_CHAT_CHANNEL=00000000-0000-0000-0000-000000000002\n",
        ] {
            assert!(variables.contains(line), "{variables}");
        }
    }

    #[test]
    fn a_missing_file_says_what_to_do() {
        let error = format!("{:#}", Connection::load(Path::new("/nowhere")).unwrap_err());
        assert!(error.contains("tandem up"), "{error}");
    }
}
