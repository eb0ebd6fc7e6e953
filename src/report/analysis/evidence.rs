//! What the fields of an alert tell to who knows how to read them.

use std::{net::IpAddr, time::Duration};

use crate::{
    alert::{Alert, Kind},
    report::{
        details::whole,
        document::{Line, is_plain},
    },
};

/// Programs that answer requests: what they start is started by whoever sends these.
const SERVERS: [&str; 24] = [
    "apache2",
    "caddy",
    "dotnet",
    "gunicorn",
    "haproxy",
    "httpd",
    "java",
    "lighttpd",
    "mariadbd",
    "memcached",
    "mongod",
    "mysqld",
    "nginx",
    "node",
    "php-fpm",
    "postgres",
    "puma",
    "redis-server",
    "sshd",
    "tomcat",
    "uvicorn",
    "uwsgi",
    "vsftpd",
    "w3wp",
];

/// Folders that everybody may write to.
const SHARED_FOLDERS: [&str; 3] = ["/tmp/", "/var/tmp/", "/dev/shm/"];

/// What is faster than hands.
const FAST: Duration = Duration::from_secs(1);

/// A container that was started no longer ago is still starting.
const YOUNG: Duration = Duration::from_secs(60);

pub(super) fn of(alert: &Alert) -> Vec<Line> {
    let told = [
        executable(alert),
        origin(alert),
        session(alert),
        container(alert),
        network(alert),
        outcome(alert),
        losses(alert),
        oddities(alert),
    ];
    told.into_iter().flatten().collect()
}

/// The file that was executed.
fn executable(alert: &Alert) -> Vec<Line> {
    let mut told = Vec::new();
    let Some(process) = &alert.process else {
        return told;
    };
    if process.exe_upper_layer == Some(true) {
        told.push(Line::from(
            "The executable lies in the writable layer of the container's file system: it was added or changed after the \
             container was made.",
        ));
    }
    if process.exe_from_memfd == Some(true) {
        told.push(Line::from(
            "The executable exists in memory only (memfd). There is no file to find: take it from /proc/PID/exe for as \
             long as the process lives.",
        ));
    }
    let is_root = alert.user.as_ref().is_some_and(|user| user.uid == Some(0));
    if process.exe_writable == Some(true) && (!is_root || process.exe_upper_layer == Some(true)) {
        told.push(Line::from(
            "The user that ran the executable can also write to it.",
        ));
    }
    let age = alert
        .output_fields
        .get("proc.exe_ino.ctime_duration_proc_start");
    if let Some(age) = age.and_then(whole).map(Duration::from_nanos) {
        let line = format!(
            "Its inode was last changed {} before the process began",
            words(age)
        );
        told.push(Line::from(match age < FAST {
            true => line + ", quicker than two commands are typed: a program, a script or one command line did both.",
            false => line + ".",
        }));
    }
    let path = process.exe_path.as_str();
    if let Some(folder) = SHARED_FOLDERS
        .iter()
        .find(|folder| path.starts_with(**folder))
    {
        told.push(Line::from(format!(
            "It was run from {folder}, where everybody may put files and few programs belong."
        )));
    }
    told
}

/// Who started it.
fn origin(alert: &Alert) -> Vec<Line> {
    let mut told = Vec::new();
    let Some(process) = &alert.process else {
        return told;
    };
    let parent = process.ancestors.iter().find(|it| it.level == 1);
    let parent = parent.map_or("", |it| it.name.as_str());
    if SERVERS.contains(&parent) {
        told.push(Line::from("Its parent is ").value(parent).text(
            ", which answers requests: a program that it starts may have been started by whoever sent one.",
        ));
    }
    let names = process.ancestors.iter().map(|it| it.name.as_str());
    let image = alert
        .container
        .iter()
        .map(|it| it.image_repository.as_str());
    if names
        .chain([process.name.as_str()])
        .chain(image)
        .any(|it| it.contains("event-generator"))
    {
        told.push(Line::from(
            "A process or the image is named like event-generator, with which Falco's users set off rules on purpose: ask \
             whether somebody is testing.",
        ));
    }
    told
}

