//! The alert that `/test` raises, to try the whole way to the subscribers.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

const OUTPUT: &str = "This is a test from falco-gateway";

#[derive(Serialize)]
struct Alert {
    output: &'static str,
    output_fields: BTreeMap<&'static str, &'static str>,
    priority: &'static str,
    rule: &'static str,
    source: &'static str,
    tags: [&'static str; 2],
    time: String,
}

/// A test alert of `now`, as Falco would post it; as falcosidekick's, but for
/// the name of the sender.
pub(super) fn alert(now: Timestamp) -> Bytes {
    let alert = Alert {
        output: OUTPUT,
        output_fields: BTreeMap::from([
            ("proc.name", "falco-gateway"),
            ("user.name", "falco-gateway"),
        ]),
        priority: "Debug",
        rule: "Test rule",
        source: "internal",
        tags: ["example", "test"],
        time: format!("{now:.9}"),
    };
    // Strings always serialize; an empty alert would be refused and counted.
    serde_json::to_vec(&alert).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_alert_is_what_falco_would_post() {
        let alert = alert(Timestamp::UNIX_EPOCH);
        assert_eq!(
            std::str::from_utf8(&alert).unwrap(),
            "{\"output\":\"This is a test from falco-gateway\",\
             \"output_fields\":{\"proc.name\":\"falco-gateway\",\"user.name\":\"falco-gateway\"},\
             \"priority\":\"Debug\",\"rule\":\"Test rule\",\"source\":\"internal\",\
             \"tags\":[\"example\",\"test\"],\"time\":\"1970-01-01T00:00:00.000000000Z\"}"
        );
    }
}
