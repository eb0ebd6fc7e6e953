//! The fixtures as the gateway's sources would hand them over.

use base64::Engine;
use bytes::Bytes;
use falco_gateway::{
    alert::{Alert, Origin, Transport},
    normalize::{Reject, normalize},
    source::{FalcoResponse, Payload, Raw},
};
use jiff::Timestamp;
use prost::Message;
use serde_json::Value;

pub(crate) fn received_at() -> Timestamp {
    "2030-01-02T03:04:05Z".parse().unwrap()
}

pub(crate) fn raw(payload: Payload) -> Raw {
    Raw {
        payload,
        origin: Origin::new("test", Transport::Http),
        received_at: received_at(),
        trace: None,
    }
}

pub(crate) fn read_body(body: impl Into<Bytes>) -> Vec<Result<Alert, Reject>> {
    normalize(&raw(Payload::Body(body.into())))
}

pub(crate) fn read_document(document: impl Into<Bytes>) -> Vec<Result<Alert, Reject>> {
    normalize(&raw(Payload::Document(document.into())))
}

/// The one alert in `body`.
pub(crate) fn alert(body: impl Into<Bytes>) -> Alert {
    let mut read = read_body(body);
    assert_eq!(read.len(), 1, "{read:?}");
    read.remove(0).unwrap()
}

/// The one alert in a message of Falco's gRPC.
pub(crate) fn grpc_alert(wire: Vec<u8>) -> Alert {
    let mut read = normalize(&raw(Payload::Falco(Box::new(decode(wire)))));
    assert_eq!(read.len(), 1, "{read:?}");
    read.remove(0).unwrap()
}

pub(crate) fn text(path: &str) -> String {
    let path = format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn json_lines(path: &str) -> Vec<Value> {
    text(path)
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The bodies in a capture of `http_output`.
pub(crate) fn bodies(capture: &str) -> Vec<String> {
    json_lines(&format!("captures/{capture}.jsonl"))
        .iter()
        .map(|line| line["body"].as_str().unwrap().to_owned())
        .collect()
}

/// The messages in a capture of gRPC, with their label, if any.
pub(crate) fn messages(capture: &str) -> Vec<(String, Vec<u8>)> {
    json_lines(&format!("captures/{capture}.jsonl"))
        .iter()
        .map(|line| {
            let wire = base64::engine::general_purpose::STANDARD
                .decode(line["raw_b64"].as_str().unwrap())
                .unwrap();
            let label = line["label"].as_str().unwrap_or_default();
            (label.to_owned(), wire)
        })
        .collect()
}

/// The body of a sample, as it stood.
pub(crate) fn sample(id: &str) -> String {
    json_lines("samples/dev.jsonl")
        .iter()
        .find(|sample| sample["id"] == id)
        .map_or_else(
            || text(&format!("samples/raw/{id}.txt")),
            |sample| sample["payload"].as_str().unwrap().to_owned(),
        )
}

/// `falco.outputs.response` with bytes for strings.
#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(message, optional, tag = "1")]
    time: Option<prost_types::Timestamp>,
    #[prost(int32, tag = "2")]
    priority: i32,
    #[prost(int32, tag = "3")]
    source_deprecated: i32,
    #[prost(bytes = "bytes", tag = "4")]
    rule: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    output: Bytes,
    #[prost(message, repeated, tag = "6")]
    output_fields: Vec<WireField>,
    #[prost(bytes = "bytes", tag = "7")]
    hostname: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    tags: Vec<Bytes>,
    #[prost(bytes = "bytes", tag = "9")]
    source: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct WireField {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

pub(crate) fn decode(wire: Vec<u8>) -> FalcoResponse {
    let wire = Bytes::from(wire);
    let message = Wire::decode(wire.clone()).unwrap();
    let fields = message.output_fields.into_iter();
    FalcoResponse {
        time: message.time.map(|time| (time.seconds, time.nanos)),
        priority: message.priority,
        rule: message.rule,
        output: message.output,
        output_fields: fields.map(|field| (field.key, field.value)).collect(),
        hostname: message.hostname,
        tags: message.tags,
        source: message.source,
        source_deprecated: message.source_deprecated,
        wire,
    }
}
