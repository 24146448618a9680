//! Admission: how many calls a process handles at once. Beyond it a call is refused at once and
//! never queued: a queue only moves the wait to where nobody sees it.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use tandem_fault::{Fault, Reason};
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use crate::answer::{Answer, AnswerFuture, HoldingBody, Request, refuse};
use crate::methods::Methods;

/// Limits unary calls and streams, each on its own, over all connections of the process.
#[derive(Debug, Clone)]
pub(crate) struct AdmissionLayer {
    methods: Methods,
    unary: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl AdmissionLayer {
    pub fn new(methods: Methods, max_in_flight: usize, max_streams: usize) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { methods, unary: semaphore(max_in_flight), streams: semaphore(max_streams) }
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = AdmissionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmissionService { inner, layer: self.clone() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct AdmissionService<S> {
    inner: S,
    layer: AdmissionLayer,
}

impl<S> Service<Request> for AdmissionService<S>
where
    S: Service<Request, Response = Answer, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> AnswerFuture {
        let streams = self.layer.methods.streams(request.uri().path());
        let semaphore = if streams { &self.layer.streams } else { &self.layer.unary };
        let Ok(permit) = semaphore.clone().try_acquire_owned() else {
            let what = if streams { "streams" } else { "calls" };
            let fault = Fault::new(Reason::Overloaded, format!("too many {what} at once"));
            return Box::pin(async { Ok(refuse(fault)) });
        };
        let call = self.inner.call(request);
        // A call counts until its answer was sent, not only until it was made.
        Box::pin(async move { call.await.map(|answer| answer.map(|body| HoldingBody::wrap(body, permit))) })
    }
}

#[cfg(test)]
mod tests {
    use tandem_fault::reason_of;
    use tonic::Code;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;

    use crate::testing::{Sandbox, guarded};

    #[tokio::test]
    async fn one_call_too_many_is_refused_at_once_with_when_to_retry() {
        let sandbox = Sandbox::with(|config| config.max_in_flight = 1).await;
        let held = sandbox.hang().await;
        let status = guarded(sandbox.say("hello")).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(reason_of(&status).as_deref(), Some("OVERLOADED"));
        // Another connection counts against the same limit.
        assert!(guarded(sandbox.another_connection().say("hello")).await.is_err());
        // Streams and health have limits of their own, and none.
        guarded(sandbox.watch("open", None)).await.unwrap();
        let request = HealthCheckRequest { service: String::new() };
        guarded(HealthClient::new(sandbox.channel()).check(request)).await.unwrap();
        sandbox.release();
        guarded(held).await.unwrap().unwrap();
        guarded(sandbox.say("hello")).await.unwrap();
    }

    #[tokio::test]
    async fn a_stream_counts_until_it_ends() {
        let sandbox = Sandbox::with(|config| config.max_streams = 1).await;
        let mut first = guarded(sandbox.watch("open", None)).await.unwrap();
        assert_eq!(guarded(first.message()).await.unwrap().as_deref(), Some("open"));
        assert_eq!(guarded(sandbox.watch("open", None)).await.unwrap_err().code(), Code::Unavailable);
        sandbox.release();
        assert_eq!(guarded(first.message()).await.unwrap(), None);
        guarded(sandbox.watch("open", None)).await.unwrap();
    }
}
