//! The export of traces, by OTLP over gRPC.

use std::{
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use opentelemetry::{Context, KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{
        Sampler as Always, SdkTracerProvider, Span, SpanData, SpanExporter as _, SpanProcessor,
    },
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, ClientTlsConfig};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use crate::trace::{self, Fate, Sampler, Sampling};

/// How many spans may wait for the collector; what is more is dropped.
const QUEUED: usize = 4096;

/// How many go out with one request.
const MOST_TOGETHER: usize = 512;

/// How long it is waited for others to go out with the first.
const GATHER: Duration = Duration::from_millis(500);

/// How long the collector may take for a request.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the last spans may take at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Which traces are kept, and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A collector of OpenTelemetry's that takes OTLP over gRPC: `http://127.0.0.1:4317`,
    /// or `https://`. Without one nothing is traced.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// The authority that signed the collector's certificate; the system's without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// One in so many alerts and calls is traced, of those whose sender does not say
    /// whether; none of them with 0.
    pub one_in: u32,
    /// The most spans in a second, whoever asks for them.
    pub spans_per_second: NonZeroU32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            ca: None,
            one_in: 1000,
            spans_per_second: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN),
        }
    }
}

impl Config {
    /// Checks the values.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let endpoint = &self.endpoint;
        let uri = endpoint.parse::<http::Uri>().ok();
        let is_good = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && matches!(uri.path(), "" | "/")
        });
        if endpoint.is_empty() || is_good {
            return Ok(());
        }
        Err(format!(
            "endpoint {endpoint:?} cannot be used: write http://HOST:PORT or https://HOST:PORT of a collector that takes OTLP over gRPC, usually at port 4317"
        ))
    }
}

/// The spans on their way out, which begins once there is a collector. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Spans {
    sender: Arc<OnceLock<mpsc::Sender<SpanData>>>,
    resource: Resource,
}

impl Spans {
    pub(super) fn new() -> Self {
        let resource = Resource::builder()
            .with_service_name("falco-gateway")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        Self {
            sender: Arc::default(),
            resource: resource.build(),
        }
    }

    /// What makes spans of OpenTelemetry's of those that are for export.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        // What is traced was chosen before its span is made.
        let provider = SdkTracerProvider::builder()
            .with_sampler(Always::AlwaysOn)
            .with_resource(self.resource.clone())
            .with_span_processor(self.clone());
        tracing_opentelemetry::layer()
            .with_tracer(provider.build().tracer("falco-gateway"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(trace::TARGET, LevelFilter::TRACE))
    }

    /// Begins to export what is traced from now on.
    ///
    /// # Errors
    /// When the configuration's certificate cannot be used.
    pub(super) fn export(&self, config: &Config) -> Result<Exporting, String> {
        let mut exporter = exporter(config)?;
        exporter.set_resource(&self.resource);
        let (sender, spans) = mpsc::channel(QUEUED);
        // Whoever begins twice goes on with the first.
        let _ = self.sender.set(sender);
        let end = CancellationToken::new();
        let task = tokio::spawn(run(exporter, spans, end.clone()));
        trace::start(Sampler::new(Sampling {
            one_in: config.one_in,
            spans_per_second: config.spans_per_second,
        }));
        Ok(Exporting { end, task })
    }
}

impl SpanProcessor for Spans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if let Some(sender) = self.sender.get()
            && sender.try_send(span).is_err()
        {
            trace::count(Fate::Dropped, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The export, while it goes on.
#[derive(Debug)]
pub struct Exporting {
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Exporting {
    /// Sends what there is, and ends.
    pub async fn finish(self) {
        self.end.cancel();
        // What a collector does not take in time is not worth a longer end.
        let _ = timeout(LAST_WORDS, self.task).await;
    }
}

fn exporter(config: &Config) -> Result<SpanExporter, String> {
    let mut builder = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&config.endpoint)
        .with_timeout(EXPORT_TIMEOUT);
    if config.endpoint.starts_with("https:") {
        let mut tls = ClientTlsConfig::new().with_native_roots();
        if let Some(ca) = &config.ca {
            let read = std::fs::read(ca);
            let pem = read.map_err(|error| format!("failed to read {}: {error}", ca.display()))?;
            tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
        }
        builder = builder.with_tls_config(tls);
    }
    builder.build().map_err(|error| error.to_string())
}

/// Sends what comes, some together, until `end` and until nothing is left.
async fn run(exporter: SpanExporter, mut spans: mpsc::Receiver<SpanData>, end: CancellationToken) {
    let mut is_failing = false;
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            () = end.cancelled(), if !spans.is_closed() => spans.close(),
            taken = spans.recv_many(&mut batch, MOST_TOGETHER) => {
                if taken == 0 {
                    return;
                }
                gather(&mut spans, &mut batch, &end).await;
                is_failing = send(&exporter, std::mem::take(&mut batch), is_failing).await;
            }
        }
    }
}

async fn gather(
    spans: &mut mpsc::Receiver<SpanData>,
    batch: &mut Vec<SpanData>,
    end: &CancellationToken,
) {
    tokio::select! {
        () = sleep(GATHER) => {}
        () = end.cancelled() => {}
    }
    while batch.len() < MOST_TOGETHER
        && let Ok(span) = spans.try_recv()
    {
        batch.push(span);
    }
}

/// Sends `batch`, and says so when that begins to fail or to work again.
async fn send(exporter: &SpanExporter, batch: Vec<SpanData>, was_failing: bool) -> bool {
    let count = batch.len() as u64;
    match exporter.export(batch).await {
        Ok(()) => {
            trace::count(Fate::Exported, count);
            if was_failing {
                tracing::info!("the collector takes traces again");
            }
            false
        }
        Err(error) => {
            trace::count(Fate::Failed, count);
            if !was_failing {
                tracing::warn!(%error, "the collector does not take traces; they are dropped until it does");
            }
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_collectors() {
        let check = |endpoint: &str| {
            let endpoint = endpoint.to_owned();
            Config {
                endpoint,
                ..Config::default()
            }
            .check()
        };
        for good in [
            "",
            "http://127.0.0.1:4317",
            "https://otel.example.com:4317/",
        ] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in [
            "otel:4317",
            "grpc://otel:4317",
            "http://otel:4318/v1/traces",
        ] {
            assert!(check(bad).unwrap_err().contains("cannot be used"), "{bad}");
        }
    }
}
