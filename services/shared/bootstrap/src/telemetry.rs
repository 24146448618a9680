//! Logs, traces and metrics of a process.

use std::time::Duration;

use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::sync::oneshot;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{ConfigError, LogFormat, TelemetryConfig};

/// Keeps traces and metrics flowing; hand it to [`Telemetry::shutdown`] last of all.
#[derive(Debug, Default)]
#[must_use = "without a shutdown the last traces and metrics are lost"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// Starts logs on standard error, and traces and metrics when an endpoint is set. Within a runtime.
///
/// When the process has a subscriber already (`tandem up` runs four services in one), it stays, and
/// the guard that this gives has nothing to flush.
///
/// # Errors
///
/// A filter or an endpoint that makes no sense, by the setting's name.
pub fn init(config: &TelemetryConfig, service_name: &'static str) -> Result<Telemetry, ConfigError> {
    let filter = EnvFilter::try_new(&config.log_filter)
        .map_err(|error| ConfigError::invalid("telemetry.log_filter", error))?;
    if tracing::dispatcher::has_been_set() {
        return Ok(Telemetry::default());
    }
    let telemetry = match &config.otlp_endpoint {
        Some(endpoint) => export(endpoint, config, service_name)
            .map_err(|error| ConfigError::invalid("telemetry.otlp_endpoint", error))?,
        None => Telemetry::default(),
    };
    let tracer = telemetry.traces.as_ref().map(|provider| provider.tracer("tandem"));
    let lines = match config.log_format {
        LogFormat::Human => fmt::layer().with_writer(std::io::stderr).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
    };
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(tracer.map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer)));
    if subscriber.try_init().is_err() {
        // Another init of this process came between the look and the attempt: its subscriber stays.
        return Ok(Telemetry::default());
    }
    global::set_text_map_propagator(TraceContextPropagator::new());
    if let Some(metrics) = &telemetry.metrics {
        global::set_meter_provider(metrics.clone());
    }
    Ok(telemetry)
}

fn export(
    endpoint: &str,
    config: &TelemetryConfig,
    service_name: &'static str,
) -> Result<Telemetry, opentelemetry_otlp::ExporterBuildError> {
    let resource = Resource::builder().with_service_name(service_name).build();
    let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let traces =
        SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone()).build();
    let points = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let interval = Duration::from_secs(config.metric_interval_s.max(1));
    let reader = PeriodicReader::builder(points).with_interval(interval).build();
    let metrics = SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build();
    Ok(Telemetry { traces: Some(traces), metrics: Some(metrics) })
}

impl Telemetry {
    /// Sends what is left, for at most `timeout`; false when that was not enough.
    ///
    /// The flush blocks its thread until the runtime has carried the export: on a runtime's own thread
    /// that can deadlock. So it has a thread to itself, which is left behind when time is up (a
    /// blocking task of the runtime would hold the process's end up).
    pub async fn shutdown(self, timeout: Duration) -> bool {
        if self.traces.is_none() && self.metrics.is_none() {
            return true;
        }
        let (done, flushed) = oneshot::channel();
        std::thread::spawn(move || {
            let traces = self.traces.map(|provider| provider.shutdown_with_timeout(timeout));
            let metrics = self.metrics.map(|provider| provider.shutdown_with_timeout(timeout));
            let clean =
                traces.is_none_or(|result| result.is_ok()) && metrics.is_none_or(|result| result.is_ok());
            let _ = done.send(clean);
        });
        matches!(tokio::time::timeout(timeout, flushed).await, Ok(Ok(true)))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::MeterProvider;
    use tokio::net::TcpListener;
    use tonic::body::Body;
    use tonic::transport::Server;
    use tonic::transport::server::TcpIncoming;
    use tonic::{Request, Response, Status};

    use super::*;
    use crate::testing::guarded;

    fn providers(endpoint: &str) -> Telemetry {
        export(endpoint, &TelemetryConfig::default(), "test").unwrap()
    }

    #[tokio::test]
    async fn a_flush_gives_up_in_time_on_a_one_thread_runtime() {
        // A collector that accepts and never answers, on a runtime with this one thread.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let telemetry = providers(&format!("http://{}", silent.local_addr().unwrap()));
        let tracer = telemetry.traces.as_ref().unwrap().tracer("test");
        drop(opentelemetry::trace::Tracer::start(&tracer, "span"));
        let flushed = guarded(telemetry.shutdown(Duration::from_millis(100))).await;
        assert!(!flushed);
    }

    #[tokio::test]
    async fn what_is_left_is_sent_at_shutdown() {
        let (seen, mut exports) = tokio::sync::mpsc::unbounded_channel();
        // A collector that takes everything: it notes the path, and answers with an empty message.
        let collector = tower::service_fn(move |request: http::Request<Body>| {
            let seen = seen.clone();
            async move {
                seen.send(request.uri().path().to_owned()).unwrap();
                let mut grpc = tonic::server::Grpc::new(tonic_prost::ProstCodec::<(), ()>::default());
                let empty = tower::service_fn(async |_: Request<()>| Ok::<_, Status>(Response::new(())));
                Ok::<_, std::convert::Infallible>(grpc.unary(empty, request).await)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(Server::builder().serve_with_incoming(collector, TcpIncoming::from(listener)));

        let telemetry = providers(&endpoint);
        let tracer = telemetry.traces.as_ref().unwrap().tracer("test");
        drop(opentelemetry::trace::Tracer::start(&tracer, "span"));
        telemetry.metrics.as_ref().unwrap().meter("test").u64_counter("calls").build().add(1, &[]);
        assert!(guarded(telemetry.shutdown(Duration::from_secs(10))).await);
        let mut paths = Vec::new();
        while let Ok(path) = exports.try_recv() {
            paths.push(path);
        }
        for service in ["trace.v1.TraceService", "metrics.v1.MetricsService"] {
            assert!(paths.iter().any(|path| path.contains(service)), "{service} in {paths:?}");
        }
    }

    #[tokio::test]
    async fn wrong_settings_are_named() {
        let config = TelemetryConfig { log_filter: "tandem=loud".to_owned(), ..TelemetryConfig::default() };
        assert_eq!(init(&config, "test").unwrap_err().setting, "telemetry.log_filter");
        assert!(export("not an address", &TelemetryConfig::default(), "test").is_err());
    }

    #[tokio::test]
    async fn the_second_init_of_a_process_changes_nothing() {
        let config = TelemetryConfig { log_filter: "off".to_owned(), ..TelemetryConfig::default() };
        let first = init(&config, "one").unwrap();
        let endpoint = Some("http://127.0.0.1:1".to_owned());
        let second = init(&TelemetryConfig { otlp_endpoint: endpoint, ..config }, "two").unwrap();
        assert!(second.traces.is_none());
        assert!(first.shutdown(Duration::ZERO).await && second.shutdown(Duration::ZERO).await);
    }
}
