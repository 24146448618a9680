//! Binds and serves: the stack of layers, reflection, health, gRPC-Web, TLS, and the drain.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt;
use tandem_ambient::Ambient;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic_health::pb::health_server::HealthServer;
use tonic_web::GrpcWebLayer;
use tower::{Layer, ServiceBuilder};
use tower_http::cors::CorsLayer;

use crate::admin::Admin;
use crate::admission::AdmissionLayer;
use crate::answer::{Answer, Request};
use crate::config::{ConfigError, ServerConfig, Tls};
use crate::connection::Connection;
use crate::cors;
use crate::deadline::DeadlineLayer;
use crate::drain::Drain;
use crate::health::{HealthService, Readiness};
use crate::methods::Methods;
use crate::panic::PanicLayer;
use crate::split::Split;
use crate::trace::TraceLayer;
use crate::unreadable::UnreadableLayer;

/// What one service serves.
#[derive(Debug)]
pub struct Service {
    /// Such as `conversation`: for logs and `/version`.
    pub name: &'static str,
    /// The service's own version, `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The generated servers, each with the configured message limits:
    /// `Routes::new(XServer::new(x).max_decoding_message_size(n).max_encoding_message_size(n))`.
    pub routes: Routes,
    /// Full names, such as `tandem.conversation.v1.MessageService`, for health and reflection.
    pub grpc_services: Vec<&'static str>,
    /// An encoded `FileDescriptorSet` with these services and all that they use. It also tells streams
    /// from unary calls: an RPC that is missing in it counts as unary.
    pub descriptor_set: &'static [u8],
}

