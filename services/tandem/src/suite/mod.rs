//! The whole suite in one process: PostgreSQL and the search engine beside it, four services over real gRPC.
//!
//! For `tandem up`, and for tests that want everything: [`Suite::start`], [`Suite::connection`], [`Suite::stop`].

pub mod demo;
mod keys;
mod ports;
mod services;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::future::select_all;
use tandem_access::Role;
use tandem_ambient::Ambient;
use tandem_assembly::Running;
use tandem_bootstrap::Drain;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub use ports::free_port;
pub use services::migrator;

use self::keys::Keys;
use self::ports::Ports;
use self::services::Setup;
use crate::connection::{Bearer, Connection, MeilisearchAddress, ServiceAddress, ServiceName};
use crate::dev_search::DevSearch;
use crate::folder::{DataFolder, FolderLock};
use crate::health;
use crate::postgres::Cluster;
use crate::progress::Progress;

/// How long the services may take to be ready.
const READY: Duration = Duration::from_secs(60);
/// How long the tokens in the connection file are good for; each start makes new ones.
const TOKEN_TTL_S: u32 = 366 * 24 * 3600;

/// How to run the suite.
#[derive(Debug, Clone)]
pub struct SuiteOptions {
    /// Keeps everything; made when it is not there.
    pub data: PathBuf,
    /// The services take the ports after it; 0 takes free ones.
    pub base_port: u16,
    /// Makes the demo tenant.
    pub demo: bool,
    /// How many replicas of the conversation service, on one database.
    pub conversations: u8,
    /// PostgreSQL makes sure that what was committed survives the machine's end, too.
    pub fsync: bool,
}

/// A suite that serves.
#[derive(Debug)]
pub struct Suite {
    connection: Connection,
    data: DataFolder,
    services: Vec<(ServiceName, Running)>,
    drain: Drain,
    // In the order of their end.
    search: Option<DevSearch>,
    cluster: Cluster,
    _lock: FolderLock,
}

impl Suite {
    /// Starts everything, and answers when all of it is ready. Dropping the future ends what was started.
    ///
    /// # Errors
    /// What is not installed or built, with what to do; a folder that is in use; ports that are taken.
    pub async fn start(options: &SuiteOptions, drain: Drain, progress: &Progress) -> Result<Self> {
        let ambient = Ambient::system();
        let data = DataFolder::create(&options.data)?;
        let lock = data.lock()?;
        data.folder("logs", 0o755)?;
        data.folder("keys", 0o700)?;
        let keys = Keys::load(&data, &ambient)?;

        progress.say("starting PostgreSQL");
        let cluster = Cluster::start(&data, options.fsync, &ambient).await?;
        let databases: BTreeMap<_, _> =
            ServiceName::ALL.into_iter().map(|service| (service, cluster.url_of(service))).collect();
        for (service, url) in &databases {
            let ran = tandem_database::migrate(url, migrator(*service)).await;
            if ran.with_context(|| format!("cannot migrate the database of {service}"))? > 0 {
                progress.say(&format!("migrated the database of {service}"));
            }
        }
        let (search, meilisearch) = search(&data, &ambient, progress).await?;

        progress.say("starting the services");
        let ports: BTreeMap<_, _> = ports::choose(options.base_port)?.into_iter().collect();
        let mut connection = describe(&data, &keys, &ports, &databases, &meilisearch, &ambient);
        let setup = Setup {
            keys: &keys,
            ports,
            databases,
            meilisearch: &meilisearch,
            ambient: &ambient,
            drain: &drain,
        };
        let mut services = Vec::new();
        for service in ServiceName::ALL {
            services.push((service, setup.start(service, &setup.ports[&service]).await?));
        }
        for _ in 1..options.conversations {
            let running = setup.start(ServiceName::Conversation, &Ports::free()?).await?;
            let address = connection.services.get_mut(&ServiceName::Conversation);
            address
                .context("no conversation service")?
                .replicas
                .push(format!("http://{}", running.grpc_addr));
            services.push((ServiceName::Conversation, running));
        }
        until_ready(&services).await?;
        if options.demo {
            connection.channels = demo::set_up(&connection).await.context("cannot set the demo tenant up")?;
            let bearer = bearer(Role::Channel, connection.channels.values().copied().collect());
            let token = keys.minter.mint(&bearer, TOKEN_TTL_S, ambient.now());
            connection.tokens.insert(Role::Channel.as_str().to_owned(), token);
        }
        connection.save(&data)?;
        Ok(Self { connection, data, services, drain, search, cluster, _lock: lock })
    }

