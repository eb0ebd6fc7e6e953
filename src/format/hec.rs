//! Events for Splunk's HTTP Event Collector.

use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    GATEWAY, line,
    reading::{container_id, image, user_name},
};
use crate::{alert::Alert, json};

/// What can be set of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hec {
    /// Splunk's `source`: what the events came by.
    pub source: String,
    /// Splunk's `sourcetype`: what they are.
    pub sourcetype: String,
    /// The index; the token's own without one.
    pub index: Option<String>,
}

impl Default for Hec {
    fn default() -> Self {
        Self {
            source: GATEWAY.to_owned(),
            sourcetype: "falco".to_owned(),
            index: None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Event<'a> {
    // A number, written out: a float would round the nanoseconds.
    time: Box<RawValue>,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'a str,
    source: &'a str,
    sourcetype: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'a str>,
    event: Value,
    fields: Value,
}

impl Hec {
    /// The event on one line. Requests hold one or more of them.
    pub fn line(&self, alert: &Alert) -> String {
        let time = RawValue::from_string(seconds(alert.event_time));
        line::json(&Event {
            time: time.unwrap_or_else(|_| RawValue::NULL.to_owned()),
            host: &alert.hostname,
            source: &self.source,
            sourcetype: &self.sourcetype,
            index: self.index.as_deref(),
            event: event(alert),
            fields: fields(alert),
        })
    }
}

/// Falco's own document, which searches are written for, with the alert's id.
fn event(alert: &Alert) -> Value {
    let mut event = json::falco(alert);
    if let Value::Object(event) = &mut event {
        event.insert("id".to_owned(), alert.id.to_string().into());
    }
    event
}

/// What is indexed beside the event: names without blanks, values of text, none
/// nested.
fn fields(alert: &Alert) -> Value {
    let container = alert.container.as_ref();
    let pod = alert.kubernetes.as_ref();
    let techniques = alert.attack.techniques.iter().map(|it| it.id.as_str());
    let tactics = alert.attack.tactics.iter().map(|it| it.id.as_str());
    let texts = [
        ("id", alert.id.to_string()),
        ("rule", alert.rule.clone()),
        ("priority", alert.priority.as_str().to_owned()),
        ("falco_source", alert.source.clone()),
        ("kind", alert.kind.as_str().to_owned()),
        ("cluster", alert.origin.cluster.to_string()),
        ("user", user_name(alert).to_owned()),
        (
            "container_id",
            container.map(container_id).unwrap_or_default().to_owned(),
        ),
        ("container_image", container.map(image).unwrap_or_default()),
        (
            "k8s_namespace",
            pod.map(|it| it.namespace.clone()).unwrap_or_default(),
        ),
        (
            "k8s_pod",
            pod.map(|it| it.pod_name.clone()).unwrap_or_default(),
        ),
    ];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let lists = [
        (
            "tags",
            alert.tags.iter().map(String::as_str).collect::<Vec<_>>(),
        ),
        ("mitre_tactic", tactics.collect()),
        ("mitre_technique", techniques.collect()),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    texts
        .map(|(name, text)| (name.to_owned(), Value::from(text)))
        .chain(lists.map(|(name, list)| (name.to_owned(), Value::from(list))))
        .collect::<Map<_, _>>()
        .into()
}

/// Seconds since the epoch with nine digits behind the point.
fn seconds(time: jiff::Timestamp) -> String {
    let nanoseconds = time.as_nanosecond();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    format!("{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    #[test]
    fn no_digit_of_the_time_is_lost() {
        for (time, seconds) in [
            ("2025-11-07T18:17:07.218671851Z", "1762539427.218671851"),
            ("1969-12-31T23:59:59.5Z", "-0.500000000"),
            ("1970-01-01T00:00:00Z", "0.000000000"),
        ] {
            assert_eq!(super::seconds(time.parse().unwrap()), seconds);
        }
        let mut alert = testing::alert("r");
        alert.event_time = "2025-11-07T18:17:07.218671851Z".parse().unwrap();
        let line = Hec::default().line(&alert);
        assert!(
            line.starts_with("{\"time\":1762539427.218671851,"),
            "{line}"
        );
    }

    #[test]
    fn the_index_is_named_only_where_it_is_set() {
        let alert = testing::alert("r");
        assert!(!Hec::default().line(&alert).contains("\"index\""));
        let hec = Hec {
            index: Some("main".into()),
            ..Hec::default()
        };
        assert!(hec.line(&alert).contains("\"index\":\"main\""));
    }
}
