//! Deadlines: honoured, told to the handler, forwarded, and ended as DEADLINE_EXCEEDED.
//!
//! tonic alone answers a call that ran out of time with CANCELLED, and never ends a stream.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tandem_fault::{Fault, Reason};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Interceptor;
use tower::{Layer, Service};

use crate::answer::{Answer, AnswerFuture, EndingBody, Request, refuse};
use crate::methods::Methods;

const HEADER: &str = "grpc-timeout";

tokio::task_local! {
    static CURRENT: Deadline;
}

/// When the call that is being handled must have ended. In the request's extensions, and in
/// [`Deadline::current`] for the task that handles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// This long from now; `None` when that is too far away to matter.
    pub fn within(time: Duration) -> Option<Self> {
        Instant::now().checked_add(time).map(Self)
    }

    /// The time that is left; zero when it is past.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The deadline of the call that this task handles.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|deadline| *deadline).ok()
    }

    /// Runs `work` under this deadline: for tasks that a handler spawns, which inherit nothing.
    /// It says what is left; it does not end the work.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

pub(crate) fn exceeded() -> Fault {
    Fault::new(Reason::DeadlineExceeded, "the deadline has passed")
}

/// The time that a caller gives, by `grpc-timeout`.
fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Fault> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(parse);
    parsed
        .map(Some)
        .ok_or_else(|| Fault::invalid(HEADER, "must be one to eight digits and one of H, M, S, m, u, n"))
}

/// As the gRPC protocol writes it: at most eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// Ends calls at the caller's deadline, and unary calls without one at the default.
#[derive(Debug, Clone)]
pub(crate) struct DeadlineLayer {
    methods: Methods,
    default: Duration,
}

impl DeadlineLayer {
    pub fn new(methods: Methods, default: Duration) -> Self {
        Self { methods, default }
    }

