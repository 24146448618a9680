//! A request that is no message of its method is the caller's error: tonic answers INTERNAL.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tandem_fault::Violations;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::answer::{Answer, AnswerFuture, Request, refuse};

#[derive(Debug, Clone, Copy)]
pub(crate) struct UnreadableLayer;

impl<S> Layer<S> for UnreadableLayer {
    type Service = UnreadableService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        UnreadableService { inner }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct UnreadableService<S> {
    inner: S,
}

impl<S> Service<Request> for UnreadableService<S>
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
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            match Status::from_header_map(answer.headers()) {
                // Faults of ours carry details; an INTERNAL without them, before any message, is about the request.
                Some(status) if status.code() == Code::Internal && status.details().is_empty() => {
                    tracing::debug!(message = status.message(), "a request could not be read");
                    let mut violations = Violations::new();
                    violations.add("", "must be a message of the method's type");
                    Ok(refuse(violations.into_fault()))
                }
                _ => Ok(answer),
            }
        })
    }
}
