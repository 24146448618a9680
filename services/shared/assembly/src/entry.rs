use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tandem_ambient::{Ambient, Clock};
use tandem_bootstrap::{ConfigError, Drain, exit, init_telemetry, install_crypto, load, runtime};

use crate::{Common, Running, StartError};

/// A service's whole configuration: the common part and its own.
pub trait Section: DeserializeOwned + Serialize + Default + Send + 'static {
    fn common(&self) -> &Common;
}

/// The system's clock, or a test's.
pub fn clock_of(common: &Common) -> Result<Ambient, ConfigError> {
    let Some(path) = &common.clock_file else { return Ok(Ambient::system()) };
    let clock = Clock::shared(path, Ambient::system().now())
        .map_err(|error| ConfigError::invalid("common.clock_file", error))?;
    Ok(Ambient::new(clock))
}

/// A service's `main`: configuration from the file that the first argument names and from `TANDEM_…`, telemetry, start,
/// drain on SIGTERM, flush.
pub fn run<C: Section, F: Future<Output = Result<Running, StartError>>>(
    name: &'static str,
    start: impl FnOnce(C, Ambient, Drain) -> F,
) -> ExitCode {
    install_crypto();
    let path = std::env::args_os().nth(1).map(PathBuf::from);
    let config: C = match load(path.as_deref(), "TANDEM_") {
        Ok(config) => config,
        Err(error) => return exit(&error),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return exit(&error),
    };
    runtime.block_on(async {
        let telemetry = match init_telemetry(&config.common().telemetry, name) {
            Ok(telemetry) => telemetry,
            Err(error) => return exit(&error),
        };
        let outcome = serve(config, start).await;
        telemetry.shutdown(Duration::from_secs(5)).await;
        outcome.map_or_else(|error| exit(&error), |()| ExitCode::SUCCESS)
    })
}

async fn serve<C: Section, F: Future<Output = Result<Running, StartError>>>(
    config: C,
    start: impl FnOnce(C, Ambient, Drain) -> F,
) -> Result<(), StartError> {
    let ambient = clock_of(config.common())?;
    let drain = Drain::on_signal().map_err(|error| StartError::Other(error.to_string()))?;
    let running = start(config, ambient, drain).await?;
    running.served.await.map_err(|error| StartError::Other(error.to_string()))??;
    Ok(())
}