/// Why a service could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("can't listen on {address} (setting `{setting}`): {error}")]
    Listen { setting: &'static str, address: SocketAddr, error: std::io::Error },
    #[error("can't read {path} (setting `{setting}`): {error}")]
    Tls { setting: &'static str, path: PathBuf, error: std::io::Error },
    #[error("the descriptor set is broken: {0}")]
    Descriptors(String),
    #[error("serving failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    #[error("the admin port failed: {0}")]
    Admin(tonic::transport::Error),
}

/// Both ports, bound but not yet served: their addresses are known.
#[derive(Debug)]
pub struct Bound {
    config: ServerConfig,
    identity: Option<Identity>,
    cors: CorsLayer,
    grpc: TcpListener,
    grpc_addr: SocketAddr,
    admin: TcpListener,
    admin_addr: SocketAddr,
}

/// Binds the ports of `config`, and reads the certificate.
///
/// # Errors
///
/// An origin that is none, a certificate that can't be read, an address that is taken.
pub async fn bind(config: &ServerConfig) -> Result<Bound, ServeError> {
    let cors = cors::layer(&config.cors_origins)?;
    let identity = config.tls.as_ref().map(identity).transpose()?;
    let (grpc, grpc_addr) = listen("server.listen", config.listen).await?;
    let (admin, admin_addr) = listen("server.admin", config.admin).await?;
    Ok(Bound { config: config.clone(), identity, cors, grpc, grpc_addr, admin, admin_addr })
}

async fn listen(setting: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |error| ServeError::Listen { setting, address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn identity(tls: &Tls) -> Result<Identity, ServeError> {
    let read = |setting, path: &PathBuf| {
        std::fs::read(path).map_err(|error| ServeError::Tls { setting, path: path.clone(), error })
    };
    Ok(Identity::from_pem(read("server.tls.cert", &tls.cert)?, read("server.tls.key", &tls.key)?))
}

impl Bound {
    /// Where gRPC is served: the port that was taken when port 0 was asked for.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Where health and version are served.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Serves until `drain` is through. A call passes trace, admission, deadline and panic layers, one
    /// for requests that cannot be read, then `auth`, then the routes; health and reflection pass none of them.
    ///
    /// When the drain begins: not ready at once, after `drain_notice_ms` no more connections and GOAWAY,
    /// and the end as soon as the last call has ended, after `drain_deadline_ms` in any case; what is
    /// open then is cut.
    ///
    /// # Errors
    ///
    /// A certificate or a descriptor set that is broken; a failing port.
    pub async fn serve<L, A>(
        self,
        service: Service,
        auth: L,
        readiness: Readiness,
        drain: Drain,
    ) -> Result<(), ServeError>
    where
        L: Layer<Routes, Service = A>,
        A: tower::Service<Request, Response = Answer, Error = Infallible> + Clone + Send + Sync + 'static,
        A::Future: Send + 'static,
    {
        let Self { config, identity, cors, grpc, grpc_addr, admin, admin_addr } = self;
        let methods = Methods::of(service.descriptor_set).map_err(broken)?;
        let health = HealthService::new(readiness.clone(), &service.grpc_services, drain.token());
        let open = open_routes(&service, health.clone())?;
        let guarded = ServiceBuilder::new()
            .layer(TraceLayer::new(methods.clone()))
            .layer(AdmissionLayer::new(methods.clone(), config.max_in_flight, config.max_streams))
            .layer(DeadlineLayer::new(methods, config.default_deadline()))
            .layer(PanicLayer)
            .layer(UnreadableLayer)
            .layer(auth)
            .service(service.routes.prepare());

        // Whatever way this function ends, nothing of it goes on.
        let gone = tokio_util::sync::CancellationToken::new();
        let _guard = gone.clone().drop_guard();
        let cut = gone.clone();
        let incoming = TcpIncoming::from(grpc)
            .with_nodelay(Some(true))
            .map(move |accepted| accepted.map(|tcp| Connection::new(tcp, cut.clone())));
        let serving = transport(&config, identity)?
            .layer(cors)
            .layer(GrpcWebLayer::new())
            .serve_with_incoming_shutdown(
                Split::new(open, guarded, drain.token()),
                incoming,
                drain.token().cancelled_owned(),
            );
        let admin_port =
            Admin::new(service.name, service.version, readiness.clone(), health).serve(admin, gone);

        tracing::info!(service = service.name, version = service.version, %grpc_addr, %admin_addr, "serving");
        tokio::select! {
            served = serving => served.map_err(ServeError::Transport)?,
            failed = admin_port => failed.map_err(ServeError::Admin)?,
            () = hard_end(&config, &readiness, &drain) => {
                tracing::warn!(service = service.name, "calls were still open at the drain's deadline");
            }
        }
        tracing::info!(service = service.name, "drained");
        Ok(())
    }
}

/// Walks through the drain's steps; ends when its time is up.
async fn hard_end(config: &ServerConfig, readiness: &Readiness, drain: &Drain) {
    drain.signalled().cancelled().await;
    readiness.set_draining();
    tokio::time::sleep(config.drain_notice()).await;
    drain.stop_accepting();
    tokio::time::sleep(config.drain_deadline()).await;
}

/// Health and reflection: for anybody, at any load.
fn open_routes(service: &Service, health: HealthService) -> Result<Routes, ServeError> {
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(service.descriptor_set)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health");
        service.grpc_services.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    let v1 = reflection().with_service_name("grpc.reflection.v1.ServerReflection");
    let v1alpha = reflection().with_service_name("grpc.reflection.v1alpha.ServerReflection");
    Ok(Routes::new(HealthServer::new(health))
        .add_service(v1.build_v1().map_err(broken)?)
        .add_service(v1alpha.build_v1alpha().map_err(broken)?)
        .prepare())
}

fn broken(error: impl std::fmt::Display) -> ServeError {
    ServeError::Descriptors(error.to_string())
}

fn transport(config: &ServerConfig, identity: Option<Identity>) -> Result<Server, ServeError> {
    // More than admission lets in, so that it answers: HTTP/2's own limit queues in the client.
    let streams = config.max_in_flight.saturating_add(config.max_streams).saturating_mul(2);
    let mut server = Server::builder()
        // For gRPC-Web; and with HTTP/2 alone a drain would wait for peers that never said a word.
        .accept_http1(true)
        .max_concurrent_streams(u32::try_from(streams).unwrap_or(u32::MAX))
        .http2_keepalive_interval((config.keepalive_s > 0).then(|| Duration::from_secs(config.keepalive_s)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)));
    if config.max_connection_age_s > 0 {
        // No grace: it would cut calls in flight. Jitter, so that replicas started at once don't send
        // their clients away at once. One value a process, as tonic takes no other.
        let jitter = 0.9 + 0.2 * Ambient::system().fraction();
        server = server.max_connection_age(Duration::from_secs(config.max_connection_age_s).mul_f64(jitter));
    }
    if let Some(identity) = identity {
        let tls = ServerTlsConfig::new().identity(identity);
        server = server.tls_config(tls).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            ConfigError::invalid("server.tls", cause.unwrap_or_else(|| error.to_string()))
        })?;
    }
    Ok(server)
}

#[cfg(test)]
mod tests;
