//! What holds of every format that is JSON.

use falco_gateway::{alert::Alert, format::Format};
use proptest::prelude::*;
use serde_json::Value;

use super::{
    alerts,
    hostile::{self, assert_one_line},
};

/// The formats that are JSON, and where each has the rule and the id.
const JSON: [(Format, &str, &str); 7] = [
    (Format::Json, "/rule", "/id"),
    (Format::Falco, "/rule", ""),
    (Format::Falcosidekick, "/rule", "/uuid"),
    (Format::Ocsf, "/finding_info/analytic/name", "/metadata/uid"),
    (Format::Ecs, "/rule/name", "/event/id"),
    (Format::Hec, "/event/rule", "/event/id"),
    (
        Format::OtlpJson,
        "",
        "/resourceLogs/0/scopeLogs/0/logRecords/0/attributes/0/value/stringValue",
    ),
];

fn check(alert: &Alert) {
    for (format, rule, id) in JSON {
        let line = format.line(alert);
        assert_one_line(&line);
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            panic!("{format}: {error}: {line}");
        });
        let text = |pointer| {
            value
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let is_finding = alert.kind == falco_gateway::alert::Kind::Alert;
        if !rule.is_empty() && !alert.rule.is_empty() && (is_finding || format != Format::Ocsf) {
            assert_eq!(text(rule).as_deref(), Some(alert.rule.as_str()), "{format}");
        }
        if format == Format::Falcosidekick {
            let uuid = text(id).unwrap();
            assert_eq!(uuid.len(), 36);
            assert_eq!(&uuid[14..15], "8", "a version for hashes");
        } else if !id.is_empty() {
            assert_eq!(text(id), Some(alert.id.to_string()), "{format}");
        }
    }
}

#[test]
fn every_alert_is_one_document_on_one_line() {
    alerts::all().iter().for_each(check);
}

proptest! {
    #[test]
    fn a_hostile_one_too(alert in hostile::alert()) {
        check(&alert);
    }
}

#[test]
fn fields_of_indexed_events_are_flat_texts() {
    for alert in alerts::all() {
        let event: Value = serde_json::from_str(&Format::Hec.line(&alert)).unwrap();
        for value in event["fields"].as_object().unwrap().values() {
            let flat = |value: &Value| value.is_string();
            assert!(
                flat(value) || value.as_array().unwrap().iter().all(flat),
                "{value}"
            );
        }
    }
}
