//! Golden readings. Of the captures a line an alert, of chosen ones everything.

use std::fmt::Write;

use bytes::Bytes;
use falco_gateway::alert::Alert;

use super::fixtures::{alert, bodies, grpc_alert, messages, sample};

/// What is most telling, in one line.
fn line(alert: &Alert) -> String {
    let mut line = format!(
        "{} {} {} {} [{}] {}",
        alert.id,
        alert.event_time,
        alert.priority,
        alert.kind.as_str(),
        alert.source,
        alert.rule
    );
    if let Some(process) = &alert.process {
        let _ = write!(line, " | process {:?}", process.name);
        for ancestor in &process.ancestors {
            let _ = write!(line, " < {}:{}", ancestor.level, ancestor.name);
        }
    }
    if let Some(user) = &alert.user {
        let _ = write!(line, " | user {}({:?})", user.name, user.uid);
    }
    if let Some(container) = &alert.container {
        let name = if container.host {
            "host"
        } else {
            &container.id
        };
        let _ = write!(line, " | in {name}");
    }
    if let Some(pod) = &alert.kubernetes {
        let _ = write!(line, " | pod {}/{}", pod.namespace, pod.pod_name);
    }
    if let Some(file) = &alert.file {
        let _ = write!(line, " | file {:?}", file.path);
    }
    if let Some(network) = &alert.network {
        let _ = write!(line, " | {} {:?}", network.transport, network.connection);
    }
    if let Some(syscall) = &alert.syscall {
        let arguments: Vec<_> = syscall.arguments.keys().map(String::as_str).collect();
        let _ = write!(line, " | {}({})", syscall.kind, arguments.join(" "));
    }
    let tactics = alert.attack.tactics.iter().map(|tactic| &tactic.id);
    let techniques = alert
        .attack
        .techniques
        .iter()
        .map(|technique| &technique.id);
    let controls = alert.compliance.iter().map(|control| &control.control);
    for id in tactics.chain(techniques).chain(controls) {
        let _ = write!(line, " {id}");
    }
    for remark in &alert.remarks {
        let _ = write!(line, " !{:?}({})", remark.kind, remark.field);
    }
    line
}

fn lines(alerts: impl IntoIterator<Item = Alert>) -> String {
    let lines: Vec<_> = alerts.into_iter().map(|alert| line(&alert)).collect();
    lines.join("\n")
}

#[test]
fn http() {
    insta::assert_snapshot!(lines(bodies("http").into_iter().map(alert)));
}

#[test]
fn http_text() {
    insta::assert_snapshot!(lines(bodies("http_text").into_iter().map(alert)));
}

#[test]
fn grpc() {
    for capture in [
        "grpc_text",
        "grpc_extra_fields",
        "grpc_invalid_utf8",
        "internal_notices_grpc",
        "json_options_grpc",
    ] {
        let alerts = messages(capture)
            .into_iter()
            .map(|(_, wire)| grpc_alert(wire));
        insta::assert_snapshot!(capture, lines(alerts));
    }
}

/// One of each kind of thing: the founding alert, a wrapped one, a metrics
/// snapshot, Kubernetes audits, clouds, files, networks, odd shapes, text.
#[test]
fn samples() {
    for id in [
        "F100", "F018", "F023", "F039", "F043", "F058", "F067", "F079", "F094", "F106", "F116",
        "F178",
    ] {
        let alert = Alert {
            raw: Bytes::new(),
            ..alert(sample(id))
        };
        insta::assert_debug_snapshot!(id, alert);
    }
}
