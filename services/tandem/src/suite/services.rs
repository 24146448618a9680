use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tandem_access::{AccessConfig, KeySource, Role};
use tandem_ambient::Ambient;
use tandem_assembly::{Common, DatabaseSection, Peers, Running};
use tandem_bootstrap::{Drain, Secret, ServerConfig};
use tandem_database::{DatabaseConfig, Migrator};

use super::keys::Keys;
use super::ports::Ports;
use crate::connection::{Bearer, MeilisearchAddress, ServiceName};

/// How long the services' own tokens are good for: nobody runs `tandem up` for longer.
const TOKEN_TTL_S: u32 = 366 * 24 * 3600;
/// What the drain waits for calls in flight, in milliseconds.
const DRAIN_MS: u64 = 10_000;

/// The schema of a service's database.
pub fn migrator(service: ServiceName) -> &'static Migrator {
    match service {
        ServiceName::Conversation => &tandem_conversation::MIGRATOR,
        ServiceName::Assignment => &tandem_assignment::MIGRATOR,
        ServiceName::CustomerProfile => &tandem_customer_profile::MIGRATOR,
        ServiceName::Search => &tandem_search::MIGRATOR,
    }
}

/// What the four services are started with.
pub struct Setup<'a> {
    pub keys: &'a Keys,
    pub ports: BTreeMap<ServiceName, Ports>,
    pub databases: BTreeMap<ServiceName, String>,
    pub meilisearch: &'a MeilisearchAddress,
    pub ambient: &'a Ambient,
    pub drain: &'a Drain,
}

impl Setup<'_> {
    /// Starts one replica of a service in this process. It is ready later.
    pub async fn start(&self, service: ServiceName, ports: &Ports) -> Result<Running> {
        let common = self.common(service, ports)?;
        let (ambient, drain) = (self.ambient.clone(), self.drain.clone());
        let running = match service {
            ServiceName::Conversation => {
                let config = tandem_conversation::Config { common, ..Default::default() };
                tandem_conversation::start(config, ambient, drain).await
            }
            ServiceName::Assignment => {
                let config = tandem_assignment::Config { common };
                tandem_assignment::start(config, ambient, drain).await
            }
            ServiceName::CustomerProfile => {
                let config = tandem_customer_profile::Config { common, ..Default::default() };
                tandem_customer_profile::start(config, ambient, drain).await
            }
            ServiceName::Search => {
                let search = tandem_search::SearchConfig {
                    meilisearch_url: self.meilisearch.url.clone(),
                    meilisearch_key: Secret::new(&self.meilisearch.key),
                    ..Default::default()
                };
                tandem_search::start(tandem_search::Config { common, search }, ambient, drain).await
            }
        };
        running.with_context(|| format!("cannot start the service {service}"))
    }

    fn common(&self, service: ServiceName, ports: &Ports) -> Result<Common> {
        let database = self.databases.get(&service).context("a service has no database")?;
        let peer = |service| {
            self.ports.get(&service).map(|ports| format!("http://{}", ports.grpc)).unwrap_or_default()
        };
        let bearer = Bearer {
            subject: service.as_str().to_owned(),
            tenant: None,
            roles: vec![Role::Service],
            channels: Vec::new(),
        };
        let minter = &self.keys.minter;
        Ok(Common {
            server: ServerConfig {
                listen: ports.grpc,
                admin: ports.admin,
                // Nobody balances load to it, so nobody needs a notice.
                drain_notice_ms: 0,
                drain_deadline_ms: DRAIN_MS,
                // For pages that are developed on this machine.
                cors_origins: vec!["*".to_owned()],
                ..ServerConfig::default()
            },
            access: AccessConfig {
                issuer: minter.issuer.clone(),
                audience: minter.audience.clone(),
                keys: KeySource::File(self.keys.key_set.clone()),
                ..AccessConfig::default()
            },
            database: DatabaseSection { url: Secret::new(database), pool: DatabaseConfig::default() },
            signing_keys: vec![Secret::new(&self.keys.token_key)],
            peers: Peers {
                token: Secret::new(minter.mint(&bearer, TOKEN_TTL_S, self.ambient.now())),
                conversation: peer(ServiceName::Conversation),
                assignment: peer(ServiceName::Assignment),
                customer_profile: peer(ServiceName::CustomerProfile),
                search: peer(ServiceName::Search),
                ..Peers::default()
            },
            ..Common::default()
        })
    }
}
