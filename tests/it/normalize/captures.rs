//! What a real Falco 0.43.1 sent, over its gRPC and over HTTP.

use falco_gateway::{
    alert::{Alert, FieldValue, Kind, RemarkKind},
    normalize::normalize,
    source::Payload,
};

use super::fixtures::{alert, bodies, decode, grpc_alert, messages, raw, read_body};

fn kinds(alert: &Alert) -> Vec<RemarkKind> {
    alert.remarks.iter().map(|remark| remark.kind).collect()
}

#[test]
fn the_same_alert_over_grpc_and_http_is_one() {
    for (http, grpc, count) in [
        ("http", "grpc", 195),
        ("http_extra_fields", "grpc_extra_fields", 38),
    ] {
        let bodies = bodies(http);
        let messages = messages(grpc);
        assert_eq!((bodies.len(), messages.len()), (count, count));
        for (body, (_, wire)) in bodies.into_iter().zip(messages) {
            let over_http = alert(body);
            let over_grpc = grpc_alert(wire.clone());
            assert_eq!(over_grpc.raw, wire);
            let over_grpc = Alert {
                raw: over_http.raw.clone(),
                ..over_grpc
            };
            assert_eq!(over_http, over_grpc);
        }
    }
}

#[test]
fn ids_differ_where_alerts_do() {
    let mut ids: Vec<_> = bodies("http")
        .into_iter()
        .map(|body| alert(body).id)
        .collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn falcos_own_json_needs_no_mending() {
    for body in bodies("http")
        .into_iter()
        .chain(bodies("http_extra_fields"))
    {
        let alert = alert(body.clone());
        assert_eq!(alert.remarks, [], "{body}");
        assert_eq!(alert.raw, body);
        let document: serde_json::Value = serde_json::from_str(&body).unwrap();
        let text = |key: &str| document[key].as_str().unwrap_or_default();
        assert_eq!(alert.rule, text("rule"));
        assert_eq!(alert.priority.as_str(), text("priority"));
        assert_eq!(alert.source, text("source"));
        assert_eq!(alert.hostname, text("hostname"));
        assert_eq!(alert.output, text("output"));
        assert_eq!(alert.message, text("message"));
        assert_eq!(alert.event_time, text("time").parse().unwrap());
        let fields = document["output_fields"].as_object().unwrap();
        assert_eq!(alert.output_fields.len(), fields.len());
        for (key, value) in alert.output_fields.iter() {
            assert_eq!(as_json(value), fields[key], "{key}");
        }
    }
}

fn as_json(value: &FieldValue) -> serde_json::Value {
    match value {
        FieldValue::Null => serde_json::Value::Null,
        FieldValue::String(text) => text.as_str().into(),
        FieldValue::Int(number) => (*number).into(),
        FieldValue::Uint(number) => (*number).into(),
        FieldValue::Double(number) => (*number).into(),
        FieldValue::Bool(flag) => (*flag).into(),
        FieldValue::List(values) => values.iter().map(as_json).collect(),
        FieldValue::Number(text) | FieldValue::Json(text) => panic!("inexact: {text}"),
    }
}

#[test]
fn bodies_may_be_posted_in_any_bundle() {
    let bodies = bodies("http");
    let one_by_one: Vec<_> = bodies.iter().map(|body| alert(body.clone()).id).collect();
    for bundle in [
        bodies.join("\n"),
        bodies.concat(),
        format!("[{}]", bodies.join(",")),
    ] {
        let together: Vec<_> = read_body(bundle)
            .into_iter()
            .map(|read| read.unwrap().id)
            .collect();
        assert_eq!(one_by_one, together);
    }
}

#[test]
fn a_post_of_text_is_one_alert_even_over_lines() {
    let bodies = bodies("http_text");
    assert_eq!(bodies.len(), 194);
    assert!(bodies.iter().any(|body| body.contains('\n')));
    for body in bodies {
        let alert = alert(body.clone());
        assert_eq!(alert.output, body);
        assert!(body.contains(&format!(": {} {}", alert.priority, alert.message)));
        assert!(kinds(&alert).contains(&RemarkKind::TextOnly));
        assert!(kinds(&alert).contains(&RemarkKind::TimeAssumed));
        assert_eq!(alert.rule.is_empty(), alert.kind == Kind::Alert, "{body}");
    }
}

#[test]
fn text_over_grpc_has_rule_and_fields() {
    let bodies = bodies("http_text");
    let messages = messages("grpc_text");
    assert_eq!(messages.len(), 194);
    for (body, (_, wire)) in bodies.into_iter().zip(messages) {
        let message = decode(wire.clone());
        let alert = grpc_alert(wire);
        assert_eq!(alert.remarks, []);
        assert_eq!(alert.output, body);
        assert_eq!(alert.rule, message.rule);
        assert_eq!(alert.output_fields.len(), message.output_fields.len());
        let (seconds, nanoseconds) = message.time.unwrap();
        assert_eq!(alert.event_time.as_second(), seconds);
        assert_eq!(alert.event_time.subsec_nanosecond(), nanoseconds);
        assert_eq!(alert.message, super::fixtures::alert(body).message);
    }
}

#[test]
fn display_strings_fill_the_same_groups_as_typed_values() {
    // Two runs of the same triggers: what does not change from run to run.
    let typed: Vec<_> = bodies("http").into_iter().map(alert).collect();
    let shown: Vec<_> = messages("grpc_text")
        .into_iter()
        .map(|(_, wire)| grpc_alert(wire))
        .collect();
    let mut compared = 0;
    for typed in &typed {
        let same_message = |shown: &&Alert| {
            let process = |alert: &Alert| alert.process.clone().map(|process| process.command_line);
            shown.rule == typed.rule && process(shown) == process(typed)
        };
        let Some(shown) = shown.iter().find(same_message) else {
            continue;
        };
        compared += 1;
        assert_eq!(typed.user, shown.user, "{}", typed.rule);
        assert_eq!(typed.container.is_some(), shown.container.is_some());
        let tty = |alert: &Alert| alert.process.as_ref().and_then(|process| process.tty);
        assert_eq!(tty(typed), tty(shown), "{}", typed.rule);
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn what_the_options_strip_is_taken_from_the_message() {
    let alerts: Vec<_> = messages("json_options_grpc")
        .into_iter()
        .map(|(label, wire)| (label, decode(wire.clone()), grpc_alert(wire)))
        .collect();
    assert_eq!(alerts.len(), 6);
    for (label, message, alert) in &alerts {
        assert_eq!(alert.rule, "Probe opened", "{label}");
        assert_eq!(alert.tags, ["probe"], "{label}");
        assert_eq!(alert.hostname, "node-a", "{label}");
        let path = alert.file.as_ref().map(|file| file.path.as_str());
        assert_eq!(path, Some("/opt/falco-probe/0000000"), "{label}");
        assert!(!alert.output.starts_with('{'), "{label}");
        // The identity is the one that the same document has over HTTP.
        if message.output.starts_with(b"{") {
            assert_eq!(
                super::fixtures::alert(message.output.clone()).id,
                alert.id,
                "{label}"
            );
        }
    }
    let (_, _, stripped) = &alerts[0];
    assert_eq!(stripped.output, "");
}

#[test]
fn falcos_notices_are_told_from_alerts() {
    let notices: Vec<_> = messages("internal_notices_grpc")
        .into_iter()
        .map(|(label, wire)| {
            let alert = grpc_alert(wire);
            assert_eq!(alert.source, "internal", "{label}");
            (label, alert.kind)
        })
        .collect();
    for (label, kind) in &notices {
        let expected = if label.contains("drop") {
            Kind::Drop
        } else if label.contains("metrics") {
            Kind::Metrics
        } else {
            Kind::OtherInternal
        };
        assert_eq!(*kind, expected, "{label}");
    }
    assert_eq!(notices.len(), 7);
}

#[test]
fn invalid_utf8_is_replaced_and_remarked_on() {
    for (label, wire) in messages("grpc_invalid_utf8") {
        let alert = grpc_alert(wire.clone());
        let fields: Vec<_> = alert
            .remarks
            .iter()
            .filter(|remark| remark.kind == RemarkKind::InvalidUnicode)
            .map(|remark| remark.field.as_str())
            .collect();
        assert!(fields.contains(&"output"), "{label}: {fields:?}");
        assert!(fields.iter().any(|field| field.starts_with("proc.")));
        assert!(alert.output.contains('\u{fffd}'));
        assert_eq!(alert.raw, wire);
    }
}

#[test]
fn a_number_that_is_no_priority_is_refused() {
    let (_, wire) = messages("grpc_text").remove(0);
    let mut message = decode(wire.clone());
    message.priority = 8;
    let rejects = normalize(&raw(Payload::Falco(Box::new(message))));
    let reject = rejects[0].as_ref().unwrap_err();
    assert_eq!(reject.reason.as_str(), "UNKNOWN_PRIORITY");
    assert_eq!(reject.document, wire);
}

#[test]
fn json_that_is_no_alert_leaves_the_message_itself() {
    let (_, wire) = messages("grpc").remove(0);
    let mut message = decode(wire);
    message.output = "{\"rule\":".into();
    let alert = normalize(&raw(Payload::Falco(Box::new(message))))
        .remove(0)
        .unwrap();
    assert_eq!(alert.rule, "Container seen");
    assert_eq!(kinds(&alert), [RemarkKind::UnusualShape]);
}