/// Whose session it was.
fn session(alert: &Alert) -> Vec<Line> {
    let mut told = Vec::new();
    match alert.process.as_ref().and_then(|it| it.tty) {
        Some(0) => told.push(Line::from("It had no terminal, as services and scripts have none.")),
        Some(_) => told.push(Line::from(
            "It had a terminal, as a person has one who logged in or ran a command interactively in a container.",
        )),
        None => {}
    }
    let Some(user) = &alert.user else {
        return told;
    };
    match user.login_uid {
        Some(uid) => {
            let line = Line::from(format!(
                "It goes back to a login, of the user with the id {uid}"
            ));
            told.push(match user.login_name.as_str() {
                "" => line.text("."),
                name => line.text(", ").value(name).text("."),
            });
        }
        None if alert
            .output_fields
            .get("user.loginuid")
            .is_some_and(|it| !it.is_absent()) =>
        {
            told.push(Line::from(
                "It goes back to no login (loginuid is unset), as is usual below a service manager or a container runtime.",
            ));
        }
        None => {}
    }
    let is_inside = alert.container.as_ref().is_some_and(|it| !it.host);
    if user.uid == Some(0) && is_inside {
        told.push(Line::from(
            "It ran as root in its container: without user namespaces that is the host's root, held back by namespaces, \
             capabilities and seccomp alone.",
        ));
    }
    told
}

fn container(alert: &Alert) -> Vec<Line> {
    let mut told = Vec::new();
    let Some(container) = alert.container.as_ref().filter(|it| !it.host) else {
        return told;
    };
    if container.privileged == Some(true) {
        told.push(Line::from(
            "The container is privileged: it can reach the host's devices and kernel, and who controls it can take over \
             the host.",
        ));
    }
    let started = container
        .start_time
        .map(|start| alert.event_time.duration_since(start));
    if let Some(age) = started.and_then(|age| Duration::try_from(age).ok()) {
        let line = format!("The container had been running for {}", words(age));
        told.push(Line::from(match age < YOUNG {
            true => line + ": it may belong to its start, so look at its entrypoint first.",
            false => line + ", so it is not part of its start.",
        }));
    }
    if !container.id.is_empty() && container.image_repository.is_empty() {
        told.push(Line::from(
            "Falco did not know the container's image when it wrote the alert: look it up by its id while it is there.",
        ));
    }
    told
}

fn network(alert: &Alert) -> Vec<Line> {
    let Some(network) = &alert.network else {
        return Vec::new();
    };
    let ends = [&network.remote, &network.server, &network.client];
    let ips = ends
        .into_iter()
        .flatten()
        .filter_map(|end| end.ip.parse::<IpAddr>().ok());
    for ip in ips {
        if ip == IpAddr::from([169, 254, 169, 254]) {
            return vec![Line::from(
                "One end is 169.254.169.254, where clouds serve an instance's metadata and the credentials of its role.",
            )];
        }
        if is_public(ip) {
            return vec![
                Line::from("One end, ")
                    .value(&ip.to_string())
                    .text(", is outside the private address ranges."),
            ];
        }
    }
    Vec::new()
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || ip.is_multicast()
                || ip.is_documentation()
                || is_shared)
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            // Global unicast, without what is for documentation.
            first & 0xe000 == 0x2000 && !(first == 0x2001 && ip.segments()[1] == 0x0db8)
        }
    }
}

/// Whether the system call failed. Some errors say that it goes on, or is to be tried again.
pub(in crate::report) fn has_failed(alert: &Alert) -> bool {
    let result = result(alert);
    let is_error = result.starts_with('E')
        && result
            .bytes()
            .all(|it| it.is_ascii_uppercase() || it.is_ascii_digit());
    let goes_on = ["EINPROGRESS", "EALREADY", "EAGAIN", "EWOULDBLOCK", "EINTR"].contains(&result);
    is_error && !goes_on
}

fn result(alert: &Alert) -> &str {
    let call = alert.syscall.as_ref();
    call.map_or("", |call| call.result.as_str())
}

