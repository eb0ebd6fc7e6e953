//! ArcSight's Common Event Format, version 0.
//!
//! Every value is cut to the length that its key's column has, then escaped: `\`
//! and `|` in the header, `\` and `=` in the extension, and line ends in both.
//! Keys are the dictionary's; what it has no key for stands in custom strings,
//! each with its label.

use std::net::IpAddr;

use super::{
    GATEWAY, GATEWAY_VERSION, line,
    reading::{container_id, ends, file_name, image, ip, pod, slug, source_ip, text, user_name},
    severity::Severity,
};
use crate::alert::{Alert, Attack, Endpoint};

/// The alert as one line of CEF.
pub fn line(alert: &Alert) -> String {
    line_within(alert, usize::MAX)
}

/// The alert as one line of CEF of so many bytes at most: pairs that do not fit
/// are left out whole. The header stands in any case.
pub fn line_within(alert: &Alert, limit: usize) -> String {
    let severity = Severity::from(alert.priority).cef.to_string();
    // Without a rule the text is no name: it is another one each time, and in
    // `msg` anyway.
    let name = if alert.rule.is_empty() {
        "Falco alert"
    } else {
        &alert.rule
    };
    let signature = match slug(name) {
        slug if slug.is_empty() => "falco_alert".to_owned(),
        slug => slug,
    };
    let mut line = "CEF:0".to_owned();
    for (value, limit) in [
        ("Falco", 63),
        (GATEWAY, 63),
        (GATEWAY_VERSION, 31),
        (&signature, 255),
        (name, 512),
        (&severity, 2),
    ] {
        line.push('|');
        line.push_str(&header(&line::cut(value, limit)));
    }
    line.push('|');
    let mut extension = Extension {
        pairs: String::new(),
        limit: limit.saturating_sub(line.len()),
    };
    envelope(alert, &mut extension);
    process(alert, &mut extension);
    network(alert, &mut extension);
    calls(alert, &mut extension);
    custom(alert, &mut extension);
    line + &extension.pairs
}

/// `key=value` pairs, apart by a blank, within a limit.
#[derive(Debug)]
struct Extension {
    pairs: String,
    limit: usize,
}

impl Extension {
    /// At most so many characters of `value`; nothing of an empty one.
    fn add(&mut self, key: &str, value: &str, characters: usize) {
        if !value.is_empty() {
            self.push(&pair(key, value, characters));
        }
    }

    fn number(&mut self, key: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.add(key, &value.to_string(), 20);
        }
    }

    /// A custom column and what it is, or neither.
    fn labelled(&mut self, key: &str, label: &str, value: &str) {
        if !value.is_empty() {
            let label = pair(&format!("{key}Label"), label, 128);
            self.push(&format!("{label} {}", pair(key, value, 4000)));
        }
    }

    fn push(&mut self, pair: &str) {
        if self.pairs.len() + 1 + pair.len() > self.limit {
            return;
        }
        if !self.pairs.is_empty() {
            self.pairs.push(' ');
        }
        self.pairs.push_str(pair);
    }
}

fn pair(key: &str, value: &str, characters: usize) -> String {
    format!("{key}={}", escaped(&line::cut(value, characters)))
}

fn envelope(alert: &Alert, extension: &mut Extension) {
    extension.number("rt", Some(alert.event_time.as_millisecond()));
    extension.add("externalId", &alert.id.to_string(), 40);
    extension.add("cat", &alert.source, 1023);
    extension.add("dvchost", &alert.hostname, 100);
    extension.add("msg", text(alert), 1023);
    let received = alert.receive_time.as_millisecond().to_string();
    extension.labelled("deviceCustomDate1", "received", &received);
}

fn process(alert: &Alert, extension: &mut Extension) {
    extension.add("suser", user_name(alert), 1023);
    if let Some(user) = &alert.user {
        let uid = user.uid.map(|uid| uid.to_string());
        extension.add("suid", uid.as_deref().unwrap_or_default(), 1023);
    }
    if let Some(process) = &alert.process {
        extension.add("sproc", &process.name, 1023);
        extension.number("spid", process.pid);
        let vpid = process.vpid.map(|vpid| vpid.to_string());
        extension.labelled("cn1", "vpid", vpid.as_deref().unwrap_or_default());
    }
    // Of a file if there is one, else of the executable.
    let executable = alert.process.as_ref().map_or("", |it| &it.exe_path);
    let file = alert.file.as_ref().filter(|file| !file.path.is_empty());
    let path = file.map_or(executable, |it| &it.path);
    extension.add("filePath", path, 1023);
    extension.add("fname", file_name(path), 1023);
    let inode = file.and_then(|it| it.inode).map(|inode| inode.to_string());
    extension.add("fileId", inode.as_deref().unwrap_or_default(), 1023);
}

