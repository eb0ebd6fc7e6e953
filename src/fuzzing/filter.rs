use std::sync::OnceLock;

use bytes::Bytes;

use super::{alerts::documents, halves};
use crate::{
    alert::Alert,
    filter::{Filter, FilterSet, Problem},
    rpc::convert,
    source::Payload,
};

/// A filter, and behind a NUL a document that it is asked about: a mistake is told in its
/// place, and all ways to ask a filter say the same.
pub fn filter(input: &[u8]) {
    let (text, document) = halves(input);
    let Ok(text) = str::from_utf8(text) else {
        return;
    };
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(problem) => return is_told_in_its_place(&problem, text),
    };
    for warning in filter.warnings() {
        is_told_in_its_place(warning, text);
    }
    let again = Filter::parse(filter.canonical());
    assert_eq!(again.as_ref(), Ok(&filter), "{text:?}");
    for alert in document.map_or_else(example, alerts) {
        let matches = filter.matches(&alert);
        let again = again.as_ref().map(|again| again.matches(&alert));
        assert_eq!(again, Ok(matches), "{filter}");
        reads_only_its_parts(&filter, &convert::encode(&alert), matches);
        is_sifted(&filter, &alert, matches);
    }
}

/// Filters of all kinds say the same of an alert and of what they read of it.
pub(super) fn reads_parts(encoded: &Bytes, alert: &Alert) {
    for text in FILTERS {
        let filter = Filter::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        reads_only_its_parts(&filter, encoded, filter.matches(alert));
    }
}

fn reads_only_its_parts(filter: &Filter, encoded: &Bytes, matches: bool) {
    let part = convert::decode_parts(encoded, Some(filter.parts()));
    assert_eq!(
        part.map(|part| filter.matches(&part)),
        Some(matches),
        "{filter}"
    );
}

fn is_sifted(filter: &Filter, alert: &Alert, matches: bool) {
    let mut set = FilterSet::default();
    if let Some(id) = set.insert(filter) {
        let found = set.sift(alert).contains(&id);
        assert!(found || !matches, "{filter} is not found");
        set.remove(id);
    }
    assert!(set.is_empty());
}

fn is_told_in_its_place(problem: &Problem, text: &str) {
    let end = problem.position + problem.length;
    assert!(
        text.get(problem.position..end).is_some(),
        "{text:?}: {problem:?}"
    );
    assert!(!problem.message.is_empty());
    assert_eq!(
        problem.pointer(text).lines().count(),
        2,
        "{text:?}: {problem:?}"
    );
}

fn alerts(document: &[u8]) -> Vec<Alert> {
    let read = documents(Payload::Document(Bytes::copy_from_slice(document)));
    read.into_iter().flatten().collect()
}

fn example() -> Vec<Alert> {
    static ALERTS: OnceLock<Vec<Alert>> = OnceLock::new();
    ALERTS.get_or_init(|| alerts(EXAMPLE.as_bytes())).clone()
}

/// Asked about when the input has no document of its own.
const EXAMPLE: &str = r#"{"rule":"Write below etc","priority":"Error","source":"syscall",
"hostname":"node-a","time":"2026-11-25T10:00:00.000000001Z","output":"File below /etc opened",
"tags":["container","mitre_persistence","T1059.004"],"output_fields":{"proc.name":"bash",
"proc.pid":1234,"proc.ppid":null,"proc.aname[2]":"sshd","proc.is_exe_writable":true,
"fd.name":"/etc/passwd","fd.sip":"10.0.0.1","container.id":"host","k8s.ns.name":"payments",
"user.uid":18446744073709551615,"custom.list":["a","b"],"custom.half":0.5,"odd key!":"v"}}"#;

const FILTERS: [&str; 8] = [
    "",
    "priority >= warning and rule contains e",
    "proc.name = bash or proc.aname[2] exists or proc.pid > 7",
    "tags intersects (container, T1059) or attack.tactic exists",
    "k8s.ns.name startswith p or container.id != host or fd.name glob /etc/*",
    "evt.type exists or user.uid >= 0 or message icontains x",
    "ka.verb = create or aws.region exists or hostname = a",
    "field[x] exists or custom.half < 1 or origin.cluster = prod",
];
