//! The messages of Falco's outputs and version services, and their codec.
//!
//! They are written by hand, with the numbers of Falco's protos, because the
//! strings have to be bytes here: Falco sends some that are not valid UTF-8,
//! and a strict decoder would refuse them and end the call, with the loss of
//! all that Falco had taken from its queue.

use std::fmt;

use bytes::{Buf, Bytes};
use prost::Message;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::source::FalcoResponse;

/// What came on the `sub` call.
#[derive(Debug)]
pub(super) enum Received {
    /// An alert.
    Alert(Box<FalcoResponse>),
    /// A whole message that is no `falco.outputs.response`.
    Undecodable {
        /// Its length.
        bytes: usize,
        /// What is wrong with it.
        error: prost::DecodeError,
    },
}

impl Received {
    fn decode(wire: Bytes) -> Self {
        match Response::decode(wire.clone()) {
            Ok(response) => Self::Alert(Box::new(response.with_wire(wire))),
            Err(error) => Self::Undecodable {
                bytes: wire.len(),
                error,
            },
        }
    }
}

/// `falco.version.response`, of which the rest is not needed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Version {
    #[prost(string, tag = "1")]
    pub(super) version: String,
    #[prost(string, tag = "11")]
    pub(super) engine_version: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Falco {}", self.version)?;
        match self.engine_version.as_str() {
            "" => Ok(()),
            engine => write!(f, " (engine {engine})"),
        }
    }
}

/// `falco.outputs.response`.
#[derive(Clone, PartialEq, Message)]
struct Response {
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
    output_fields: Vec<Entry>,
    #[prost(bytes = "bytes", tag = "7")]
    hostname: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    tags: Vec<Bytes>,
    #[prost(bytes = "bytes", tag = "9")]
    source: Bytes,
}

/// An entry of `output_fields`: prost's maps do not take bytes for keys, and on
/// the wire a map is a repeated message.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

impl Response {
    fn with_wire(self, wire: Bytes) -> FalcoResponse {
        FalcoResponse {
            time: self.time.map(|time| (time.seconds, time.nanos)),
            priority: self.priority,
            rule: self.rule,
            output: self.output,
            output_fields: self
                .output_fields
                .into_iter()
                .map(|entry| (entry.key, entry.value))
                .collect(),
            hostname: self.hostname,
            tags: self.tags,
            source: self.source,
            source_deprecated: self.source_deprecated,
            wire,
        }
    }
}

/// The codec of the `sub` call. A message that cannot be decoded is an item
/// like any other, so that it does not end the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct SubCodec;

impl Codec for SubCodec {
    type Encode = ();
    type Decode = Received;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for SubCodec {
    type Item = ();
    type Error = Status;

    /// `falco.outputs.request` has no fields.
    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for SubCodec {
    type Item = Received;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Received>, Status> {
        let wire = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(Received::decode(wire)))
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

#[cfg(test)]
mod tests {
    use super::*;

    fn response() -> Response {
        Response {
            time: Some(prost_types::Timestamp {
                seconds: 1_764_042_456,
                nanos: 886_361_000,
            }),
            priority: 5,
            source_deprecated: 3,
            rule: Bytes::from_static(b"Bad bytes in exe name"),
            output: Bytes::from_static(b"name=ex\xff\xfename"),
            output_fields: vec![Entry {
                key: Bytes::from_static(b"proc.name"),
                value: Bytes::from_static(b"ex\xff\xfename"),
            }],
            hostname: Bytes::from_static(b"node-a"),
            tags: vec![Bytes::from_static(b"process")],
            source: Bytes::from_static(b"syscall"),
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_kept_and_so_is_the_whole_message() {
        let wire = Bytes::from(response().encode_to_vec());
        let Received::Alert(alert) = Received::decode(wire.clone()) else {
            panic!("undecodable");
        };
        assert_eq!(alert.wire, wire);
        assert_eq!(alert.time, Some((1_764_042_456, 886_361_000)));
        assert_eq!((alert.priority, alert.source_deprecated), (5, 3));
        assert_eq!(alert.output, &b"name=ex\xff\xfename"[..]);
        assert_eq!(alert.output_fields[0].1, &b"ex\xff\xfename"[..]);
        assert_eq!(alert.hostname, "node-a");
        assert_eq!(alert.tags, ["process"]);
        assert_eq!(alert.source, "syscall");
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        let received = Received::decode(Bytes::from_static(b"\xff\xff\xff"));
        assert!(matches!(received, Received::Undecodable { bytes: 3, .. }));
    }

    #[test]
    fn an_empty_message_is_an_alert_of_defaults() {
        let Received::Alert(alert) = Received::decode(Bytes::new()) else {
            panic!("undecodable");
        };
        assert_eq!(*alert, FalcoResponse::default());
    }
}
