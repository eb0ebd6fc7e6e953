//! The language as a whole; its parts have their tests beside them.

mod captures;
mod document;
mod errors;
mod fields;
mod limits;
pub(super) mod naive;
mod robust;
mod semantics;

use super::Filter;
use crate::{
    alert::{Alert, Origin, Transport},
    normalize::normalize,
    source::{Payload, Raw},
};

/// An alert of this document, read as the gateway reads it.
pub(super) fn alert(document: &str) -> Alert {
    read(Payload::Document(document.to_owned().into()))
}

fn read(payload: Payload) -> Alert {
    let raw = Raw {
        payload,
        origin: Origin {
            cluster: "prod".into(),
            labels: std::sync::Arc::new([("team".to_owned(), "sec ops".to_owned())].into()),
            ..Origin::new("node-a", Transport::FalcoGrpc)
        },
        received_at: "2030-01-02T03:04:05Z".parse().unwrap(),
        trace: None,
    };
    normalize(&raw).remove(0).unwrap()
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|problem| panic!("{text}\n{}", problem.pointer(text)))
}

/// Each text, on a line of its own, is true or false of `alert`.
fn hold(alert: &Alert, expected: bool, texts: &str) {
    for text in texts.lines().map(str::trim).filter(|it| !it.is_empty()) {
        assert_eq!(filter(text).matches(alert), expected, "{text}");
    }
}

/// An alert that has every kind of value.
fn example() -> Alert {
    alert(
        r#"{"rule":"Write below etc","priority":"Error","source":"syscall","hostname":"node-a",
        "time":"2026-11-25T10:00:00.000000001Z","output":"File below /etc opened (user=root)",
        "tags":["container","mitre_persistence","T1059.004","PCI_DSS_11.5.1","maturity_stable"],
        "output_fields":{
            "proc.name":"bash","proc.pid":1234,"proc.ppid":null,"proc.aname[2]":"sshd",
            "proc.cmdline":"bash -c \"cat /etc/shadow\"","proc.exepath":"/usr/bin/bash",
            "proc.is_exe_writable":true,"fd.name":"/etc/passwd","fd.num":3,
            "container.id":"host","k8s.ns.name":"payments","evt.rawres":-2,"evt.rawarg.x":"31",
            "user.uid":18446744073709551615,"custom.list":["a","b",[7]],"custom.empty":[],
            "custom.half":0.5,"custom.na":"<NA>","odd key!":"v","évt":"ü"}}"#,
    )
}
