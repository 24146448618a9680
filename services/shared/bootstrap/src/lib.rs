//! What the servers of all four services share, so that a `main` is a page:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! use serde::{Deserialize, Serialize};
//! use tandem_bootstrap::{
//!     Drain, Readiness, ServerConfig, Service, TelemetryConfig, bind, init_telemetry, load,
//! };
//!
//! #[derive(Debug, Default, Serialize, Deserialize)]
//! #[serde(default, deny_unknown_fields)]
//! struct Config {
//!     server: ServerConfig,
//!     telemetry: TelemetryConfig,
//! }
//!
//! fn main() -> ExitCode {
//!     tandem_bootstrap::install_crypto();
//!     let config: Config = match load(None, "TANDEM_ECHO_") {
//!         Ok(config) => config,
//!         Err(error) => return tandem_bootstrap::exit(&error),
//!     };
//!     let runtime = match tandem_bootstrap::runtime() {
//!         Ok(runtime) => runtime,
//!         Err(error) => return tandem_bootstrap::exit(&error),
//!     };
//!     runtime.block_on(async {
//!         let telemetry = match init_telemetry(&config.telemetry, "echo") {
//!             Ok(telemetry) => telemetry,
//!             Err(error) => return tandem_bootstrap::exit(&error),
//!         };
//!         let outcome = run(config).await;
//!         telemetry.shutdown(Duration::from_secs(5)).await;
//!         outcome.map_or_else(|error| tandem_bootstrap::exit(&*error), |()| ExitCode::SUCCESS)
//!     })
//! }
//!
//! async fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
//!     let drain = Drain::on_signal()?;
//!     let readiness = Readiness::new();
//!     let bound = bind(&config.server).await?;
//!     let service = Service {
//!         name: "echo",
//!         version: env!("CARGO_PKG_VERSION"),
//!         routes: tonic::service::Routes::default(),
//!         grpc_services: vec![],
//!         descriptor_set: &[],
//!     };
//!     // A layer that checks tokens stands where this one stands.
//!     let auth = tower::layer::util::Identity::new();
//!     readiness.set_ready();
//!     bound.serve(service, auth, readiness, drain).await?;
//!     Ok(())
//! }
//! ```
//!
//! Exit codes: 0 drained, [`EXIT_FAILURE`] a failure, [`EXIT_BAD_CONFIGURATION`] a configuration that
//! can't be used, which is named on standard error.
//!
//! To add a layer: a file of its own with its test, after the pattern of `deadline.rs`, and a line in
//! [`Bound::serve`], whose order matters.

mod admin;
mod admission;
mod answer;
mod client;
mod config;
mod connection;
mod cors;
mod deadline;
mod drain;
mod exit;
mod health;
mod methods;
mod panic;
mod server;
mod split;
mod telemetry;
mod trace;
mod unreadable;

#[cfg(test)]
mod testing;

pub use client::{
    ClientConfig, Credentials, InternalChannel, OnBehalfOf, Outgoing, channel, internal_channel,
};
pub use config::{ConfigError, LogFormat, Secret, ServerConfig, TelemetryConfig, Tls, load};
pub use deadline::{Deadline, ForwardDeadline};
pub use drain::{Drain, shutting_down, until_drain};
pub use exit::{EXIT_BAD_CONFIGURATION, EXIT_FAILURE, exit, install_crypto, runtime};
pub use health::Readiness;
pub use server::{Bound, ServeError, Service, bind};
pub use telemetry::{Telemetry, init as init_telemetry};
pub use trace::InjectTrace;
