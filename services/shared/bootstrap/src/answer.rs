//! What the layers answer with when they answer themselves.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderMap;
use http_body::Frame;
use tandem_fault::Fault;
use tonic::Status;
use tonic::body::Body;

pub(crate) type Request = http::Request<Body>;
pub(crate) type Answer = http::Response<Body>;
pub(crate) type AnswerFuture = BoxFuture<'static, Result<Answer, Infallible>>;

/// An answer without a message.
pub(crate) fn refuse(fault: Fault) -> Answer {
    Status::from(fault).into_http()
}

/// Trailers that end an answer which has begun.
pub(crate) fn trailers(fault: Fault) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    // It fails only on metadata that is no header; ours has none beyond the details, which are base64.
    let _ = Status::from(fault).add_header(&mut trailers);
    Frame::trailers(trailers)
}

/// A body that another event may end early, with an error in its trailers.
pub(crate) struct EndingBody {
    inner: Option<Body>,
    end: BoxFuture<'static, Fault>,
}

impl EndingBody {
    pub fn new(inner: Body, end: impl Future<Output = Fault> + Send + 'static) -> Self {
        Self { inner: Some(inner), end: Box::pin(end) }
    }
}

impl http_body::Body for EndingBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        // The end is asked first: a stream that always has a message ready must end as well.
        if let Poll::Ready(fault) = this.end.as_mut().poll(cx) {
            this.inner = None;
            return Poll::Ready(Some(Ok(trailers(fault))));
        }
        Pin::new(inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }
}

/// A body that keeps something alive until it was sent or dropped.
pub(crate) struct HoldingBody<T> {
    inner: Body,
    _held: T,
}

impl<T: Send + Unpin + 'static> HoldingBody<T> {
    pub fn wrap(inner: Body, held: T) -> Body {
        Body::new(Self { inner, _held: held })
    }
}

impl<T: Unpin> http_body::Body for HoldingBody<T> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}
