use std::collections::BTreeMap;

use pb::field_value::Kind;
use prost::encoding::{
    WireType, bool, double, encode_key, encode_varint, encoded_len_varint, int32, int64, key_len,
    string, uint64,
};

use crate::{
    alert::{FieldValue, Fields},
    pb,
};

/// The numbers of a map's entry.
const KEY_TAG: u32 = 1;
const VALUE_TAG: u32 = 2;

/// The numbers of `FieldValue.kind`, and of `FieldValueList.values`.
const NULL_TAG: u32 = 1;
const STRING_TAG: u32 = 2;
const INT64_TAG: u32 = 3;
const UINT64_TAG: u32 = 4;
const DOUBLE_TAG: u32 = 5;
const BOOL_TAG: u32 = 6;
const LIST_TAG: u32 = 7;
const NUMBER_TAG: u32 = 8;
const JSON_TAG: u32 = 9;
const VALUES_TAG: u32 = 1;

const NULL: i32 = prost_types::NullValue::NullValue as i32;

/// Appends `fields` as the map that is field `tag` of a message. A `pb` map in
/// between would be a copy of every key and value of every alert.
pub(super) fn encode(tag: u32, fields: &Fields, bytes: &mut Vec<u8>) {
    for (key, value) in fields.iter() {
        let length = value_len(value);
        head(
            tag,
            part_len(KEY_TAG, key.len()) + part_len(VALUE_TAG, length),
            bytes,
        );
        head(KEY_TAG, key.len(), bytes);
        bytes.extend_from_slice(key.as_bytes());
        head(VALUE_TAG, length, bytes);
        put(value, bytes);
    }
}

/// What [`encode`] appends.
pub(super) fn encoded_len(tag: u32, fields: &Fields) -> usize {
    let entry = |(key, value): (&str, &FieldValue)| {
        let length = part_len(KEY_TAG, key.len()) + part_len(VALUE_TAG, value_len(value));
        part_len(tag, length)
    };
    fields.iter().map(entry).sum()
}

/// Begins a field of so many bytes.
fn head(tag: u32, length: usize, bytes: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, bytes);
    encode_varint(length as u64, bytes);
}

/// A field of so many bytes, with its head.
fn part_len(tag: u32, length: usize) -> usize {
    key_len(tag) + encoded_len_varint(length as u64) + length
}

fn put(value: &FieldValue, bytes: &mut Vec<u8>) {
    match value {
        FieldValue::Null => int32::encode(NULL_TAG, &NULL, bytes),
        FieldValue::String(text) => string::encode(STRING_TAG, text, bytes),
        FieldValue::Int(number) => int64::encode(INT64_TAG, number, bytes),
        FieldValue::Uint(number) => uint64::encode(UINT64_TAG, number, bytes),
        FieldValue::Double(number) => double::encode(DOUBLE_TAG, number, bytes),
        FieldValue::Bool(truth) => bool::encode(BOOL_TAG, truth, bytes),
        FieldValue::List(values) => {
            head(LIST_TAG, list_len(values), bytes);
            for value in values {
                head(VALUES_TAG, value_len(value), bytes);
                put(value, bytes);
            }
        }
        FieldValue::Number(text) => string::encode(NUMBER_TAG, text, bytes),
        FieldValue::Json(text) => string::encode(JSON_TAG, text, bytes),
    }
}

fn value_len(value: &FieldValue) -> usize {
    match value {
        FieldValue::Null => int32::encoded_len(NULL_TAG, &NULL),
        FieldValue::String(text) => string::encoded_len(STRING_TAG, text),
        FieldValue::Int(number) => int64::encoded_len(INT64_TAG, number),
        FieldValue::Uint(number) => uint64::encoded_len(UINT64_TAG, number),
        FieldValue::Double(number) => double::encoded_len(DOUBLE_TAG, number),
        FieldValue::Bool(truth) => bool::encoded_len(BOOL_TAG, truth),
        FieldValue::List(values) => part_len(LIST_TAG, list_len(values)),
        FieldValue::Number(text) => string::encoded_len(NUMBER_TAG, text),
        FieldValue::Json(text) => string::encoded_len(JSON_TAG, text),
    }
}

fn list_len(values: &[FieldValue]) -> usize {
    let lengths = values
        .iter()
        .map(|value| part_len(VALUES_TAG, value_len(value)));
    lengths.sum()
}

pub(super) fn from_map(map: BTreeMap<String, pb::FieldValue>) -> Fields {
    map.into_iter()
        .map(|(key, value)| (key, value.into()))
        .collect()
}

impl From<pb::FieldValue> for FieldValue {
    fn from(value: pb::FieldValue) -> Self {
        match value.kind {
            None | Some(Kind::NullValue(_)) => Self::Null,
            Some(Kind::StringValue(text)) => Self::String(text),
            Some(Kind::Int64Value(number)) => Self::Int(number),
            Some(Kind::Uint64Value(number)) => Self::Uint(number),
            Some(Kind::DoubleValue(number)) => Self::Double(number),
            Some(Kind::BoolValue(truth)) => Self::Bool(truth),
            Some(Kind::ListValue(list)) => {
                Self::List(list.values.into_iter().map(Into::into).collect())
            }
            Some(Kind::NumberValue(text)) => Self::Number(text),
            Some(Kind::JsonValue(text)) => Self::Json(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    fn value() -> impl Strategy<Value = FieldValue> {
        let text = || ".{0,200}";
        let one = prop_oneof![
            Just(FieldValue::Null),
            text().prop_map(FieldValue::String),
            any::<i64>().prop_map(FieldValue::Int),
            any::<u64>().prop_map(FieldValue::Uint),
            (-1e9..1e9).prop_map(FieldValue::Double),
            any::<bool>().prop_map(FieldValue::Bool),
            text().prop_map(FieldValue::Number),
            text().prop_map(FieldValue::Json),
        ];
        one.prop_recursive(3, 12, 4, |inner| {
            prop::collection::vec(inner, 0..4).prop_map(FieldValue::List)
        })
    }

    proptest! {
        /// What is written here is what the generated code reads.
        #[test]
        fn a_map_is_read_as_it_was(
            pairs in prop::collection::vec((".{0,20}", value()), 0..8),
        ) {
            const TAG: u32 = 50;
            let fields: Fields = pairs.into_iter().collect();
            let mut bytes = Vec::new();
            encode(TAG, &fields, &mut bytes);
            prop_assert_eq!(bytes.len(), encoded_len(TAG, &fields));
            let read = pb::Alert::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(from_map(read.output_fields), fields);
        }
    }
}
