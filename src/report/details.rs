//! Every field that matters, in groups.

use std::time::Duration;

use super::{
    analysis::words,
    document::{Line, Section},
    summary::time,
};
use crate::alert::{Alert, Endpoint, FieldValue, RemarkKind};

/// The keys whose values are in the groups or in the tree of processes.
const IN_GROUPS: [&str; 68] = [
    "container.id",
    "container.name",
    "container.type",
    "container.image.repository",
    "container.image.tag",
    "container.privileged",
    "container.start_ts",
    "ct.name",
    "ct.region",
    "ct.src",
    "ct.srcip",
    "ct.user",
    "ct.useragent",
    "ct.error",
    "evt.res",
    "evt.time",
    "evt.time.iso8601",
    "evt.type",
    "fd.cip",
    "fd.cport",
    "fd.lip",
    "fd.lport",
    "fd.name",
    "fd.rip",
    "fd.rport",
    "fd.sip",
    "fd.sport",
    "fd.type",
    "gcp.user",
    "gcp.callerIP",
    "gcp.projectId",
    "gcp.userAgent",
    "gcp.methodName",
    "gcp.serviceName",
    "group.gid",
    "group.name",
    "k8s.ns.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "ka.auth.decision",
    "ka.response.code",
    "ka.response.reason",
    "ka.sourceips",
    "ka.target.name",
    "ka.target.namespace",
    "ka.target.resource",
    "ka.target.subresource",
    "ka.uri",
    "ka.user.name",
    "ka.useragent",
    "ka.verb",
    "proc.cmdline",
    "proc.cwd",
    "proc.exe",
    "proc.exepath",
    "proc.name",
    "proc.pcmdline",
    "proc.pid",
    "proc.pname",
    "proc.ppid",
    "proc.sname",
    "proc.tty",
    "proc.vpid",
    "thread.tid",
    "user.loginname",
    "user.loginuid",
    "user.name",
    "user.uid",
];

/// What further such keys begin with.
const FAMILIES: [&str; 4] = ["evt.arg.", "proc.aname[", "proc.acmdline[", "proc.apid["];

/// 2001, in nanoseconds: what is less is no point in time of an alert.
const RECENT: u64 = 1_000_000_000_000_000_000;

/// How many other fields are shown.
const MOST_OTHERS: usize = 40;

/// The rows of a table, of what is there.
#[derive(Default)]
struct Rows(Vec<Vec<Line>>);

impl Rows {
    fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0
                .push(vec![Line::from(name), Line::new().value(value)]);
        }
    }

    /// Of something that came with its own name.
    fn field(&mut self, words: &str, name: &str, value: &str) {
        if !value.is_empty() {
            let name = Line::from(words).value(name);
            self.0.push(vec![name, Line::new().value(value)]);
        }
    }

    fn number(&mut self, name: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.add(name, &value.to_string());
        }
    }

    fn is(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.add(name, if value { "yes" } else { "no" });
        }
    }
}

/// What has the rows of a group.
type Fill = fn(&Alert, &mut Rows);

pub(super) fn section(alert: &Alert, has_log: bool) -> Section {
    let mut section = Section::new("Details");
    let groups: [(&str, Fill); 9] = [
        ("Alert", self::alert),
        ("Process", process),
        ("User", user),
        ("Container and pod", container),
        ("File", file),
        ("Connection", network),
        ("Kubernetes API call", audit),
        ("Cloud or service call", cloud),
        ("Other fields", others),
    ];
    for (title, fill) in groups {
        let mut rows = Rows::default();
        fill(alert, &mut rows);
        if title == "Alert" && has_log {
            received(alert, &mut rows);
        }
        if !rows.0.is_empty() {
            section.heading(title);
            section.table(&["Field", "Value"], rows.0);
        }
    }
    if !alert.remarks.is_empty() {
        section.heading("How it was read");
        let remarks = alert.remarks.iter().map(|remark| {
            let line = Line::new().value(&remark.field).text(": ");
            let line = if remark.field.is_empty() {
                Line::new()
            } else {
                line
            };
            line.value(&remark.detail)
        });
        section.list(remarks);
    }
    section
}