fn network(alert: &Alert, extension: &mut Extension) {
    let Some(network) = &alert.network else {
        address(extension, "src", ("c6a2", "source IPv6"), source_ip(alert));
        return;
    };
    let (source, destination) = ends(network);
    let mut end = |end: Option<&Endpoint>, keys: [&str; 3], six: (&str, &str)| {
        let [address_key, port, host] = keys;
        if let Some(end) = end {
            address(extension, address_key, six, &end.ip);
            extension.number(port, end.port.map(i64::from));
            extension.add(host, &end.name, 1023);
        }
    };
    end(source, ["src", "spt", "shost"], ("c6a2", "source IPv6"));
    end(
        destination,
        ["dst", "dpt", "dhost"],
        ("c6a3", "destination IPv6"),
    );
    extension.add("proto", &network.transport, 31);
}

/// Version 0 has columns of IPv4 addresses, and custom ones for those of IPv6.
fn address(extension: &mut Extension, key: &str, six: (&str, &str), text: &str) {
    match ip(text) {
        Some(IpAddr::V4(_)) => extension.add(key, text, 15),
        Some(IpAddr::V6(_)) => extension.labelled(six.0, six.1, text),
        None => {}
    }
}

/// What was called: the kernel, the Kubernetes API, a cloud's.
fn calls(alert: &Alert, extension: &mut Extension) {
    if let Some(syscall) = &alert.syscall {
        extension.add("act", &syscall.kind, 63);
        extension.add("outcome", &syscall.result, 63);
    } else if let Some(audit) = &alert.audit {
        extension.add("act", &audit.verb, 63);
        let code = audit.response_code.map(|code| code.to_string());
        extension.add("outcome", code.as_deref().unwrap_or_default(), 63);
        extension.add("reason", &audit.response_reason, 1023);
        extension.add("request", &audit.uri, 1023);
        extension.add("requestClientApplication", &audit.user_agent, 1023);
    } else if let Some(cloud) = &alert.cloud {
        extension.add("act", &cloud.operation, 63);
        extension.add("reason", &cloud.error, 1023);
        extension.add("requestClientApplication", &cloud.user_agent, 1023);
    }
}

fn custom(alert: &Alert, extension: &mut Extension) {
    if let Some(container) = &alert.container {
        extension.labelled("cs1", "container id", container_id(container));
        extension.labelled("cs2", "container image", &image(container));
    }
    let process = alert.process.as_ref();
    let command_line = process.map_or("", |it| &it.command_line);
    extension.labelled("cs3", "command line", command_line);
    extension.labelled("cs4", "MITRE ATT&CK", &attack(&alert.attack));
    extension.labelled("cs5", "pod or object", &object(alert));
    extension.labelled("cs6", "tags", &alert.tags.join(","));
    let parents = process.map_or(&[][..], |it| &it.ancestors);
    let parent = parents.iter().find(|it| it.level == 1);
    let parent = parent.map_or("", |it| &it.name);
    extension.labelled("flexString1", "parent process", parent);
}

fn attack(attack: &Attack) -> String {
    let tactics = attack.tactics.iter().map(|it| it.id.as_str());
    let techniques = attack.techniques.iter().map(|it| it.id.as_str());
    tactics.chain(techniques).collect::<Vec<_>>().join(",")
}

/// The pod, or what a call to the Kubernetes API was about: `ns/resource/name`.
fn object(alert: &Alert) -> String {
    let Some(audit) = &alert.audit else {
        return pod(alert);
    };
    let parts = [&audit.target_namespace, &audit.resource, &audit.target_name];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.map(String::as_str).collect::<Vec<_>>().join("/")
}

/// A header field has no line ends at all: they are written out like all that
/// steers.
fn header(text: &str) -> String {
    let text = line::visible(text);
    text.replace('\\', "\\\\").replace('|', "\\|")
}

/// An extension's value: line ends have an escape of their own, `\n` and `\r`.
fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for piece in text.split_inclusive(['\n', '\r']) {
        let (rest, end) = match piece.strip_suffix('\n') {
            Some(rest) => (rest, "\\n"),
            None => piece
                .strip_suffix('\r')
                .map_or((piece, ""), |it| (it, "\\r")),
        };
        let rest = line::visible(rest);
        value += &rest.replace('\\', "\\\\").replace('=', "\\=");
        value += end;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    #[test]
    fn a_rule_cannot_end_the_header() {
        let line = line(&testing::alert("a|b\\c\nd=e|10|"));
        assert!(
            line.starts_with(&format!(
                "CEF:0|Falco|falco-gateway|{GATEWAY_VERSION}|a_b_c_d_e_10|a\\|b\\\\c\\\\nd=e\\|10\\||6|rt=0 "
            )),
            "{line}"
        );
    }

    #[test]
    fn a_value_cannot_begin_a_key() {
        let mut alert = testing::alert("r");
        alert.message = "x suser=root\nCEF:0|a|b\r\\\u{1b}[0m".into();
        let line = line(&alert);
        assert!(
            line.contains(" msg=x suser\\=root\\nCEF:0|a|b\\r\\\\\\\\u001b[0m "),
            "{line}"
        );
    }

    #[test]
    fn values_are_cut_to_their_columns() {
        let mut alert = testing::alert("r");
        alert.message = "=".repeat(5000);
        let line = line(&alert);
        assert!(line.contains(&format!("msg={}[...] ", "\\=".repeat(1018))));
    }
}
