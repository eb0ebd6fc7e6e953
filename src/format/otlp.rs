//! OpenTelemetry's logs: a `LogRecord` for an alert.
//!
//! Messages are those of `opentelemetry-proto`, which go over gRPC and, encoded,
//! over HTTP. Attributes have the names of the semantic conventions where those
//! have one, and every field of Falco's stands in `falco.output_fields.*` with
//! its type.

mod attributes;

use jiff::Timestamp;
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::InstrumentationScope,
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};

use self::attributes::{Attributes, text_value};
use super::{GATEWAY, GATEWAY_VERSION, reading::text, severity::Severity};
use crate::alert::{Alert, Kind};

/// The version of the semantic conventions that attributes are named by.
pub const SEMANTIC_CONVENTIONS: &str = "1.44.0";

/// What is sent for `alerts`, in their order: those that follow each other and
/// are of one Falco share a resource.
pub fn request<'a>(alerts: impl IntoIterator<Item = &'a Alert>) -> ExportLogsServiceRequest {
    let mut resource_logs: Vec<ResourceLogs> = Vec::new();
    for alert in alerts {
        let resource = Some(resource(alert));
        let record = record(alert);
        if let Some(last) = resource_logs.last_mut()
            && last.resource == resource
            && let Some(scope) = last.scope_logs.first_mut()
        {
            scope.log_records.push(record);
            continue;
        }
        resource_logs.push(ResourceLogs {
            resource,
            scope_logs: vec![scope_logs(record)],
            schema_url: schema_url(),
        });
    }
    ExportLogsServiceRequest { resource_logs }
}

/// The alert's record.
pub fn record(alert: &Alert) -> LogRecord {
    let trace = alert.trace;
    LogRecord {
        time_unix_nano: nanoseconds(alert.event_time),
        observed_time_unix_nano: nanoseconds(alert.receive_time),
        severity_number: Severity::from(alert.priority).otel,
        severity_text: alert.priority.as_str().to_owned(),
        body: Some(text_value(text(alert))),
        attributes: attributes::of_record(alert),
        event_name: format!("falco.{}", event(alert.kind)),
        trace_id: trace
            .map(|it| it.trace_id.to_be_bytes().to_vec())
            .unwrap_or_default(),
        span_id: trace
            .map(|it| it.span_id.to_be_bytes().to_vec())
            .unwrap_or_default(),
        flags: trace.map_or(0, |it| u32::from(it.is_sampled)),
        ..LogRecord::default()
    }
}

/// The Falco that spoke.
pub fn resource(alert: &Alert) -> Resource {
    let mut attributes = Attributes::default();
    attributes.text("service.name", "falco");
    attributes.text("host.name", &alert.hostname);
    attributes.text("k8s.cluster.name", &alert.origin.cluster);
    for (key, value) in alert.origin.labels.iter() {
        attributes.text(&format!("falco.label.{key}"), value);
    }
    Resource {
        attributes: attributes.into_inner(),
        ..Resource::default()
    }
}

fn scope_logs(record: LogRecord) -> ScopeLogs {
    ScopeLogs {
        scope: Some(InstrumentationScope {
            name: GATEWAY.to_owned(),
            version: GATEWAY_VERSION.to_owned(),
            ..InstrumentationScope::default()
        }),
        log_records: vec![record],
        schema_url: schema_url(),
    }
}

fn schema_url() -> String {
    format!("https://opentelemetry.io/schemas/{SEMANTIC_CONVENTIONS}")
}

fn event(kind: Kind) -> &'static str {
    match kind {
        Kind::Alert => "alert",
        Kind::Drop => "drop",
        Kind::Metrics => "metrics",
        Kind::OtherInternal => "internal",
    }
}

/// Zero, which OTLP has for "unknown", outside of what it can say.
fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    #[test]
    fn neighbours_of_one_falco_share_its_resource() {
        let mut alerts = ["a", "b", "c", "d"].map(testing::alert);
        alerts[2].hostname = "node-b".into();
        let request = request(&alerts);
        let counts: Vec<_> = request
            .resource_logs
            .iter()
            .map(|logs| logs.scope_logs[0].log_records.len())
            .collect();
        assert_eq!(counts, [2, 1, 1]);
    }

    #[test]
    fn a_time_that_otlp_cannot_say_is_unknown() {
        assert_eq!(nanoseconds(Timestamp::MIN), 0);
        let time = "2025-11-07T18:17:07.218671851Z".parse().unwrap();
        assert_eq!(nanoseconds(time), 1_762_539_427_218_671_851);
    }
}
