//! What a bridge itself has to tell a target: in the target's own format, as Falco
//! tells of itself, so that it cannot be missed among the alerts.

use bytes::Bytes;
use serde_json::json;

use crate::{
    alert::{Alert, Origin, Transport},
    clock,
    normalize::normalize,
    pb::{LossCause, LossNotice},
    source::{Payload, Raw},
};

/// The source id of what bridges say.
const SOURCE_ID: &str = "bridge";

/// That alerts which match will not come.
pub(super) fn lost(notice: &LossNotice) -> Option<Alert> {
    let least = if notice.lower_bound { "at least " } else { "" };
    let cause = cause(notice.cause());
    let rule = "falco-gateway: alerts lost";
    document(&json!({
        "rule": rule,
        "priority": "Warning",
        "output": format!("{rule}: {least}{} that this target should have got ({cause})", notice.lost),
        "output_fields": {
            "lost": notice.lost,
            "cause": cause,
            "lower_bound": notice.lower_bound,
        },
    }))
}

/// That an alert is in the log and this version cannot read it.
pub(super) fn unreadable(cursor: &str, problem: &str) -> Option<Alert> {
    let rule = "falco-gateway: alert not readable";
    document(&json!({
        "rule": rule,
        "priority": "Warning",
        "output": format!("{rule}: the one at {cursor} ({problem})"),
        "output_fields": {"cursor": cursor, "problem": problem},
    }))
}

/// An alert to try a target with.
pub(super) fn test(bridge: &str) -> Option<Alert> {
    document(&json!({
        "rule": "Test rule",
        "priority": "Debug",
        "output": format!("This is a test of the bridge {bridge} of falco-gateway"),
        "output_fields": {"proc.name": "falco-gateway", "user.name": "falco-gateway"},
        "tags": ["example", "test"],
    }))
}

/// `said` at this time, read like all that comes.
fn document(said: &serde_json::Value) -> Option<Alert> {
    let now = clock::now();
    let mut said = said.clone();
    if let Some(said) = said.as_object_mut() {
        said.insert("source".to_owned(), "internal".into());
        said.insert("time".to_owned(), format!("{now:.9}").into());
    }
    let raw = Raw {
        payload: Payload::Document(Bytes::from(said.to_string())),
        origin: Origin::new(SOURCE_ID, Transport::Publish),
        received_at: now,
        trace: None,
    };
    normalize(&raw).into_iter().find_map(Result::ok)
}

fn cause(cause: LossCause) -> &'static str {
    match cause {
        LossCause::Retention => "retention",
        LossCause::SkippedByPolicy => "skipped_by_policy",
        LossCause::IngestOverflow => "ingest_overflow",
        LossCause::UpstreamDrop => "upstream_drop",
        LossCause::LogCorruption => "log_corruption",
        LossCause::RateLimit => "rate_limit",
        LossCause::Unspecified => "unknown",
    }
}
