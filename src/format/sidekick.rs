//! falcosidekick's JSON, as its webhook sends it: for what was written for
//! falcosidekick, such as Falco Talon.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{
    alert::{Alert, AlertId},
    json,
};

/// The payload, its keys in falcosidekick's order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payload<'a> {
    /// Of the alert's id, so that the same alert has the same one whenever it is
    /// sent. falcosidekick's is random.
    pub uuid: String,
    /// Falco's line.
    pub output: &'a str,
    /// Falco's word.
    pub priority: &'static str,
    /// The rule.
    pub rule: &'a str,
    /// The time, without the zeros at its end, as Go writes it.
    pub time: Timestamp,
    /// Every field, under Falco's name.
    pub output_fields: Value,
    /// Falco's source; `syscalls` where it sent none, as falcosidekick says then.
    pub source: &'a str,
    /// Sorted; left out where there are none.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub tags: &'a [String],
    /// Left out where there is none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub hostname: &'a str,
}

impl<'a> From<&'a Alert> for Payload<'a> {
    fn from(alert: &'a Alert) -> Self {
        Self {
            uuid: uuid(alert.id),
            output: &alert.output,
            priority: alert.priority.as_str(),
            rule: &alert.rule,
            time: alert.event_time,
            output_fields: json::fields(&alert.output_fields),
            source: if alert.source.is_empty() {
                "syscalls"
            } else {
                &alert.source
            },
            tags: &alert.tags,
            hostname: &alert.hostname,
        }
    }
}

/// A UUID of version 8, the one for others' hashes (RFC 9562): the id, with six
/// bits for version and variant.
pub fn uuid(id: AlertId) -> String {
    let number = u128::from_be_bytes(*id.as_bytes());
    let number = number & !(0xf << 76) | 8 << 76;
    let number = number & !(0b11 << 62) | 0b10 << 62;
    let digits = format!("{number:032x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in digits.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    #[test]
    fn a_uuid_is_of_the_id() {
        let id = AlertId::from_bytes([0xff; 16]);
        assert_eq!(uuid(id), "ffffffff-ffff-8fff-bfff-ffffffffffff");
        let id = AlertId::from_bytes([0; 16]);
        assert_eq!(uuid(id), "00000000-0000-8000-8000-000000000000");
    }

    #[test]
    fn what_is_absent_is_as_falcosidekick_has_it() {
        let mut alert = testing::alert("r");
        alert.source.clear();
        alert.hostname.clear();
        let json = serde_json::to_string(&Payload::from(&alert)).unwrap();
        assert_eq!(
            json,
            "{\"uuid\":\"00000000-0000-8000-8000-000000000000\",\"output\":\"\",\"priority\":\"Warning\",\"rule\":\"r\",\
             \"time\":\"1970-01-01T00:00:00Z\",\"output_fields\":{},\"source\":\"syscalls\"}"
        );
    }
}
