//! What happened, where, and how bad it is.

use super::{
    analysis::has_failed,
    details::{has_no_time, subresource},
    document::{Line, Section},
    knowledge,
    workload::Workload,
};
use crate::alert::{Alert, Container, FieldValue, Kind, Priority, Process};

pub(super) fn section(alert: &Alert) -> Section {
    let mut section = Section::new("Summary");
    section.paragraph(happened(alert).join(place(alert)).text("."));
    section.paragraph(weight(alert));
    section
}

/// The first sentence, up to where it happened.
fn happened(alert: &Alert) -> Line {
    let line = Line::from(match has_no_time(alert) {
        true => format!(
            "Received at {} (Falco told no time of its own), ",
            time(alert.receive_time)
        ),
        false => format!("At {}, ", time(alert.event_time)),
    });
    match alert.kind {
        Kind::Drop => return line.text("Falco lost system calls before it could look at them"),
        Kind::Metrics => return line.text("Falco reported its own metrics"),
        Kind::OtherInternal => return line.text("Falco reported on itself"),
        Kind::Alert => {}
    }
    if let Some(audit) = &alert.audit {
        let line = named(line, &audit.user, "somebody");
        let object = match (audit.resource.as_str(), subresource(alert)) {
            (resource, "") => resource.to_owned(),
            (resource, part) => format!("{resource}/{part}"),
        };
        let line = match audit.verb.as_str() {
            "" => line.text(" called the Kubernetes API on "),
            verb => line
                .text(" asked the Kubernetes API to ")
                .value(verb)
                .text(" "),
        };
        let line = match (object.as_str(), audit.uri.as_str()) {
            ("", "") => line.text("an object"),
            ("", uri) => line.value(uri),
            (object, _) => with(line.value(object), " ", &audit.target_name),
        };
        let command = alert.output_fields.get("ka.uri.param[command]");
        let command = command.and_then(FieldValue::as_str).unwrap_or_default();
        return with(line, ", with the command ", command);
    }
    if let Some(cloud) = &alert.cloud {
        let line = named(line, &cloud.user, "somebody");
        let line = match cloud.operation.as_str() {
            "" => line.text(" did something"),
            operation => line.text(" did ").value(operation),
        };
        let line = with(line, " of ", &cloud.service);
        return with(line, " from ", &cloud.source_ip);
    }
    match (&alert.process, alert.rule.as_str()) {
        (Some(process), _) => acted(line, process, alert),
        (None, "") => with(
            line.text("a rule whose name was not told matched an event"),
            ": ",
            or(&alert.message, &alert.output),
        ),
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
    let tried = if has_failed(alert) { " tried to" } else { "" };
    let did = |what: &str, to_do: &str| match tried {
        "" => format!(" {what} "),
        tried => format!("{tried} {to_do} "),
    };
    let call = alert.syscall.as_ref().map_or("", |call| call.kind.as_str());
    let path = or(&process.exe_path, &process.command_line);
    if matches!(call, "execve" | "execveat") && !path.is_empty() {
        let line = line.text(did("executed", "execute")).value(path);
        return match process.exe_upper_layer {
            Some(true) => line.text(", which is not as the container's image has it,"),
            _ => line,
        };
    }
    let connection = alert
        .network
        .as_ref()
        .map_or("", |it| it.connection.as_str());
    let line = match (connection, object(alert)) {
        ("", "") if !process.command_line.is_empty() => {
            line.text(did("ran", "run")).value(&process.command_line)
        }
        ("", "") => line.text(" did what the rule looks for"),
        ("", object) => line.text(did("touched", "touch")).value(object),
        (connection, _) => line
            .text(did("used the connection", "use the connection"))
            .value(connection),
    };
    with(line, " by ", call)
}

/// The file that a process was at: of some system calls it is an argument only.
pub(super) fn object(alert: &Alert) -> &str {
    let file = alert.file.as_ref().map(|file| file.path.as_str());
    let arguments = alert.syscall.as_ref().map(|call| &call.arguments);
    let argument = |name: &&str| arguments?.get(*name).map(String::as_str);
    let arguments = ARGUMENTS.iter().filter_map(argument);
    let mut all = file.into_iter().chain(arguments);
    all.find(|path| !matches!(*path, "" | "<NA>"))
        .unwrap_or_default()
}

/// The arguments of system calls that are paths, what is made before what it is made of.
const ARGUMENTS: [&str; 6] = ["newpath", "linkpath", "path", "name", "filename", "target"];

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
    // Of what a plugin reads, it is only where Falco runs.
    let is_there = alert.audit.is_none() && alert.cloud.is_none();
    with(
        line,
        " on the host ",
        if is_there { &alert.hostname } else { "" },
    )
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
            line.text(format!(
                "; its tags place it under {names} in MITRE ATT&CK."
            ))
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
        Priority::Warning => "somebody should look at it soon, unless it was expected",
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