    /// How to reach it.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Where it keeps everything.
    pub fn data(&self) -> &DataFolder {
        &self.data
    }

    /// Ends when a service does, which none should before the drain.
    pub async fn until_one_ends(&mut self) -> Result<()> {
        let ended = select_all(self.services.iter_mut().map(|(_, running)| &mut running.served)).await;
        let (outcome, place, _) = ended;
        let (service, _) = self.services.remove(place);
        outcome
            .with_context(|| format!("the service {service} panicked"))?
            .with_context(|| format!("the service {service}"))
    }

    /// Drains the services, then ends the search engine and PostgreSQL.
    ///
    /// # Errors
    /// A service that did not end in order; everything else is ended all the same.
    pub async fn stop(self) -> Result<()> {
        self.drain.begin();
        let mut outcome = Ok(());
        for (service, running) in self.services {
            let served = running.served.await.map_err(anyhow::Error::from);
            if let Err(error) = served.and_then(|served| Ok(served?)) {
                outcome = Err(error.context(format!("the service {service} did not end in order")));
            }
        }
        if let Some(search) = self.search {
            search.stop().await;
        }
        self.cluster.stop().await;
        outcome
    }
}

async fn search(
    data: &DataFolder,
    ambient: &Ambient,
    progress: &Progress,
) -> Result<(Option<DevSearch>, MeilisearchAddress)> {
    if let Some(address) = health::meilisearch_of_environment() {
        return Ok((None, address));
    }
    progress.say("starting the search engine");
    let search = DevSearch::start(data, ambient).await?;
    let address = search.address.clone();
    Ok((Some(search), address))
}

fn describe(
    data: &DataFolder,
    keys: &Keys,
    ports: &BTreeMap<ServiceName, Ports>,
    databases: &BTreeMap<ServiceName, String>,
    meilisearch: &MeilisearchAddress,
    ambient: &Ambient,
) -> Connection {
    let address = |(service, ports): (&ServiceName, &Ports)| {
        let address = ServiceAddress {
            grpc: format!("http://{}", ports.grpc),
            admin: Some(format!("http://{}", ports.admin)),
            database: databases.get(service).cloned(),
            replicas: Vec::new(),
        };
        (*service, address)
    };
    let token = |role: Role| {
        let token = keys.minter.mint(&bearer(role, Vec::new()), TOKEN_TTL_S, ambient.now());
        (role.as_str().to_owned(), token)
    };
    Connection {
        tenant: demo::TENANT,
        issuer: keys.minter.issuer.clone(),
        audience: keys.minter.audience.clone(),
        signing_key: Some(data.signing_key()),
        services: ports.iter().map(address).collect(),
        meilisearch: Some(meilisearch.clone()),
        tokens: Role::ALL.into_iter().map(token).collect(),
        channels: BTreeMap::new(),
        pid: Some(std::process::id()),
    }
}

/// Who a role is in the demo.
fn bearer(role: Role, channels: Vec<Uuid>) -> Bearer {
    let (subject, roles) = match role {
        Role::Agent => (demo::AGENT, vec![role]),
        // A supervisor answers customers, too.
        Role::Supervisor => (demo::SUPERVISOR, vec![Role::Agent, role]),
        Role::Admin => ("admin", vec![role]),
        Role::Channel => ("adapter", vec![role]),
        Role::Ai => ("ai", vec![role]),
        Role::Service => ("tandem", vec![role]),
    };
    let tenant = (role != Role::Service).then_some(demo::TENANT);
    Bearer { subject: subject.to_owned(), tenant, roles, channels }
}

async fn until_ready(services: &[(ServiceName, Running)]) -> Result<()> {
    let until = Instant::now() + READY;
    for (service, running) in services {
        let admin = format!("http://{}", running.admin_addr);
        loop {
            let reason = match health::readiness(&admin).await {
                Ok(()) => break,
                Err(reason) => reason,
            };
            if running.served.is_finished() || Instant::now() >= until {
                bail!("the service {service} is not ready: {reason}");
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}
