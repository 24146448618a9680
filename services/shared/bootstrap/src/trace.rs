//! A span and two metrics for each RPC, and W3C trace context from caller to callee.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use opentelemetry::metrics::{Histogram, UpDownCounter};
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{KeyValue, global};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::service::Interceptor;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::answer::{Answer, AnswerFuture, Request};
use crate::methods::Methods;

/// Name of a service or method that nobody serves: a caller must not be able to invent labels.
const UNKNOWN: &str = "_unknown";

#[derive(Debug, Clone)]
pub(crate) struct TraceLayer {
    methods: Methods,
    instruments: Arc<Instruments>,
}

#[derive(Debug)]
struct Instruments {
    duration: Histogram<f64>,
    in_flight: UpDownCounter<i64>,
}

impl TraceLayer {
    /// After [`crate::telemetry::init`]: instruments stay with the provider of when they were made.
    pub fn new(methods: Methods) -> Self {
        let meter = global::meter("tandem");
        let duration = meter
            .f64_histogram("rpc.server.duration")
            .with_unit("s")
            .with_description("time from a call's arrival to the end of its answer")
            .with_boundaries(vec![
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0,
            ])
            .build();
        let in_flight = meter
            .i64_up_down_counter("rpc.server.in_flight")
            .with_description("calls and streams that are being handled")
            .build();
        Self { methods, instruments: Arc::new(Instruments { duration, in_flight }) }
    }

    fn observe(&self, request: &Request) -> Observation {
        let method = self.methods.get(request.uri().path());
        let (service, name) = method.map_or((UNKNOWN, UNKNOWN), |method| (&method.service, &method.name));
        let span = tracing::info_span!(
            "rpc",
            otel.name = %format_args!("{service}/{name}"),
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system = "grpc",
            rpc.service = service,
            rpc.method = name,
            rpc.grpc.status_code = Empty,
        );
        let parent =
            global::get_text_map_propagator(|propagator| propagator.extract(&Headers(request.headers())));
        if parent.span().span_context().is_valid() {
            // It fails when traces go nowhere, and then there is nothing to link.
            let _ = span.set_parent(parent);
        }
        let labels = vec![
            KeyValue::new("rpc.service", service.to_owned()),
            KeyValue::new("rpc.method", name.to_owned()),
        ];
        self.instruments.in_flight.add(1, &labels);
        Observation { span, begun: Instant::now(), code: None, labels, instruments: self.instruments.clone() }
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TraceService { inner, layer: self.clone() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct TraceService<S> {
    inner: S,
    layer: TraceLayer,
}

impl<S> Service<Request> for TraceService<S>
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
        let mut observation = self.layer.observe(&request);
        let span = observation.span.clone();
        let call = span.in_scope(|| self.inner.call(request));
        let observed = async move {
            let answer = call.await?;
            observation.note(answer.headers());
            Ok(answer.map(|body| Body::new(ObservedBody { inner: body, observation })))
        };
        Box::pin(observed.instrument(span))
    }
}

/// One RPC under way. Written down when it is dropped: with its answer's last byte, or before.
struct Observation {
    span: Span,
    begun: Instant,
    code: Option<Code>,
    labels: Vec<KeyValue>,
    instruments: Arc<Instruments>,
}

impl Observation {
    fn note(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get("grpc-status") {
            self.code = Some(Code::from_bytes(code.as_bytes()));
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.instruments.in_flight.add(-1, &self.labels);
        // Without a status the caller went away.
        let code = self.code.unwrap_or(Code::Cancelled);
        let ours = matches!(code, Code::Unknown | Code::Internal | Code::DataLoss);
        self.span.record("rpc.grpc.status_code", code as i32);
        if ours {
            self.span.record("otel.status_code", "ERROR");
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        self.span.in_scope(|| tracing::debug!(?code, seconds, "rpc ended"));
        self.labels.push(KeyValue::new("rpc.grpc.status_code", i64::from(code as i32)));
        self.instruments.duration.record(seconds, &self.labels);
    }
}

struct ObservedBody {
    inner: Body,
    observation: Observation,
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let polled = this.observation.span.in_scope(|| Pin::new(&mut this.inner).poll_frame(cx));
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            this.observation.note(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Metadata<'a>(&'a mut MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}

/// Client interceptor: the callee's span becomes a child of the current one.
#[derive(Debug, Clone, Copy, Default)]
pub struct InjectTrace;

impl Interceptor for InjectTrace {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        let context = Span::current().context();
        global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&context, &mut Metadata(request.metadata_mut()));
        });
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics};
    use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::testing::{Sandbox, guarded};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    // One test, since the meter provider and the propagator belong to the process.
    #[tokio::test]
    async fn an_rpc_is_a_span_under_its_callers_and_is_measured() {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let metrics = InMemoryMetricExporter::default();
        let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics.clone()).build();
        global::set_meter_provider(meters.clone());
        let spans = InMemorySpanExporter::default();
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(tracers.tracer("test"));
        // The test's runtime has this one thread, the server's tasks included.
        let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

        let sandbox = Sandbox::start().await;
        let mut request = tonic::Request::new("trace".to_owned());
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        request.metadata_mut().insert("traceparent", parent.parse().unwrap());
        // The handler answers with what InjectTrace gives a call that it makes.
        let forwarded = guarded(sandbox.say_raw(request)).await.unwrap();
        assert!(forwarded.starts_with(&format!("00-{TRACE}-")) && forwarded != parent, "{forwarded}");
        guarded(sandbox.say("panic")).await.unwrap_err();
        guarded(sandbox.call_unknown_method()).await.unwrap_err();

        let spans = spans.get_finished_spans().unwrap();
        let span = spans.iter().find(|span| span.span_context.trace_id().to_string() == TRACE).unwrap();
        assert_eq!(span.name, "test.v1.Echo/Say");
        let attribute = |key: &str| {
            span.attributes.iter().find(|pair| pair.key.as_str() == key).map(|pair| pair.value.to_string())
        };
        assert_eq!(attribute("rpc.system").as_deref(), Some("grpc"));
        assert_eq!(attribute("rpc.service").as_deref(), Some("test.v1.Echo"));
        assert_eq!(attribute("rpc.grpc.status_code").as_deref(), Some("0"));

        meters.force_flush().unwrap();
        let batches = metrics.get_finished_metrics().unwrap();
        let found = batches.iter().flat_map(ResourceMetrics::scope_metrics).flat_map(ScopeMetrics::metrics);
        let mut seen = Vec::new();
        for metric in found.filter(|metric| metric.name() == "rpc.server.duration") {
            assert_eq!(metric.unit(), "s");
            let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() else { panic!() };
            for point in histogram.data_points() {
                let label = |key: &str| point.attributes().find(|pair| pair.key.as_str() == key).unwrap();
                seen.push(format!("{} {}", label("rpc.method").value, label("rpc.grpc.status_code").value));
            }
        }
        for expected in ["Say 0", "Say 13", "_unknown 12"] {
            assert!(seen.iter().any(|point| point == expected), "{expected} in {seen:?}");
        }
    }
}
