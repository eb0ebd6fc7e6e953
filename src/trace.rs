//! Traces: what some alerts and calls go through, from where they come in to where they go
//! out, as spans of OpenTelemetry's.
//!
//! Which are followed is decided where they come in, by a random number or by who sends
//! them, before anything is made: the others cost that and no more. An alert that is
//! followed carries its place in the trace ([`TraceParent`]) with it to everybody who reads
//! it.

mod sampler;

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use http::HeaderMap;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

pub use self::sampler::{Sampler, Sampling};
use crate::alert::TraceParent;

/// The target of the spans that are exported. No other span or event is.
pub const TARGET: &str = "falco_gateway::trace";

/// Decides for the process; none where nothing is exported.
static SAMPLER: OnceLock<Sampler> = OnceLock::new();

/// Follows what `sampler` chooses from now on. The first one stays.
pub fn start(sampler: Sampler) {
    // Whoever comes second is told so by what it gets: the first one's.
    let _ = SAMPLER.set(sampler);
}

/// Whether anything is followed at all.
pub fn is_on() -> bool {
    SAMPLER.get().is_some()
}

/// What becomes of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The collector took them.
    Exported,
    /// It did not.
    Failed,
    /// They came faster than the collector takes them.
    Dropped,
    /// They were not made: there were too many in a second.
    Skipped,
}

/// By [`Fate`]. Of the process, as the sampler is.
static COUNTS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// Counts what became of `spans`.
pub fn count(fate: Fate, spans: u64) {
    if let Some(count) = COUNTS.get(fate as usize) {
        count.fetch_add(spans, Ordering::Relaxed);
    }
}

/// What became of how many, by name.
pub fn counts() -> [(&'static str, u64); 4] {
    let [exported, failed, dropped, skipped] = &COUNTS;
    [
        ("exported", exported),
        ("failed", failed),
        ("dropped", dropped),
        ("skipped", skipped),
    ]
    .map(|(fate, count)| (fate, count.load(Ordering::Relaxed)))
}

/// One step of something that is followed, until its last clone is dropped; of what is not
/// followed, nothing. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Trace(Option<Span>);

impl Trace {
    /// Something that a source got and hands over, in the trace that its sender named.
    pub fn ingest(sender: Option<TraceParent>, source: &str, transport: &'static str) -> Self {
        Self::begin(
            sender,
            || info_span!(target: TARGET, "ingest", otel.kind = "consumer", falco_gateway.source.id = source, falco_gateway.transport = transport),
        )
    }

    /// A call of `method`, the path of a gRPC method.
    pub fn call(caller: Option<TraceParent>, method: &str) -> Self {
        Self::begin(caller, || {
            let name = method.trim_start_matches('/');
            info_span!(target: TARGET, "call", otel.name = name, otel.kind = "server", rpc.system.name = "grpc", rpc.method = name)
        })
    }

    /// An alert that is handed out on a stream.
    pub fn deliver(alert: TraceParent, stream: &str) -> Self {
        Self::go_on(
            alert,
            || info_span!(target: TARGET, "deliver", otel.kind = "producer", falco_gateway.stream.id = stream),
        )
    }

    /// Some alerts that a bridge sends together. The step is of the first one's trace, and
    /// linked with the others.
    pub fn send(alerts: impl IntoIterator<Item = TraceParent>, bridge: &str, count: usize) -> Self {
        let mut alerts = alerts.into_iter();
        let Some(first) = alerts.next() else {
            return Self::default();
        };
        let trace = Self::go_on(
            first,
            || info_span!(target: TARGET, "send", otel.kind = "producer", falco_gateway.bridge.name = bridge, falco_gateway.alerts = count),
        );
        if let Some(span) = &trace.0 {
            alerts.for_each(|alert| span.add_link(context_of(alert)));
        }
        trace
    }

    /// Follows what comes in, if that is chosen.
    fn begin(parent: Option<TraceParent>, make: impl FnOnce() -> Span) -> Self {
        let Some(sampler) = SAMPLER.get() else {
            return Self::default();
        };
        if !sampler.chooses(parent) {
            return Self::default();
        }
        Self::new(parent, make)
    }

    /// Follows something further that is followed already.
    fn go_on(parent: TraceParent, make: impl FnOnce() -> Span) -> Self {
        let is_followed = parent.is_sampled && SAMPLER.get().is_some_and(Sampler::has_room);
        if !is_followed {
            return Self::default();
        }
        Self::new(Some(parent), make)
    }

    fn new(parent: Option<TraceParent>, make: impl FnOnce() -> Span) -> Self {
        let span = make();
        let remote = parent.map_or_else(Context::new, |parent| {
            Context::new().with_remote_span_context(context_of(parent))
        });
        // It fails where the span is not exported, and then it is of no use to anybody.
        match span.set_parent(remote) {
            Ok(()) => Self(Some(span)),
            Err(_) => Self::default(),
        }
    }

    /// Something that is done for it.
    #[must_use]
    pub fn step(&self, name: &'static str) -> Self {
        let step = |span: &Span| info_span!(target: TARGET, parent: span, "step", otel.name = name);
        Self(self.0.as_ref().map(step))
    }

    /// Says that it failed, and why.
    pub fn failed(&self, why: &str) {
        if let Some(span) = &self.0 {
            span.set_status(Status::error(why.to_owned()));
        }
    }

    /// Where whatever follows from it goes on.
    pub fn parent(&self) -> Option<TraceParent> {
        self.0.as_ref().and_then(parent_of)
    }

    /// Whether there is anything to follow.
    pub fn is_followed(&self) -> bool {
        self.0.is_some()
    }

    /// For what is done within it.
    pub fn span(&self) -> Span {
        self.0.clone().unwrap_or_else(Span::none)
    }
}

/// The header in which a trace goes on, by W3C's Trace Context.
pub const HEADER: &str = "traceparent";

/// The trace that the sender of a request names. Two of them are none, by the standard.
pub fn sent_with(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all(HEADER).iter();
    let first = all.next()?;
    if all.next().is_some() {
        return None;
    }
    first.to_str().ok()?.parse().ok()
}

/// The step that is being done, for whom something is asked for it.
pub fn current() -> Option<TraceParent> {
    SAMPLER.get()?;
    parent_of(&Span::current())
}

fn parent_of(span: &Span) -> Option<TraceParent> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| TraceParent {
        trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(context.span_id().to_bytes()),
        is_sampled: context.is_sampled(),
    })
}

fn context_of(parent: TraceParent) -> SpanContext {
    let flags = TraceFlags::default().with_sampled(parent.is_sampled);
    SpanContext::new(
        TraceId::from(parent.trace_id),
        SpanId::from(parent.span_id),
        flags,
        true,
        TraceState::NONE,
    )
}