fn alert(alert: &Alert, rows: &mut Rows) {
    rows.add("rule", &alert.rule);
    rows.add("priority", alert.priority.as_str());
    if !has_no_time(alert) {
        rows.add("happened", &time(alert.event_time));
    }
    rows.add("host", &alert.hostname);
    rows.add("event source", &alert.source);
    rows.add("cluster", &alert.origin.cluster);
    rows.add("tags", &alert.tags.join(", "));
    rows.add("output", &alert.output);
    rows.add("id", &alert.id.to_string());
}

/// What the gateway adds.
fn received(alert: &Alert, rows: &mut Rows) {
    rows.add("received by the gateway", &time(alert.receive_time));
    rows.add("through its source", &alert.origin.source_id);
}

fn process(alert: &Alert, rows: &mut Rows) {
    let Some(process) = &alert.process else {
        return;
    };
    rows.add("name", &process.name);
    rows.add("executable", &process.exe_path);
    if process.exe != process.exe_path {
        rows.add("argv[0]", &process.exe);
    }
    rows.add("command line", &process.command_line);
    rows.number("pid", process.pid);
    rows.number("pid in its namespace", process.vpid);
    rows.add("working directory", &process.working_directory);
    rows.number("terminal (0 is none)", process.tty);
    rows.add("session leader", &process.session_name);
    rows.is("executable not from the image", process.exe_upper_layer);
    rows.is(
        "executable can be written by the user",
        process.exe_writable,
    );
    rows.is("executable only in memory", process.exe_from_memfd);
    if let Some(start) = process.start_time {
        rows.add("started", &time(start));
    }
    if let Some(call) = &alert.syscall {
        rows.add("system call", &call.kind);
        rows.add("its result", &call.result);
        for (name, value) in &call.arguments {
            rows.field("its argument ", name, value);
        }
    }
}

fn user(alert: &Alert, rows: &mut Rows) {
    if let Some(user) = &alert.user {
        rows.add("name", &user.name);
        rows.number("uid", user.uid);
        rows.add("logged in as", &user.login_name);
        rows.number("login uid", user.login_uid);
    }
    if let Some(group) = &alert.group {
        rows.add("group", &group.name);
        rows.number("gid", group.gid);
    }
}

fn container(alert: &Alert, rows: &mut Rows) {
    if let Some(container) = &alert.container {
        rows.is("on the host itself", container.host.then_some(true));
        rows.add("container", &container.name);
        rows.add("container id", &container.id);
        rows.add("runtime", &container.kind);
        rows.add("image", &container.image_repository);
        rows.add("image tag", &container.image_tag);
        rows.add("image digest", &container.image_digest);
        rows.is("privileged", container.privileged);
        if let Some(start) = container.start_time {
            rows.add("container started", &time(start));
        }
    }
    if let Some(pod) = &alert.kubernetes {
        rows.add("namespace", &pod.namespace);
        rows.add("pod", &pod.pod_name);
        rows.add("pod uid", &pod.pod_uid);
        rows.add("deployment", &pod.deployment);
        rows.add("node", &pod.node);
        for (name, value) in &pod.pod_labels {
            rows.field("label ", name, value);
        }
    }
}

fn file(alert: &Alert, rows: &mut Rows) {
    if let Some(file) = &alert.file {
        rows.add("path", &file.path);
        rows.add("other path", &file.target_path);
        rows.add("type", &file.kind);
        rows.number("inode", file.inode);
    }
}

fn network(alert: &Alert, rows: &mut Rows) {
    if let Some(network) = &alert.network {
        rows.add("connection", &network.connection);
        rows.add("transport", &network.transport);
        rows.add("client", &endpoint(network.client.as_ref()));
        rows.add("server", &endpoint(network.server.as_ref()));
        rows.add("local", &endpoint(network.local.as_ref()));
        rows.add("remote", &endpoint(network.remote.as_ref()));
    }
}

