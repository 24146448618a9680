//! Health and reflection on one way, everything else on the guarded one.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tandem_fault::{Fault, Reason};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

use crate::answer::{Answer, AnswerFuture, EndingBody, Request};

#[derive(Debug, Clone)]
pub(crate) struct Split<G> {
    open: Routes,
    guarded: G,
    /// Ends the open way's streams: a reflection client may keep one for ever.
    drain: CancellationToken,
}

impl<G> Split<G> {
    pub fn new(open: Routes, guarded: G, drain: CancellationToken) -> Self {
        Self { open, guarded, drain }
    }
}

impl<G> Service<Request> for Split<G>
where
    G: Service<Request, Response = Answer, Error = Infallible, Future = AnswerFuture>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.guarded.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> AnswerFuture {
        let path = request.uri().path();
        if !path.starts_with("/grpc.health.v1.Health/") && !path.starts_with("/grpc.reflection.") {
            return self.guarded.call(request);
        }
        let (call, drain) = (self.open.call(request), self.drain.clone());
        Box::pin(async move {
            let end = async move {
                drain.cancelled_owned().await;
                Fault::new(Reason::ShuttingDown, "this process is shutting down")
            };
            call.await.map(|answer| answer.map(|body| Body::new(EndingBody::new(body, end))))
        })
    }
}
