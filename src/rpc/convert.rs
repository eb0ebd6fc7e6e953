//! The alert on the wire and back.
//!
//! Both directions are written so that nothing is lost: `decode(encode(a)) == a`
//! for everything but `raw`, which only the RAW view carries.

mod attack;
mod envelope;
mod fields;
mod groups;
mod origin;
mod partial;
mod process;

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use prost::Message;

use crate::{
    alert::{Alert, Parts},
    delivery::View,
    log::Entry,
    pb,
};

/// The numbers of `Alert.output_fields` and `Alert.extra`.
const OUTPUT_FIELDS_TAG: u32 = 50;
const EXTRA_TAG: u32 = 51;

/// The number of `Alert.raw`.
const RAW_TAG: u32 = 60;

/// Why a message of a peer is no alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The bytes are no message of the type.
    #[error("not an encoded alert: {0}")]
    Encoding(#[from] prost::DecodeError),
    /// A field that every alert has is missing or out of its range.
    #[error("the alert's {0} is missing or out of range")]
    Field(&'static str),
}

/// Encodes the FULL view, as the log keeps it.
pub fn encode(alert: &Alert) -> Bytes {
    let keyed = [
        (OUTPUT_FIELDS_TAG, &alert.output_fields),
        (EXTRA_TAG, &alert.extra),
    ];
    let rest = pb::Alert::without_fields(alert);
    let length = keyed.map(|(tag, fields)| fields::encoded_len(tag, fields));
    let mut bytes = Vec::with_capacity(rest.encoded_len() + length.iter().sum::<usize>());
    // A vector grows where it must.
    let _ = rest.encode(&mut bytes);
    for (tag, fields) in keyed {
        fields::encode(tag, fields, &mut bytes);
    }
    bytes.into()
}

/// Decodes what [`encode`] made, or what a gateway sent.
///
/// # Errors
/// When it is no alert, or one that lacks what every alert has.
pub fn decode(encoded: &Bytes) -> Result<Alert, ConvertError> {
    Alert::try_from(pb::Alert::decode(encoded.clone())?)
}

/// Decodes what [`encode`] made: all of it, or what is read of it. None when it
/// is no alert.
pub fn decode_parts(encoded: &Bytes, parts: Option<&Parts>) -> Option<Alert> {
    match parts {
        None => decode(encoded).ok(),
        Some(parts) => partial::decode(encoded, parts),
    }
}

/// The alert of `entry` in `view`, encoded.
pub(super) fn encode_view(entry: &Entry, view: View) -> Bytes {
    match view {
        View::Full => entry.encoded.clone(),
        View::Basic => without_fields(&entry.encoded),
        View::Raw => append_raw(&entry.encoded, &entry.raw),
    }
}

/// Leaves out what only the larger views have.
fn without_fields(encoded: &Bytes) -> Bytes {
    match pb::Alert::decode(encoded.clone()) {
        Ok(mut alert) => {
            alert.output_fields.clear();
            alert.extra.clear();
            alert.encode_to_vec().into()
        }
        // The log gives back what was encoded here, or tells that it is damaged.
        Err(_) => Bytes::new(),
    }
}

/// Protobuf messages may be put one after the other to add fields.
fn append_raw(encoded: &Bytes, raw: &Bytes) -> Bytes {
    if raw.is_empty() {
        return encoded.clone();
    }
    let mut bytes = BytesMut::with_capacity(encoded.len() + raw.len() + 12);
    bytes.put_slice(encoded);
    prost::encoding::bytes::encode(RAW_TAG, raw, &mut bytes);
    bytes.freeze()
}

/// A point in time on the wire.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let mut seconds = time.as_second();
    let mut nanos = time.subsec_nanosecond();
    // Before the epoch jiff counts back; the wire always counts on.
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}

/// A point in time from the wire; none when it is out of range.
pub fn time(timestamp: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(timestamp.seconds, timestamp.nanos).ok()
}

/// A length of time on the wire.
pub(super) fn duration(span: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(span).unwrap_or(prost_types::Duration {
        seconds: i64::MAX,
        nanos: 0,
    })
}

/// A length of time from the wire; none when it is negative or out of range.
pub(super) fn span(duration: prost_types::Duration) -> Option<std::time::Duration> {
    duration.try_into().ok()
}

#[cfg(test)]
mod tests;
