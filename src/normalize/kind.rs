//! What a document is, and whose: by its source, its rule and its fields.

use crate::alert::{Alert, FieldValue, Fields, Kind};

/// How the rules begin by which Falco reports on itself.
const INTERNAL: &str = "Falco internal:";
const DROP: &str = "Falco internal: syscall event drop";
const METRICS: &str = "Falco internal: metrics snapshot";

/// An alert of a rule, or Falco speaking about itself.
pub(super) fn of(source: &str, rule: &str) -> Kind {
    if rule.starts_with(DROP) {
        Kind::Drop
    } else if rule.starts_with(METRICS) {
        Kind::Metrics
    } else if source == "internal" || rule.starts_with(INTERNAL) {
        Kind::OtherInternal
    } else {
        Kind::Alert
    }
}

/// The source of a document that names none, where only one can be meant.
///
/// Never `syscall`: before Falco 0.30 nothing named its source, plugins neither.
/// Nor a cloud plugin's: forks and versions of those use several names.
pub(super) fn infer_source(rule: &str, fields: &Fields) -> Option<&'static str> {
    if rule.starts_with(INTERNAL) {
        Some("internal")
    } else if fields.with_prefix("ka.").next().is_some() {
        Some("k8s_audit")
    } else {
        None
    }
}

/// The rule behind a text line's message: known only for Falco's own notices.
pub(super) fn rule_in_text(message: &str) -> Option<&'static str> {
    [
        (DROP, DROP),
        (METRICS, METRICS),
        ("Falco metrics snapshot", METRICS),
        (
            "Falco internal: hot restart failure",
            "Falco internal: hot restart failure",
        ),
        (
            "Falco internal: timeouts notification",
            "Falco internal: timeouts notification",
        ),
    ]
    .into_iter()
    .find(|(beginning, _)| message.starts_with(beginning))
    .map(|(_, rule)| rule)
}

/// How many system calls a drop notice of Falco says were lost.
///
/// Over gRPC, and in most versions over JSON too, the counter is a string.
pub fn lost_syscalls(alert: &Alert) -> Option<u64> {
    match alert.output_fields.get("n_drops")? {
        FieldValue::Int(number) => u64::try_from(*number).ok(),
        FieldValue::Uint(number) => Some(*number),
        FieldValue::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falcos_own_notices_are_no_alerts() {
        for (source, rule, kind) in [
            ("internal", DROP, Kind::Drop),
            ("", "Falco internal: metrics snapshot", Kind::Metrics),
            (
                "",
                "Falco internal: hot restart failure",
                Kind::OtherInternal,
            ),
            ("internal", "Test rule", Kind::OtherInternal),
            ("syscall", "Terminal shell in container", Kind::Alert),
            ("", "", Kind::Alert),
        ] {
            assert_eq!(of(source, rule), kind, "{source} {rule}");
        }
    }
}
