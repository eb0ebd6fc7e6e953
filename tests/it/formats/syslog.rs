//! RFC 5424, as a parser of others reads it.

use falco_gateway::{
    alert::Alert,
    format::{
        Format,
        rfc5424::{Facility, Syslog},
    },
};
use proptest::prelude::*;
use syslog_loose::{Message, ProcId, Protocol, Variant, parse_message_with_year_exact};

use super::{
    alerts,
    hostile::{self, assert_one_line},
};

fn read(line: &str) -> Message<&str> {
    parse_message_with_year_exact(line, |_| 0, Variant::RFC5424)
        .unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

fn check(alert: &Alert) {
    let syslog = Syslog::default();
    let line = syslog.message(alert);
    assert_one_line(&line);
    assert!(line.len() <= syslog.limit, "{}", line.len());
    let read = read(&line);
    assert_eq!(read.protocol, Protocol::RFC5424(1));
    let facility = read.facility.map(|it| it as u8);
    assert_eq!(facility, Some(16));
    let severity = read.severity.map(|it| it as u8);
    assert_eq!(severity, Some(alert.priority.to_syslog()));
    let time = read.timestamp.map(|it| it.timestamp_micros());
    assert_eq!(time, Some(alert.event_time.as_microsecond()));
    assert_eq!(read.appname, Some("falco"));
    assert_eq!(read.procid, None::<ProcId<&str>>);
    let header = [read.hostname, read.msgid].into_iter().flatten();
    for field in header {
        assert!(
            field.bytes().all(|byte| byte.is_ascii_graphic()),
            "{field:?}"
        );
    }
    let ids: Vec<_> = read.structured_data.iter().map(|it| it.id).collect();
    assert_eq!(ids, ["falco@32473", "origin"], "{line}");
    let element = &read.structured_data[0];
    let names: Vec<_> = element.params().map(|(name, _)| *name).collect();
    assert_eq!(names[..2], ["id", "time"]);
    assert!(names.iter().all(|name| NAMES.contains(name)), "{names:?}");
    let id = element.params().find(|(name, _)| **name == "id").unwrap().1;
    assert_eq!(id, alert.id.to_string());
    let rule = element.params().find(|(name, _)| **name == "rule");
    let rule = rule.map(|(_, rule)| rule).unwrap_or_default();
    // Unless it was cut, or has what is written out.
    if alert
        .rule
        .chars()
        .all(|it| it.is_ascii_graphic() || it == ' ')
        && alert.rule.len() < 256
    {
        assert_eq!(rule, alert.rule);
    }
    assert_eq!(rule.is_empty(), alert.rule.is_empty());
}

const NAMES: [&str; 19] = [
    "id",
    "time",
    "rule",
    "priority",
    "source",
    "hostname",
    "tags",
    "tactic",
    "technique",
    "user.name",
    "user.uid",
    "proc.name",
    "proc.exepath",
    "container.id",
    "container.image",
    "k8s.ns.name",
    "k8s.pod.name",
    "fd.name",
    "cluster",
];

#[test]
fn every_alert_is_a_message() {
    alerts::all().iter().for_each(check);
}

proptest! {
    #[test]
    fn a_hostile_one_too(alert in hostile::alert()) {
        check(&alert);
    }
}

/// Without the pairs that there is no room for.
fn check_cef(alert: &Alert) {
    let line = Format::CefSyslog.line(alert);
    assert_one_line(&line);
    assert!(line.len() <= Syslog::default().limit);
    let (header, extension) = super::cef::read(read(&line).msg);
    let (all, whole) = super::cef::read(&Format::Cef.line(alert));
    assert_eq!(header, all);
    for (key, value) in &extension {
        // The parser of syslog takes blanks from the end.
        let whole = whole.get(key).map(|it| it.trim_end());
        assert_eq!(whole, Some(value.trim_end()));
    }
    assert!(extension.contains_key("externalId"));
}

#[test]
fn cef_can_be_its_text() {
    alerts::all().iter().for_each(check_cef);
}

proptest! {
    #[test]
    fn cef_of_a_hostile_one_too(alert in hostile::alert()) {
        check_cef(&alert);
    }
}

#[test]
fn what_can_be_set_is_said() {
    let alert = alerts::founding();
    let syslog = Syslog {
        facility: Facility::new(13).unwrap(),
        app_name: "falco-gateway".to_owned(),
        enterprise: 1,
        limit: 2048,
    };
    let line = syslog.message(&alert);
    assert!(line.starts_with("<106>1 2025-11-07T18:17:07.218671Z 5238b209792c falco-gateway - "));
    assert!(line.contains(" [falco@1 "));
    assert!(line.len() <= 2048);
}
