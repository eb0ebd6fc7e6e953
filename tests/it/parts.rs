//! A filter says the same of the parts that it reads as of the whole alert.

use bytes::Bytes;
use falco_gateway::{
    alert::{Alert, Origin, Transport},
    filter::Filter,
    normalize::normalize,
    rpc::convert::{decode_parts, encode},
    source::{Payload, Raw},
};

use crate::support::captures;

fn captured() -> Vec<Alert> {
    ["http.jsonl", "http_extra_fields.jsonl", "http_text.jsonl"]
        .into_iter()
        .flat_map(captures::bodies)
        .flat_map(|body| {
            normalize(&Raw {
                payload: Payload::Body(Bytes::from(body)),
                origin: Origin::new("edge", Transport::Http),
                received_at: falco_gateway::clock::now(),
                trace: None,
            })
        })
        .filter_map(Result::ok)
        .collect()
}

/// Every field that a captured alert has, and those of the envelope and of the
/// typed groups, which stand for others.
fn fields(alerts: &[Alert]) -> Vec<String> {
    let envelope = [
        "rule",
        "priority",
        "source",
        "hostname",
        "tags",
        "output",
        "message",
        "kind",
        "id",
        "maturity",
        "origin.source",
        "origin.transport",
        "origin.cluster",
        "origin.label[team]",
        "attack.tactic",
        "attack.technique",
        "compliance",
        "proc.name",
        "proc.aname",
        "proc.aname[2]",
        "proc.pname",
        "k8s.ns.name",
        "k8s.pod.label[app]",
        "container.id",
        "user.name",
        "fd.name",
        "evt.arg.flags",
        "ka.verb",
        "no.such.field",
    ];
    let mut fields: Vec<_> = envelope.map(str::to_owned).to_vec();
    for alert in alerts {
        let keys = alert.output_fields.iter().map(|(key, _)| key.to_owned());
        fields.extend(keys.filter(|key| Filter::parse(&format!("{key} exists")).is_ok()));
    }
    fields.sort();
    fields.dedup();
    fields
}

#[test]
fn what_a_filter_does_not_read_makes_no_difference() {
    let alerts = captured();
    assert!(alerts.len() > 200);
    let encoded: Vec<_> = alerts.iter().map(encode).collect();
    let mut matched = 0;
    for field in fields(&alerts) {
        for condition in [
            "exists",
            "contains a",
            "= root",
            "!= 0",
            "in (1, host, Critical)",
        ] {
            // Not every operator goes with every field.
            let Ok(filter) = Filter::parse(&format!("{field} {condition}")) else {
                continue;
            };
            for (alert, encoded) in alerts.iter().zip(&encoded) {
                let part = decode_parts(encoded, Some(filter.parts())).unwrap();
                assert_eq!(filter.matches(&part), filter.matches(alert), "{filter}");
                matched += usize::from(filter.matches(alert));
            }
        }
    }
    assert!(matched > 10_000, "{matched}");
}

#[test]
fn what_is_no_alert_is_none() {
    let filter = Filter::parse("proc.name = a").unwrap();
    for bytes in [&b"\xff"[..], b"\x92\x03\xff", b""] {
        let bytes = Bytes::from_static(bytes);
        assert_eq!(decode_parts(&bytes, Some(filter.parts())), None);
    }
}