fn endpoint(endpoint: Option<&Endpoint>) -> String {
    let Some(endpoint) = endpoint else {
        return String::new();
    };
    let port = endpoint.port.map(|port| port.to_string());
    let parts = [
        endpoint.ip.as_str(),
        endpoint.name.as_str(),
        port.as_deref().unwrap_or(""),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

fn audit(alert: &Alert, rows: &mut Rows) {
    if let Some(audit) = &alert.audit {
        rows.add("user", &audit.user);
        rows.add("verb", &audit.verb);
        rows.add("resource", &audit.resource);
        rows.add("subresource", subresource(alert));
        rows.add("name", &audit.target_name);
        rows.add("namespace", &audit.target_namespace);
        rows.add("URI", &audit.uri);
        rows.number("answered", audit.response_code);
        rows.add("reason", &audit.response_reason);
        rows.add("decision", &audit.decision);
        rows.add("from", &audit.source_ips.join(", "));
        rows.add("with", &audit.user_agent);
    }
}

fn cloud(alert: &Alert, rows: &mut Rows) {
    if let Some(cloud) = &alert.cloud {
        rows.add("provider", &cloud.provider);
        rows.add("account", &cloud.account);
        rows.add("region", &cloud.region);
        rows.add("service", &cloud.service);
        rows.add("operation", &cloud.operation);
        rows.add("user", &cloud.user);
        rows.add("from", &cloud.source_ip);
        rows.add("with", &cloud.user_agent);
        rows.add("error", &cloud.error);
    }
}

/// What no group has, or has in other words.
fn others(alert: &Alert, rows: &mut Rows) {
    let is_in_group =
        |key: &str| IN_GROUPS.contains(&key) || FAMILIES.iter().any(|it| key.starts_with(it));
    let fields: Vec<_> = alert
        .output_fields
        .iter()
        .filter(|(key, value)| !value.is_absent() && !is_in_group(key))
        .map(|(key, value)| (key, explained(key, value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    for (key, value) in fields.iter().take(MOST_OTHERS) {
        rows.field("", key, value);
    }
    let more = fields.len().saturating_sub(MOST_OTHERS);
    if more > 0 {
        rows.add("and further fields", &more.to_string());
    }
}

/// A value, and what it says to a clock.
fn explained(key: &str, value: &FieldValue) -> String {
    let text = shown(value);
    let Some(nanoseconds) = whole(value) else {
        return text;
    };
    if key.contains("duration") {
        return format!("{text} ({})", words(Duration::from_nanos(nanoseconds)));
    }
    let is_time = key.contains("time") || key.ends_with("ts");
    match jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)) {
        Ok(at) if is_time && nanoseconds > RECENT => format!("{text} ({})", time(at)),
        _ => text,
    }
}

/// Whether Falco told no time, and the time is when the alert was received.
pub(super) fn has_no_time(alert: &Alert) -> bool {
    let mut remarks = alert.remarks.iter();
    remarks.any(|remark| remark.kind == RemarkKind::TimeAssumed)
}

/// The part of an object that a call of the Kubernetes API was for.
pub(super) fn subresource(alert: &Alert) -> &str {
    let field = alert.output_fields.get("ka.target.subresource");
    let text = field.filter(|it| !it.is_absent());
    text.and_then(FieldValue::as_str).unwrap_or_default()
}

/// A whole number, which Falco's gRPC writes as text.
pub(super) fn whole(value: &FieldValue) -> Option<u64> {
    match value {
        FieldValue::Int(number) => u64::try_from(*number).ok(),
        FieldValue::String(text) => text.parse().ok(),
        _ => None,
    }
}

pub(super) fn shown(value: &FieldValue) -> String {
    match value {
        FieldValue::Null => String::new(),
        FieldValue::String(text) | FieldValue::Number(text) | FieldValue::Json(text) => {
            text.clone()
        }
        FieldValue::Int(number) => number.to_string(),
        FieldValue::Uint(number) => number.to_string(),
        FieldValue::Double(number) => number.to_string(),
        FieldValue::Bool(is) => is.to_string(),
        FieldValue::List(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            items.join(", ")
        }
    }
}
