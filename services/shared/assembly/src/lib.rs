//! Puts a service together from what all four share: configuration, database, tokens, clients, serving.
//!
//! A service's `start` calls [`Foundation::lay`], builds its domain on it, and ends in
//! [`Foundation::serve`]; its `main` is [`run`].

mod config;
mod entry;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tandem_access::{AuthLayer, Policy, Rule, TenantGate, Verifier};
use tandem_ambient::Ambient;
use tandem_bootstrap::{
    Bound, ClientConfig, ConfigError, Drain, InternalChannel, Readiness, ServeError, Service, bind,
    internal_channel,
};
use tandem_database::{Migrator, Pool, SchemaState, schema_state};
use tandem_signed_token::{KeyError, Signer};
use tokio::task::JoinHandle;
use tonic::service::Routes;

pub use config::{Common, DatabaseSection, Peers};
pub use entry::{Section, clock_of, run};

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{}: {}", .0.setting, .0.problem)]
    Access(tandem_access::ConfigError),
    #[error("common.signing_keys: {0:?}")]
    SigningKeys(KeyError),
    #[error("common.database.url: {0}")]
    Database(String),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("{0}")]
    Other(String),
}

/// What every service stands on.
pub struct Foundation {
    pub name: &'static str,
    pub ambient: Ambient,
    pub drain: Drain,
    pub pool: Pool,
    pub signer: Signer,
    pub readiness: Readiness,
    pub max_message_bytes: usize,
    bound: Bound,
    verifier: Verifier,
    peers: Peers,
}

/// A service that serves.
#[derive(Debug)]
pub struct Running {
    pub grpc_addr: SocketAddr,
    pub admin_addr: SocketAddr,
    /// Ends when the service has drained.
    pub served: JoinHandle<Result<(), ServeError>>,
}

impl Foundation {
    /// Binds the ports, opens the pool, reads the keys, and begins to probe the schema: not ready until the database
    /// is there with every migration that this binary needs.
    pub async fn lay(
        name: &'static str,
        config: Common,
        migrator: &'static Migrator,
        ambient: Ambient,
        drain: Drain,
    ) -> Result<Self, StartError> {
        let verifier = Verifier::new(config.access, ambient.clone()).map_err(StartError::Access)?;
        let keys: Vec<Vec<u8>> =
            config.signing_keys.iter().map(|key| key.expose().as_bytes().to_vec()).collect();
        let signer = Signer::new(&keys).map_err(StartError::SigningKeys)?;
        let pool = tandem_database::connect(config.database.url.expose(), &config.database.pool, name)
            .map_err(|error| StartError::Database(error.to_string()))?;
        let readiness = Readiness::new();
        let bound = bind(&config.server).await?;
        let probed = pool.clone();
        let stop = drain.token();
        let probe = readiness.probe("database", Duration::from_secs(2), 3, move || {
            let pool = probed.clone();
            async move {
                match schema_state(&pool, migrator).await {
                    Ok(SchemaState::Usable) => Ok(()),
                    Ok(SchemaState::Behind(missing)) => {
                        Err(format!("{} migrations are missing, run `tandem migrate`", missing.len()))
                    }
                    Err(error) => Err(error.to_string()),
                }
            }
        });
        tokio::spawn(async move {
            tokio::select! {
                () = probe => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(Self {
            name,
            ambient,
            drain,
            pool,
            signer,
            readiness,
            max_message_bytes: config.server.max_message_bytes,
            bound,
            verifier,
            peers: config.peers,
        })
    }

    /// A channel to another service, as this service.
    pub fn peer(&self, of: impl FnOnce(&Peers) -> &String) -> Result<InternalChannel, ConfigError> {
        let endpoint = of(&self.peers).clone();
        internal_channel(&ClientConfig {
            endpoint,
            ca: self.peers.ca.clone(),
            token: self.peers.token.clone(),
            ..ClientConfig::default()
        })
    }

    /// Serves in the background until the drain is through.
    pub fn serve(
        self,
        routes: Routes,
        grpc_services: Vec<&'static str>,
        rules: &'static [Rule],
        gate: Option<TenantGate>,
    ) -> Running {
        let mut auth = AuthLayer::new(self.verifier, Arc::new(Policy::new(rules)));
        if let Some(gate) = gate {
            auth = auth.gate(gate);
        }
        let service = Service {
            name: self.name,
            version: env!("CARGO_PKG_VERSION"),
            routes,
            grpc_services,
            descriptor_set: tandem_proto::DESCRIPTOR_SET,
        };
        let (grpc_addr, admin_addr) = (self.bound.grpc_addr(), self.bound.admin_addr());
        self.readiness.set_ready();
        let served = tokio::spawn(self.bound.serve(service, auth, self.readiness, self.drain));
        Running { grpc_addr, admin_addr, served }
    }
}
