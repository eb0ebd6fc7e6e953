//! The Open Cybersecurity Schema Framework: a Detection Finding for an alert of a
//! rule, a Base Event for what Falco says about itself, which is no finding.
//!
//! Attributes, types and constraints are those of [`VERSION`]; a test holds every
//! captured alert against them.

mod evidence;
mod finding;
mod observables;

use serde_json::{Value, json};

use super::{
    GATEWAY, GATEWAY_VERSION,
    object::Object,
    reading::{exact, text},
    severity::Severity,
};
use crate::{
    alert::{Alert, Kind, RemarkKind},
    json,
};

/// The version of OCSF.
pub const VERSION: &str = "1.6.0";

/// The event for an alert.
pub fn event(alert: &Alert) -> Value {
    match alert.kind {
        Kind::Alert => finding::finding(alert),
        Kind::Drop | Kind::Metrics | Kind::OtherInternal => notice(alert),
    }
    .into()
}

/// A Base Event, the class for what no other class is for.
fn notice(alert: &Alert) -> Object {
    base(alert)
        .set("activity_id", 99)
        .set("activity_name", alert.kind.as_str())
        .set("category_name", "Uncategorized")
        .set("class_name", "Base Event")
        .set("category_uid", 0)
        .set("class_uid", 0)
        .set("type_uid", 99)
        .set("type_name", "Base Event: Other")
}

/// What the events of all classes have.
fn base(alert: &Alert) -> Object {
    let severity = Severity::from(alert.priority);
    Object::new()
        .set("severity_id", severity.ocsf)
        .set("severity", severity.ocsf_caption)
        .set("time", milliseconds(alert.event_time))
        .set("message", text(alert))
        .set("metadata", metadata(alert))
        .set("observables", observables::observables(alert))
        .set("unmapped", unmapped(alert))
}

fn metadata(alert: &Alert) -> Object {
    let product = Object::new()
        .set("name", "Falco")
        .set("vendor_name", "Falco");
    let logger = Object::new()
        .set("name", GATEWAY)
        .set("version", GATEWAY_VERSION)
        .set("logged_time", milliseconds(alert.receive_time));
    let truncated = alert
        .remarks
        .iter()
        .any(|remark| remark.kind == RemarkKind::Truncated);
    Object::new()
        .set("version", VERSION)
        .set("product", product)
        .set("profiles", profiles(alert))
        .set("uid", alert.id.to_string())
        .set("log_name", alert.source.as_str())
        .set("log_level", alert.priority.as_str())
        .set("original_time", exact(alert.event_time))
        .set("logged_time", milliseconds(alert.receive_time))
        .set("labels", alert.tags.clone())
        .set("loggers", vec![logger])
        .set("is_truncated", truncated.then_some(true))
}

/// The profiles whose attributes the event has.
fn profiles(alert: &Alert) -> Vec<&'static str> {
    let mut profiles = Vec::new();
    if alert.kind == Kind::Alert {
        if finding::cloud(alert).is_some() {
            profiles.push("cloud");
        }
        if evidence::namespace_pid(alert).is_some() {
            profiles.push("container");
        }
    }
    profiles
}

/// Every field of Falco's, under its own name, and what the gateway knows beside
/// them.
fn unmapped(alert: &Alert) -> Object {
    let origin = Object::new()
        .set("source_id", alert.origin.source_id.as_ref())
        .set("transport", alert.origin.transport.as_str())
        .set("cluster", alert.origin.cluster.as_ref())
        .set("labels", json!(alert.origin.labels.as_ref()));
    Object::new()
        .set("priority", alert.priority.as_str())
        .set("maturity", alert.maturity.as_str())
        .set("output_fields", json::fields(&alert.output_fields))
        .set("extra", json::fields(&alert.extra))
        .set("origin", origin)
}

/// OCSF's `timestamp_t`. The rest of the nine digits is in `original_time`.
fn milliseconds(time: jiff::Timestamp) -> i64 {
    time.as_millisecond()
}

/// OCSF's `integer_t`, which lakes keep in 32 bits.
fn integer(number: Option<i64>) -> Option<i32> {
    number.and_then(|number| i32::try_from(number).ok())
}

/// `uuid_t`, if it is one.
fn uuid(text: &str) -> Option<&str> {
    let groups = [8, 4, 4, 4, 12];
    let parts: Vec<_> = text.split('-').collect();
    let fits = parts.len() == groups.len()
        && parts.iter().zip(groups).all(|(part, length)| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
    fits.then_some(text)
}
