//! What happened, where, and how bad it is.

use super::{
    document::{Line, Section},
    knowledge,
    workload::Workload,
};
use crate::alert::{Alert, Container, Kind, Priority, Process};

pub(super) fn section(alert: &Alert) -> Section {
    let mut section = Section::new("Summary");
    section.paragraph(happened(alert).join(place(alert)).text("."));
    section.paragraph(weight(alert));
    section
}

/// The first sentence, up to where it happened.
fn happened(alert: &Alert) -> Line {
    let time = format!("At {}, ", time(alert.event_time));
    let line = Line::new().text(time);
    match alert.kind {
        Kind::Drop => return line.text("Falco lost system calls before it could look at them"),
        Kind::Metrics => return line.text("Falco reported its own metrics"),
        Kind::OtherInternal => return line.text("Falco reported on itself"),
        Kind::Alert => {}
    }
    if let Some(audit) = &alert.audit {
        let line = named(line, &audit.user, "somebody");
        let line = match audit.verb.as_str() {
            "" => line.text(" called the Kubernetes API on "),
            verb => line
                .text(" asked the Kubernetes API to ")
                .value(verb)
                .text(" "),
        };
        let line = line.value(or(&audit.resource, "an object"));
        return with(line, " ", &audit.target_name);
    }
    if let Some(cloud) = &alert.cloud {
        let line = named(line, &cloud.user, "somebody");
        let line = match cloud.operation.as_str() {
            "" => line.text(" made a call"),
            operation => line.text(" called ").value(operation),
        };
        let line = with(line, " of ", &cloud.service);
        return with(line, " from ", &cloud.source_ip);
    }
    match (&alert.process, alert.rule.as_str()) {
        (Some(process), _) => acted(line, process, alert),
        (None, "") => line.text("a rule whose name was not told matched an event"),
        (None, rule) => line.text("the rule ").value(rule).text(" matched an event"),
    }
}

/// What a process did.
fn acted(line: Line, process: &Process, alert: &Alert) -> Line {
    let line = match or(&process.name, &process.exe_path) {
        "" => line.text("a process"),
        name => line.text("the process ").value(name),
    };
    let line = line.join(behind(process, alert));
    let call = alert.syscall.as_ref().map_or("", |call| call.kind.as_str());
    let path = or(&process.exe_path, &process.command_line);
    if BEGINNINGS.contains(&call) && !path.is_empty() {
        let line = line.text(" executed ").value(path);
        return match process.exe_upper_layer {
            Some(true) => line.text(", which is not as the container's image has it,"),
            _ => line,
        };
    }
    let connection = alert
        .network
        .as_ref()
        .map_or("", |it| it.connection.as_str());
    let file = alert.file.as_ref().map_or("", |it| it.path.as_str());
    let line = match (connection, file) {
        ("", "") => return with(line.text(" acted"), ", by the system call ", call),
        ("", file) => line.text(" touched ").value(file),
        (connection, _) => line.text(" used the connection ").value(connection),
    };
    with(line, " by ", call)
}

/// The system calls by which a program begins.
const BEGINNINGS: [&str; 6] = ["execve", "execveat", "clone", "clone3", "fork", "vfork"];

/// Who is behind a process.
fn behind(process: &Process, alert: &Alert) -> Line {
    let user = alert.user.as_ref().map_or("", |user| user.name.as_str());
    let parent = process.ancestors.first().filter(|it| it.level == 1);
    let parent = parent.map_or("", |it| it.name.as_str());
    let line = match (user, parent) {
        ("", "") => return Line::new(),
        ("", parent) => Line::from(" (started by ").value(parent),
        (user, parent) => with(
            Line::from(" (running as ").value(user),
            ", started by ",
            parent,
        ),
    };
    line.text(")")
}

/// The rest of the first sentence.
fn place(alert: &Alert) -> Line {
    let mut line = Line::new();
    if let Some(audit) = &alert.audit {
        line = with(line, " in the namespace ", &audit.target_namespace);
        if let Some(code) = audit.response_code {
            line = line.text(format!(", and was answered {code}"));
        }
    }
    if let Some(cloud) = &alert.cloud {
        line = with(line, " in ", or(&cloud.region, &cloud.account));
        line = with(line, ", and was answered ", &cloud.error);
    }
    if let Some(pod) = alert
        .kubernetes
        .as_ref()
        .filter(|it| !it.pod_name.is_empty())
    {
        line = line.text(" in the pod ").value(&pod.pod_name);
        line = with(line, " of the namespace ", &pod.namespace);
    } else if let Some(container) = &alert.container {
        line = line.join(in_container(container));
    }
    with(line, " on the host ", &alert.hostname)
}

fn in_container(container: &Container) -> Line {
    let name = or(&container.name, &container.id);
    if container.host || name.is_empty() {
        return Line::new();
    }
    let line = Line::new().text(" in the container ").value(name);
    with(line, " of the image ", &container.image_repository)
}

/// The second sentence: how bad.
fn weight(alert: &Alert) -> Line {
    let line = match alert.rule.as_str() {
        "" => Line::from("Its rule"),
        rule => Line::from("The rule ").value(rule),
    };
    let line = line.text(" calls that ").strong(alert.priority.as_str());
    let rank = rank(alert.priority);
    let line = line.text(format!(", {rank} of Falco's eight levels: "));
    let line = line.text(urgency(alert.priority));
    let tactics = alert.attack.tactics.iter();
    let names: Vec<_> = tactics
        .filter_map(|tactic| Some(knowledge::tactic(&tactic.id)?.name.as_str()))
        .collect();
    match (names.as_slice(), Workload::of(alert)) {
        ([], Workload::Falco) => {
            line.text(". It says nothing of an attack, but of what Falco can see.")
        }
        ([], _) => line.text("."),
        (names, _) => {
            let names = names.join(", ");
            line.text(format!("; its tags count it to {names} in MITRE ATT&CK."))
        }
    }
}

fn rank(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency => "the worst",
        Priority::Alert => "the second worst",
        Priority::Critical => "the third worst",
        Priority::Error => "the fourth worst",
        Priority::Warning => "the fifth worst",
        Priority::Notice => "the sixth worst",
        Priority::Informational => "the second lowest",
        Priority::Debug => "the lowest",
    }
}

fn urgency(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => {
            "somebody should look at it now"
        }
        Priority::Error => "somebody should look at it today",
        Priority::Warning => "somebody should look at it, the sooner the less it is expected",
        Priority::Notice => "unusual, and worth a look together with others of its kind",
        Priority::Informational | Priority::Debug => {
            "noted, and of interest mostly beside other alerts"
        }
    }
}

/// A point in time, to the millisecond.
pub(super) fn time(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()
}

pub(super) fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

/// The line with `words` and `value`, if there is one.
fn with(line: Line, words: &str, value: &str) -> Line {
    match value {
        "" => line,
        value => line.text(words).value(value),
    }
}

fn named(line: Line, name: &str, nobody: &str) -> Line {
    match name {
        "" => line.text(nobody),
        name => line.value(name),
    }
}
