//! Decoding only what somebody reads: most of an alert's cost is in the fields
//! that a filter does not look at.

use bytes::Bytes;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::alert::{Alert, Part, Parts};

/// The numbers of the typed groups in `Alert`.
const GROUPS: std::ops::RangeInclusive<u32> = 20..=30;

/// The number of `Alert.output_fields`.
const OUTPUT_FIELDS: u32 = 50;

/// The alert with no more than `parts` of what can be left out.
pub(super) fn decode(encoded: &Bytes, parts: &Parts) -> Option<Alert> {
    let alert = super::decode(&reduced(encoded, parts, false)?).ok()?;
    if parts.are_missing_in(&alert.output_fields) {
        return super::decode(&reduced(encoded, parts, true)?).ok();
    }
    Some(alert)
}

/// The message without the fields that need not be decoded.
fn reduced(encoded: &Bytes, parts: &Parts, groups: bool) -> Option<Bytes> {
    let mut kept = Vec::with_capacity(512);
    let mut rest = encoded.as_ref();
    while !rest.is_empty() {
        let field = rest;
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        let content = rest;
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).ok()?;
        let is_kept = match number {
            OUTPUT_FIELDS => is_read(content, wire_type, parts),
            number if GROUPS.contains(&number) => groups,
            number => is_part_read(number, parts),
        };
        if is_kept {
            kept.extend_from_slice(field.get(..field.len() - rest.len())?);
        }
    }
    Some(kept.into())
}

fn is_part_read(number: u32, parts: &Parts) -> bool {
    match number {
        5 => parts.has(Part::Rule),
        6 => parts.has(Part::Source),
        7 => parts.has(Part::Hostname),
        8 => parts.has(Part::Tags),
        9 => parts.has(Part::Output),
        10 => parts.has(Part::Message),
        40 => parts.has(Part::Attack),
        41 => parts.has(Part::Compliance),
        42 => parts.has(Part::Maturity),
        // `extra`, `remarks`, `traceparent` and `raw`
        51 | 53 | 54 | 60 => false,
        // What every alert has.
        _ => true,
    }
}

/// Whether an entry of the fields' map, with its length before it, has a key
/// that is read. One whose key cannot be told is taken for one that is.
fn is_read(content: &[u8], wire_type: WireType, parts: &Parts) -> bool {
    wire_type != WireType::LengthDelimited || key_of(content).is_none_or(|key| parts.has_key(key))
}

/// The key comes first, unless it is empty.
fn key_of(mut entry: &[u8]) -> Option<&str> {
    const KEY: u32 = 1;
    decode_varint(&mut entry).ok()?;
    let (number, _) = decode_key(&mut entry).ok()?;
    let length = usize::try_from(decode_varint(&mut entry).ok()?).ok()?;
    let key = std::str::from_utf8(entry.get(..length)?).ok()?;
    (number == KEY).then_some(key)
}
