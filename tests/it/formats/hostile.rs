//! Alerts whose every text is an attacker's.

use falco_gateway::alert::Alert;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::normalize::fixtures::read_body;

/// What breaks out of one format or another, and what is only odd.
const PIECES: [&str; 34] = [
    "\n",
    "\r\n",
    "\r",
    "|",
    "=",
    "\\",
    "\"",
    "'",
    "]",
    "[",
    " ",
    "\t",
    "\u{0}",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{85}",
    "\u{9b}31m",
    "\u{2028}",
    "\u{2029}",
    "\u{202e}",
    "\u{fffd}",
    "\u{feff}",
    "\u{10ffff}",
    "日本",
    " suser=root ",
    "\\= act=none",
    "|10|msg=x",
    "\nCEF:0|a|b|c|d|e|10|msg=x",
    "\n<0>1 2025-01-01T00:00:00Z h a - - - x",
    "\"][evil@1 a=\"b",
    "\\\"] x",
    "\"}\n{\"rule\":\"forged\",\"x\":\"",
    "<NA>",
    "10.0.0.1:1->10.0.0.2:2",
];

/// Any text, such pieces above all, and now and then a long one.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => proptest::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        2 => "[a-z/]{1,8}",
        1 => (proptest::sample::select(PIECES.to_vec()), 1..3000_usize)
            .prop_map(|(piece, times)| piece.repeat(times / piece.len())),
    ];
    proptest::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

const FIELDS: [&str; 44] = [
    "container.id",
    "container.full_id",
    "container.name",
    "container.type",
    "container.image.repository",
    "container.image.tag",
    "container.image.digest",
    "k8s.ns.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.pod.label[app]",
    "proc.name",
    "proc.exe",
    "proc.exepath",
    "proc.cmdline",
    "proc.cwd",
    "proc.sname",
    "proc.pname",
    "proc.aname[2]",
    "user.name",
    "user.loginname",
    "group.name",
    "fd.name",
    "fd.type",
    "fd.directory",
    "fd.filename",
    "fd.l4proto",
    "fd.cip",
    "fd.sip",
    "fd.lip",
    "fd.sip.name",
    "evt.type",
    "evt.res",
    "evt.arg.path",
    "ka.user.name",
    "ka.verb",
    "ka.target.resource",
    "ka.target.name",
    "ka.uri",
    "ka.useragent",
    "ct.name",
    "ct.user",
    "ct.srcip",
    "ct.error",
];

/// An alert with hostile texts in its envelope and in some of its fields, also
/// as a field's name.
pub(super) fn alert() -> impl Strategy<Value = Alert> {
    let fields =
        proptest::collection::vec((proptest::sample::select(FIELDS.to_vec()), text()), 0..20);
    let source = prop_oneof![
        Just("syscall".to_owned()),
        Just("k8s_audit".to_owned()),
        Just("aws_cloudtrail".to_owned()),
        text()
    ];
    let tags = proptest::collection::vec(text(), 0..4);
    (text(), text(), text(), source, tags, fields, text()).prop_map(
        |(rule, output, hostname, source, tags, fields, key)| {
            let mut output_fields = json!({ key: 1 });
            for (key, value) in fields {
                output_fields[key] = Value::String(value);
            }
            let body = json!({
                "rule": format!("r{rule}"),
                "output": output,
                "hostname": hostname,
                "source": source,
                "tags": tags,
                "priority": "Warning",
                "time": "2025-11-25T03:48:04.123456789Z",
                "output_fields": output_fields,
            });
            let mut read = read_body(body.to_string());
            read.remove(0).unwrap()
        },
    )
}

/// Nothing that ends a line for any reader, or steers a terminal.
pub(super) fn assert_one_line(line: &str) {
    let bad = line.chars().find(|letter| {
        letter.is_control()
            || matches!(
                letter,
                '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{feff}'
            )
    });
    assert_eq!(bad, None, "{line:?}");
    assert!(!line.is_empty());
}
