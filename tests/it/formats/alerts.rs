//! Alerts to try the formats on.

use falco_gateway::alert::Alert;

use crate::normalize::fixtures::{
    alert, bodies, grpc_alert, json_lines, messages, read_body, sample, text,
};

/// All that the fixtures have: captures of both transports and samples.
pub(super) fn all() -> Vec<Alert> {
    let captured = ["http", "http_extra_fields", "http_text"]
        .into_iter()
        .flat_map(bodies)
        .map(String::into_bytes);
    let ids = text("samples/INDEX.tsv");
    let ids = ids.lines().skip(1).filter_map(|row| row.split('\t').next());
    let samples = ids.map(|id| sample(id).into_bytes());
    let posted = captured
        .chain(samples)
        .flat_map(read_body)
        .filter_map(Result::ok);
    let streamed = [
        "grpc",
        "grpc_extra_fields",
        "grpc_invalid_utf8",
        "grpc_text",
        "internal_notices_grpc",
        "json_options_grpc",
    ]
    .into_iter()
    .flat_map(messages)
    .map(|(_, wire)| grpc_alert(wire));
    posted.chain(streamed).collect()
}

/// The alert that this project was founded on.
pub(super) fn founding() -> Alert {
    alert(sample("F100"))
}

/// One of each sort.
pub(super) fn varied() -> [(&'static str, Alert); 6] {
    [
        ("host", "F087"),
        ("container", "F100"),
        ("pod", "F066"),
        ("k8s_audit", "F058"),
        ("cloudtrail", "F102"),
        ("internal_drop", "F073"),
    ]
    .map(|(name, id)| (name, alert(sample(id))))
}

#[test]
fn the_fixtures_are_all_here() {
    assert_eq!(bodies("http").len(), 195);
    assert_eq!(json_lines("samples/dev.jsonl").len() + 12, 128);
    assert!(all().len() > 700, "{}", all().len());
}
