//! What the gateway counts, as Prometheus reads it. `docs/metrics.md` has every name.
//!
//! Everything is read from where it is counted, when it is asked for. Labels are names of
//! the configuration, of subscriptions, and reasons: none comes from an alert.

use std::{fmt, iter::once};

use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeMetric,
        text::{encode_eof, encode_registry},
    },
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::Operations;
use crate::{
    bridge::{BridgeState, BridgeStatus},
    delivery::SubscriptionStatus,
    ingest::{LABELS, Tally},
    source::{SourceState, SourceStatus},
    trace,
};

/// A metric with all its values.
#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Counters(Vec<(Labels, u64)>),
    Gauges(Vec<(Labels, f64)>),
    /// Counters whose name has no `_total`, which OpenMetrics does not let counters have.
    Unknown(Vec<(Labels, f64)>),
}

type Labels = Vec<(&'static str, String)>;

/// All metrics, in OpenMetrics' text.
pub(super) async fn text(operations: &Operations) -> String {
    let mut families = gateway(operations);
    families.extend(sources(&operations.sources.list()));
    let subscriptions = operations.subscriptions.list().await;
    families.extend(self::subscriptions(&subscriptions));
    families.extend(bridges(&operations.bridges.list()));
    families.extend(refusals(operations));
    let mut registry = Registry::with_prefix("falco_gateway");
    registry.register_collector(Box::new(Families(families)));
    let mut exporter = Registry::default();
    if let Some(tally) = &operations.tally {
        exporter.register_collector(Box::new(Families(vec![events(tally)])));
    }
    let mut text = String::new();
    // It writes into memory.
    let _ = encode_registry(&mut text, &registry);
    let _ = encode_registry(&mut text, &exporter);
    let _ = encode_eof(&mut text);
    text
}

fn refusals(operations: &Operations) -> Vec<Family> {
    let reason = |(reason, count): (&str, u64)| (vec![("reason", reason.to_owned())], count);
    let fate = |(fate, count): (&str, u64)| (vec![("outcome", fate.to_owned())], count);
    vec![
        counter(
            "refused",
            "Connections and requests that were too many, too slow or against the rules",
            operations.refused.counts().map(reason),
        ),
        counter(
            "denied",
            "Calls that were not allowed",
            operations.access.denied().into_iter().map(reason),
        ),
        counter(
            "trace_spans",
            "Spans of traces, by what became of them",
            trace::counts().into_iter().map(fate),
        ),
        one(
            "sessions",
            "Calls and streams that are open",
            operations.access.sessions() as f64,
        ),
    ]
}

/// By the name, and with the labels, that falco-exporter had for it.
fn events(tally: &Tally) -> Family {
    let values = tally.list().into_iter().map(|(series, count)| {
        let labels = LABELS.into_iter().zip(series).collect();
        (labels, count as f64)
    });
    Family {
        name: "falco_events",
        help: "Alerts by rule, priority and place",
        values: Values::Unknown(values.collect()),
    }
}

fn gateway(operations: &Operations) -> Vec<Family> {
    let log = operations.delivery.log();
    let bounds = log.bounds();
    let is_in_trouble = log.trouble().borrow().is_some();
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    let head = bounds.head_time.map_or(0.0, seconds);
    vec![
        gauge("build", "The version that runs", once((version, 1.0))),
        one(
            "log_alerts",
            "Alerts that the log has",
            bounds.alerts as f64,
        ),
        one(
            "log_bytes",
            "What they take on the disk",
            bounds.bytes as f64,
        ),
        one(
            "log_retention_bytes",
            "What they may take",
            bounds.retention_bytes as f64,
        ),
        one(
            "log_trouble",
            "1 while the log takes no alerts",
            flag(is_in_trouble),
        ),
        one(
            "log_head_timestamp_seconds",
            "When the newest alert was received",
            head,
        ),
        counter(
            "log_appended",
            "Alerts that the log was ever given",
            once((Vec::new(), bounds.head.0)),
        ),
        counter(
            "dead_letters",
            "Documents that were refused, by the gateway or by a target",
            once((Vec::new(), operations.dead_letters.total())),
        ),
        one(
            "streams",
            "Open streams",
            operations.delivery.streams().len() as f64,
        ),
    ]
}

fn sources(all: &[SourceStatus]) -> Vec<Family> {
    let of = |it: &SourceStatus| {
        vec![
            ("source", it.origin.source_id.to_string()),
            ("transport", it.origin.transport.as_str().to_owned()),
        ]
    };
    let count = |value: fn(&SourceStatus) -> u64| all.iter().map(move |it| (of(it), value(it)));
    let up = |it: &SourceStatus| flag(it.state == SourceState::Connected);
    let last = |it: &SourceStatus| it.last_alert_time.map_or(0.0, seconds);
    let rejected = all.iter().flat_map(|it| {
        let reasons = it.rejected.iter();
        reasons.map(move |(reason, count)| {
            let mut labels = of(it);
            labels.push(("reason", (*reason).to_owned()));
            (labels, *count)
        })
    });
    vec![
        gauge(
            "source_up",
            "1 while alerts can arrive",
            all.iter().map(|it| (of(it), up(it))),
        ),
        gauge(
            "source_last_alert_timestamp_seconds",
            "When the last alert came; 0 before the first",
            all.iter().map(|it| (of(it), last(it))),
        ),
        counter(
            "source_received",
            "Documents that came",
            count(|it| it.received),
        ),
        counter(
            "source_accepted",
            "Documents that the log has",
            count(|it| it.accepted),
        ),
        counter("source_rejected", "Documents that were refused", rejected),
        counter(
            "source_upstream_drops",
            "System calls that Falco says it lost",
            count(|it| it.upstream_drops),
        ),
    ]
}

fn subscriptions(all: &[SubscriptionStatus]) -> Vec<Family> {
    let of = |it: &SubscriptionStatus| vec![("subscription", it.name.clone())];
    let values =
        |value: fn(&SubscriptionStatus) -> f64| all.iter().map(move |it| (of(it), value(it)));
    vec![
        gauge(
            "subscription_lag",
            "Alerts of the log behind what is acknowledged, matching or not",
            values(|it| it.lag as f64),
        ),
        gauge(
            "subscription_retention_used_ratio",
            "At 1 retention takes what is not acknowledged",
            values(|it| it.retention_used),
        ),
        gauge(
            "subscription_lost",
            "Alerts that retention took, and no consumer has acknowledged the loss of",
            values(|it| it.lost as f64),
        ),
        gauge(
            "subscription_consumed",
            "1 while somebody consumes it",
            values(|it| flag(it.consumer.is_some())),
        ),
    ]
}

fn bridges(all: &[BridgeStatus]) -> Vec<Family> {
    let of = |it: &BridgeStatus| vec![("bridge", it.name.clone())];
    let count = |value: fn(&BridgeStatus) -> u64| all.iter().map(move |it| (of(it), value(it)));
    let states = all.iter().flat_map(|it| {
        BridgeState::ALL.map(|state| {
            let mut labels = of(it);
            labels.push(("state", state.as_str().to_owned()));
            (labels, flag(it.state == state))
        })
    });
    let last = |it: &BridgeStatus| it.last_delivery.map_or(0.0, seconds);
    vec![
        gauge(
            "bridge_state",
            "1 for the state that the bridge is in",
            states,
        ),
        gauge(
            "bridge_last_delivery_timestamp_seconds",
            "When the target last took something; 0 before that",
            all.iter().map(|it| (of(it), last(it))),
        ),
        counter(
            "bridge_delivered",
            "Alerts that the target has",
            count(|it| it.delivered),
        ),
        counter(
            "bridge_refused",
            "Alerts that the target refused",
            count(|it| it.refused),
        ),
        counter(
            "bridge_retries",
            "Requests that came to nothing",
            count(|it| it.retries),
        ),
        counter(
            "bridge_lost",
            "Alerts gone before they could be sent",
            count(|it| it.lost),
        ),
    ]
}

fn one(name: &'static str, help: &'static str, value: f64) -> Family {
    gauge(name, help, once((Vec::new(), value)))
}

fn gauge(
    name: &'static str,
    help: &'static str,
    values: impl Iterator<Item = (Labels, f64)>,
) -> Family {
    Family {
        name,
        help,
        values: Values::Gauges(values.collect()),
    }
}

fn counter(
    name: &'static str,
    help: &'static str,
    values: impl Iterator<Item = (Labels, u64)>,
) -> Family {
    Family {
        name,
        help,
        values: Values::Counters(values.collect()),
    }
}

fn flag(is_set: bool) -> f64 {
    if is_set { 1.0 } else { 0.0 }
}

fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for Family { name, help, values } in &self.0 {
            let kind = match values {
                Values::Counters(_) => MetricType::Counter,
                Values::Gauges(_) => MetricType::Gauge,
                Values::Unknown(_) => MetricType::Unknown,
            };
            match values {
                Values::Counters(values) => {
                    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
                    for (labels, value) in values {
                        let metric = family.encode_family(labels)?;
                        ConstCounter::new(*value).encode(metric)?;
                    }
                }
                Values::Gauges(values) | Values::Unknown(values) => {
                    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
                    for (labels, value) in values {
                        let metric = family.encode_family(labels)?;
                        ConstGauge::new(*value).encode(metric)?;
                    }
                }
            }
        }
        Ok(())
    }
}
