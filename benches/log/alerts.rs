//! What a real Falco posted, again and again.

use bytes::Bytes;
use falco_gateway::{
    alert::{Origin, Transport},
    clock,
    log::NewEntry,
    normalize::normalize,
    rpc::convert,
    source::{Payload, Raw},
};

const CAPTURES: &str = include_str!("../../tests/fixtures/captures/http.jsonl");

pub(crate) struct Alerts {
    entries: Vec<NewEntry>,
}

impl Alerts {
    pub(crate) fn captured() -> Self {
        let read = |line: &str| {
            let capture: serde_json::Value = serde_json::from_str(line).unwrap();
            let body = capture["body"].as_str().unwrap().to_owned();
            let raw = Raw {
                payload: Payload::Body(Bytes::from(body)),
                origin: Origin::new("bench", Transport::Http),
                received_at: clock::now(),
                trace: None,
            };
            let alert = normalize(&raw).remove(0).unwrap();
            let encoded = convert::encode(&alert);
            NewEntry {
                alert: Box::new(alert),
                encoded,
            }
        };
        Self {
            entries: CAPTURES.lines().map(read).collect(),
        }
    }

    /// The next `count`, as ingest would hand them over.
    pub(crate) fn batch(&self, count: usize) -> Vec<NewEntry> {
        self.entries.iter().cycle().take(count).cloned().collect()
    }

    /// The bytes that are kept of each.
    pub(crate) fn mean_bytes(&self) -> usize {
        let of = |entry: &NewEntry| entry.encoded.len() + entry.alert.raw.len();
        self.entries.iter().map(of).sum::<usize>() / self.entries.len()
    }
}
