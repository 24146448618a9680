//! A panic in a handler answers INTERNAL and is logged; the process and the connection's other
//! calls go on.

use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use http_body::Frame;
use tandem_fault::Fault;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::answer::{Answer, AnswerFuture, Request, refuse, trailers};

#[derive(Debug, Clone, Copy)]
pub(crate) struct PanicLayer;

impl<S> Layer<S> for PanicLayer {
    type Service = PanicService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PanicService { inner }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct PanicService<S> {
    inner: S,
}

impl<S> Service<Request> for PanicService<S>
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

    // Unwind safety: what a handler shares with the next call is behind locks that know poisoning or
    // that leave nothing half-done, and its transaction rolls back when it is dropped.
    fn call(&mut self, request: Request) -> AnswerFuture {
        let Ok(call) = catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) else {
            return Box::pin(async { Ok(refuse(Fault::internal("a handler panicked before it began"))) });
        };
        Box::pin(async move {
            match AssertUnwindSafe(call).catch_unwind().await {
                Ok(answer) => {
                    answer.map(|answer| answer.map(|body| Body::new(PanicBody { inner: Some(body) })))
                }
                Err(payload) => Ok(refuse(fault(&*payload))),
            }
        })
    }
}

/// A panic while a stream makes its next message would otherwise take the whole connection down.
struct PanicBody {
    inner: Option<Body>,
}

impl http_body::Body for PanicBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(cx))).unwrap_or_else(|payload| {
            self.inner = None;
            Poll::Ready(Some(Ok(trailers(fault(&*payload)))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }
}

fn fault(payload: &(dyn Any + Send)) -> Fault {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    Fault::internal(format_args!("a handler panicked: {}", text.unwrap_or("no message")))
}

#[cfg(test)]
mod tests {
    use tandem_fault::reason_of;
    use tonic::Code;

    use crate::testing::{Sandbox, guarded};

    #[tokio::test]
    async fn a_panic_answers_internal_and_the_connection_goes_on() {
        let sandbox = Sandbox::start().await;
        let mut open = guarded(sandbox.watch("open", None)).await.unwrap();
        assert_eq!(guarded(open.message()).await.unwrap().as_deref(), Some("open"));

        let status = guarded(sandbox.say("panic")).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(reason_of(&status).as_deref(), Some("INTERNAL"));
        assert!(!format!("{status:?}").contains("hunter2"), "the panic's text stays at home");

        let mut stream = guarded(sandbox.watch("panic", None)).await.unwrap();
        assert_eq!(guarded(stream.message()).await.unwrap_err().code(), Code::Internal);

        assert_eq!(guarded(sandbox.say("hello")).await.unwrap(), "hello");
        sandbox.release();
        assert_eq!(guarded(open.message()).await.unwrap(), None, "the stream of before lived on");
    }
}
