use std::collections::BTreeMap;

use pb::field_value::Kind;

use crate::{
    alert::{FieldValue, Fields},
    pb,
};

pub(super) fn to_map(fields: &Fields) -> BTreeMap<String, pb::FieldValue> {
    fields
        .iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect()
}

pub(super) fn from_map(map: BTreeMap<String, pb::FieldValue>) -> Fields {
    map.into_iter()
        .map(|(key, value)| (key, value.into()))
        .collect()
}

impl From<&FieldValue> for pb::FieldValue {
    fn from(value: &FieldValue) -> Self {
        let kind = match value {
            FieldValue::Null => Kind::NullValue(prost_types::NullValue::NullValue.into()),
            FieldValue::String(text) => Kind::StringValue(text.clone()),
            FieldValue::Int(number) => Kind::Int64Value(*number),
            FieldValue::Uint(number) => Kind::Uint64Value(*number),
            FieldValue::Double(number) => Kind::DoubleValue(*number),
            FieldValue::Bool(truth) => Kind::BoolValue(*truth),
            FieldValue::List(values) => Kind::ListValue(pb::FieldValueList {
                values: values.iter().map(Into::into).collect(),
            }),
            FieldValue::Number(text) => Kind::NumberValue(text.clone()),
            FieldValue::Json(text) => Kind::JsonValue(text.clone()),
        };
        Self { kind: Some(kind) }
    }
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