    fn limit(&self, request: &Request) -> Result<Option<Deadline>, Fault> {
        let default = (!self.methods.streams(request.uri().path())).then_some(self.default);
        Ok(asked(request.headers())?.or(default).and_then(Deadline::within))
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, layer: self.clone() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct DeadlineService<S> {
    inner: S,
    layer: DeadlineLayer,
}

impl<S> Service<Request> for DeadlineService<S>
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

    fn call(&mut self, mut request: Request) -> AnswerFuture {
        let deadline = match self.layer.limit(&request) {
            Ok(Some(deadline)) => deadline,
            Ok(None) => return Box::pin(self.inner.call(request)),
            Err(fault) => return Box::pin(async { Ok(refuse(fault)) }),
        };
        request.extensions_mut().insert(deadline);
        let call = CURRENT.sync_scope(deadline, || self.inner.call(request));
        Box::pin(CURRENT.scope(deadline, async move {
            match tokio::time::timeout_at(deadline.0, call).await {
                Ok(answer) => answer.map(|answer| answer.map(|body| DeadlineBody::wrap(body, deadline))),
                Err(_) => Ok(refuse(exceeded())),
            }
        }))
    }
}

/// The body of an answer under a deadline: ends at it, and runs in its scope, since a stream's
/// messages are made while it is polled.
struct DeadlineBody {
    inner: EndingBody,
    deadline: Deadline,
}

impl DeadlineBody {
    fn wrap(body: Body, deadline: Deadline) -> Body {
        let end = async move {
            tokio::time::sleep_until(deadline.0).await;
            exceeded()
        };
        Body::new(Self { inner: EndingBody::new(body, end), deadline })
    }
}

impl http_body::Body for DeadlineBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let deadline = self.deadline;
        CURRENT.sync_scope(deadline, || Pin::new(&mut self.inner).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

/// Client interceptor: a call made while handling another may not take longer than what is left of
/// that one; with nothing left it fails at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct ForwardDeadline;

impl Interceptor for ForwardDeadline {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        let Some(deadline) = Deadline::current() else { return Ok(request) };
        let remaining = deadline.remaining();
        if remaining.is_zero() {
            return Err(exceeded().into());
        }
        let own = request.metadata().get(HEADER).and_then(|value| parse(value.to_str().ok()?));
        if own.is_none_or(|own| own > remaining) {
            request.set_timeout(remaining);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use tandem_fault::reason_of;
    use tonic::Code;

    use super::*;
    use crate::testing::{Sandbox, guarded};

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "m", "1", "1x", "-1S", "+1S", "999999999S", "1é"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_handler_that_is_too_slow_ends_as_deadline_exceeded() {
        let sandbox = Sandbox::start().await;
        let mut request = tonic::Request::new("hang".to_owned());
        request.metadata_mut().insert(HEADER, "30m".parse().unwrap());
        let status = guarded(sandbox.say_raw(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(reason_of(&status).as_deref(), Some("DEADLINE_EXCEEDED"));
    }

    #[tokio::test]
    async fn a_unary_call_without_a_deadline_gets_the_default_and_a_stream_none() {
        let sandbox = Sandbox::with(|config| config.default_deadline_ms = 30).await;
        let status = guarded(sandbox.say("hang")).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let mut stream = guarded(sandbox.watch("no deadline?", None)).await.unwrap();
        assert_eq!(guarded(stream.message()).await.unwrap().as_deref(), Some("none"));
    }

    #[tokio::test]
    async fn a_stream_ends_at_its_callers_deadline() {
        let sandbox = Sandbox::start().await;
        // Long enough for a busy machine to say the first word.
        let mut stream = guarded(sandbox.watch("open", Some("2S"))).await.unwrap();
        assert_eq!(guarded(stream.message()).await.unwrap().as_deref(), Some("open"));
        let status = guarded(stream.message()).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn the_handler_sees_what_is_left_and_forwards_it() {
        let sandbox = Sandbox::start().await;
        let mut request = tonic::Request::new("remaining".to_owned());
        request.metadata_mut().insert(HEADER, "60S".parse().unwrap());
        let answer = guarded(sandbox.say_raw(request)).await.unwrap();
        // The extension's deadline and what ForwardDeadline sets on a call made by the handler.
        let (extension, forwarded) = answer.split_once(' ').unwrap();
        let forwarded = parse(forwarded).unwrap();
        let extension = Duration::from_millis(extension.parse().unwrap());
        assert!(extension <= Duration::from_secs(60) && extension > Duration::from_secs(30));
        assert!(forwarded <= Duration::from_secs(60) && forwarded > Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_malformed_timeout_is_the_callers_error() {
        let sandbox = Sandbox::start().await;
        let mut request = tonic::Request::new("hello".to_owned());
        request.metadata_mut().insert(HEADER, "soon".parse().unwrap());
        let status = guarded(sandbox.say_raw(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }

    #[tokio::test]
    async fn an_outgoing_call_keeps_its_own_shorter_timeout_and_fails_when_nothing_is_left() {
        let forward = |own: Option<&str>| {
            let mut request = tonic::Request::new(());
            if let Some(own) = own {
                request.metadata_mut().insert(HEADER, own.parse().unwrap());
            }
            ForwardDeadline.call(request)
        };
        let timeout = |request: tonic::Request<()>| {
            request.metadata().get(HEADER).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(timeout(forward(None).unwrap()), None);
        let deadline = Deadline::within(Duration::from_secs(60)).unwrap();
        let (shorter, longer) = deadline.scope(async { (forward(Some("5S")), forward(Some("1H"))) }).await;
        assert_eq!(timeout(shorter.unwrap()).as_deref(), Some("5S"));
        assert!(parse(&timeout(longer.unwrap()).unwrap()).unwrap() <= Duration::from_secs(60));
        let past = Deadline(Instant::now());
        let status = past.scope(async { forward(None) }).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }
}