/// Whether it succeeded.
fn outcome(alert: &Alert) -> Vec<Line> {
    let mut told = Vec::new();
    if has_failed(alert) {
        told.push(
            Line::from("The system call failed with ")
                .value(result(alert))
                .text(": it was tried, and not done."),
        );
    }
    if let Some(code) = alert.audit.as_ref().and_then(|audit| audit.response_code) {
        told.push(Line::from(match code {
            200..300 => "The API server did what was asked.",
            101 => "The API server opened the session that was asked for.",
            401 | 403 => "The API server refused it: it was tried, and not done.",
            _ => "The API server did not do it as asked; its code is among the details.",
        }));
    }
    let user = alert.audit.as_ref().map_or("", |audit| audit.user.as_str());
    if let Some((namespace, name)) = user
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'))
    {
        told.push(
            Line::from("The caller is the ServiceAccount ")
                .value(name)
                .text(" of the namespace ")
                .value(namespace)
                .text(": a workload, or whoever has its token."),
        );
    }
    if user == "system:anonymous" {
        told.push(Line::from("The caller showed no credentials at all."));
    }
    if alert
        .cloud
        .as_ref()
        .is_some_and(|cloud| !cloud.error.is_empty())
    {
        told.push(Line::from(
            "The service answered with an error: it was tried, and not done.",
        ));
    }
    told
}

/// What Falco lost.
fn losses(alert: &Alert) -> Vec<Line> {
    if alert.kind != Kind::Drop {
        return Vec::new();
    }
    let count = |key: &str| alert.output_fields.get(key).and_then(whole);
    let mut told = Vec::new();
    // Those that were lost are among those that its driver counts as seen.
    if let (Some(drops), Some(events)) = (count("n_drops"), count("n_evts"))
        && events > 0
    {
        let share = drops.saturating_mul(100) / events;
        told.push(Line::from(format!(
            "Of {events} events {drops} were lost, {share} %."
        )));
    }
    if buffers_were_full(alert) == Some(true) {
        told.push(Line::from(
            "They were lost since the buffers between the kernel and Falco were full.",
        ));
    }
    told
}

/// Whether events were lost for want of room in the buffers; none where nothing tells.
pub(in crate::report) fn buffers_were_full(alert: &Alert) -> Option<bool> {
    let mut buffers = alert.output_fields.with_prefix("n_drops_buffer").peekable();
    buffers.peek()?;
    Some(buffers.any(|(_, count)| whole(count).unwrap_or(0) > 0))
}

/// What hides something from a reader.
fn oddities(alert: &Alert) -> Vec<Line> {
    let texts = alert
        .output_fields
        .iter()
        .filter_map(|(_, value)| value.as_str());
    let mut all = texts.chain([alert.rule.as_str(), alert.hostname.as_str()]);
    let is_odd = |text: &str| {
        text.chars()
            .any(|it| !is_plain(it) && !matches!(it, '\n' | '\t' | '\r'))
    };
    match all.any(is_odd) {
        true => vec![Line::from(
            "Some value holds characters that control a terminal or turn the direction of text. They are spelled out in \
             this report; whoever put them there may have wanted something not to be read.",
        )],
        false => Vec::new(),
    }
}

/// A span of time as people say it.
pub(in crate::report) fn words(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_millis() < 10 => format!("{:.1} ms", span.as_secs_f64() * 1000.0),
        0 => format!("{} ms", span.as_millis()),
        1..120 => format!("{:.1} s", span.as_secs_f64()),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_public_or_not() {
        for (ip, is) in [
            ("8.8.8.8", true),
            ("2606:4700::1111", true),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("::1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_public(ip.parse().unwrap()), is, "{ip}");
        }
    }

    #[test]
    fn spans_are_said_as_people_do() {
        for (whole, said) in [
            (1, "0.0 ms"),
            (3_662_263, "3.7 ms"),
            (413_000_000, "413 ms"),
            (8_374_000_000, "8.4 s"),
            (7_199_000_000_000, "119 minutes"),
            (7_200_000_000_000, "2 hours"),
            (200_000_000_000_000, "2 days"),
        ] {
            assert_eq!(words(Duration::from_nanos(whole)), said);
        }
    }
}
