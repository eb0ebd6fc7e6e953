//! Alerts for tests.

use jiff::Timestamp;

use super::{Alert, AlertId, Attack, Fields, Kind, Origin, Priority, Transport};

/// The plainest alert of `rule`.
pub(crate) fn alert(rule: &str) -> Alert {
    Alert {
        id: AlertId::from_bytes([0; 16]),
        event_time: Timestamp::UNIX_EPOCH,
        receive_time: Timestamp::UNIX_EPOCH,
        priority: Priority::Warning,
        rule: rule.to_owned(),
        source: "syscall".to_owned(),
        hostname: "node-a".to_owned(),
        tags: Vec::new(),
        output: String::new(),
        message: String::new(),
        kind: Kind::Alert,
        process: None,
        user: None,
        group: None,
        container: None,
        kubernetes: None,
        file: None,
        network: None,
        syscall: None,
        audit: None,
        cloud: None,
        attack: Attack::default(),
        compliance: Vec::new(),
        maturity: String::new(),
        output_fields: Fields::default(),
        extra: Fields::default(),
        origin: Origin::new("test", Transport::Http),
        remarks: Vec::new(),
        trace: None,
        raw: bytes::Bytes::new(),
    }
}
