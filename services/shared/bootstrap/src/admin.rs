//! The admin port, plain text, for the cluster: `/livez`, `/readyz`, `/version` over HTTP/1 and
//! HTTP/2, and `grpc.health.v1` over HTTP/2.

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use http::{Response, StatusCode, header};
use http_body::Frame;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;
use tower::Service;

use crate::answer::{Answer, AnswerFuture, Request};
use crate::health::{HealthService, Readiness};

#[derive(Debug, Clone)]
pub(crate) struct Admin {
    readiness: Readiness,
    /// A JSON object.
    version: String,
    grpc: Routes,
}

impl Admin {
    pub fn new(name: &str, version: &str, readiness: Readiness, health: HealthService) -> Self {
        let version = serde_json::json!({ "service": name, "version": version }).to_string();
        Self { readiness, version, grpc: Routes::new(HealthServer::new(health)).prepare() }
    }

    /// Serves until `gone`.
    pub async fn serve(
        self,
        listener: TcpListener,
        gone: CancellationToken,
    ) -> Result<(), tonic::transport::Error> {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = Server::builder().accept_http1(true);
        let serving = server.serve_with_incoming(self, incoming);
        gone.run_until_cancelled(serving).await.unwrap_or(Ok(()))
    }
}

impl Service<Request> for Admin {
    type Response = Answer;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> AnswerFuture {
        let answer = match request.uri().path() {
            // That it answers is the answer: the runtime runs. No database is asked.
            "/livez" => text(StatusCode::OK, "text/plain", "ok"),
            "/readyz" => match self.readiness.reason() {
                None => text(StatusCode::OK, "text/plain", "ok"),
                Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", &reason),
            },
            "/version" => text(StatusCode::OK, "application/json", &self.version),
            path if path.starts_with("/grpc.health.v1.Health/") => return self.grpc.call(request).boxed(),
            _ => text(StatusCode::NOT_FOUND, "text/plain", "not found"),
        };
        std::future::ready(Ok(answer)).boxed()
    }
}

fn text(status: StatusCode, content_type: &'static str, text: &str) -> Answer {
    let text = Bytes::from(format!("{text}\n"));
    let body = Body::new(WholeBody(Some(text)));
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    answer
}

struct WholeBody(Option<Bytes>);

impl http_body::Body for WholeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::health_client::HealthClient;

    use crate::testing::{Sandbox, guarded, http1};

    #[tokio::test]
    async fn liveness_readiness_and_version_answer_over_http_1() {
        let sandbox = Sandbox::not_ready().await;
        let get = async |path: &str| guarded(http1(sandbox.admin_addr(), "GET", path, &[], "")).await;
        assert!(get("/livez").await.starts_with("HTTP/1.1 200"));
        let answer = get("/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("starting"), "{answer}");
        sandbox.readiness().set_ready();
        assert!(get("/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(get("/version").await.contains(r#"{"service":"echo","version":"1.2.3"}"#));
        assert!(get("/metrics").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn grpc_health_answers_on_the_admin_port_too() {
        let sandbox = Sandbox::start().await;
        let mut client = HealthClient::new(sandbox.admin_channel());
        let request = HealthCheckRequest { service: String::new() };
        let answer = guarded(client.check(request)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
}
