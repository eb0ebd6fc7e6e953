use std::borrow::Cow;

use jiff::Timestamp;

use crate::{
    alert::{FieldValue, Fields},
    normalize::time,
};

/// Reads fields by key as the types that groups want.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lookup<'a> {
    fields: &'a Fields,
    /// The marks of all keys: most keys that are asked for are not there, and that
    /// costs no search.
    marks: u128,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(fields: &'a Fields) -> Self {
        let marks = fields.iter().map(|(key, _)| mark(key));
        Self {
            fields,
            marks: marks.fold(0, |all, mark| all | mark),
        }
    }

    /// The value under `key`, if there is one.
    pub(super) fn value(self, key: &str) -> Option<&'a FieldValue> {
        if self.marks & mark(key) == 0 {
            return None;
        }
        self.fields.get(key).filter(|value| !value.is_absent())
    }

    /// Whether a key begins so.
    pub(super) fn has(self, prefix: &str) -> bool {
        self.fields.with_prefix(prefix).next().is_some()
    }

    /// The fields whose key begins so, if they have a value.
    pub(super) fn with_prefix(
        self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a FieldValue)> {
        self.fields
            .with_prefix(prefix)
            .filter(|(_, value)| !value.is_absent())
    }

    /// The value, if it is a string; empty for none.
    pub(super) fn str(self, key: &str) -> &'a str {
        self.value(key)
            .and_then(FieldValue::as_str)
            .unwrap_or_default()
    }

    /// The value's text; empty for none.
    pub(super) fn text(self, key: &str) -> String {
        self.value(key)
            .map(text)
            .map(Cow::into_owned)
            .unwrap_or_default()
    }

    /// The text of the first of the keys that has one.
    pub(super) fn first_text(self, keys: &[&str]) -> String {
        keys.iter()
            .map(|key| self.text(key))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }

    pub(super) fn integer(self, key: &str) -> Option<i64> {
        self.value(key).and_then(integer)
    }

    pub(super) fn port(self, key: &str) -> Option<u16> {
        self.integer(key).and_then(|port| port.try_into().ok())
    }

    pub(super) fn flag(self, key: &str) -> Option<bool> {
        match self.value(key)? {
            FieldValue::Bool(flag) => Some(*flag),
            FieldValue::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A point in time, which Falco gives in nanoseconds since the epoch. Some
    /// are garbage; what is not plausible is none.
    pub(super) fn time(self, key: &str) -> Option<Timestamp> {
        self.integer(key).and_then(time::nanoseconds)
    }

    /// A list, which is an array in JSON, and `(a,b)` in Falco's display form.
    pub(super) fn list(self, key: &str) -> Vec<String> {
        let items: Vec<_> = match self.value(key) {
            None => return Vec::new(),
            Some(FieldValue::List(values)) => {
                values.iter().map(|item| text(item).into_owned()).collect()
            }
            Some(value) => {
                let text = text(value);
                let inner = text
                    .strip_prefix('(')
                    .and_then(|text| text.strip_suffix(')'));
                let inner = inner.unwrap_or(&text);
                inner
                    .split(',')
                    .map(|item| item.trim().to_owned())
                    .collect()
            }
        };
        items.into_iter().filter(|item| !item.is_empty()).collect()
    }
}

/// One of 128 bits, by what Falco's keys differ in: their length and their end.
fn mark(key: &str) -> u128 {
    let end = key.as_bytes().iter().rev().take(3);
    let hash = end.fold(key.len(), |hash, byte| hash * 31 + usize::from(*byte));
    1 << (hash % 128)
}

/// A value's text.
pub(super) fn text(value: &FieldValue) -> Cow<'_, str> {
    match value {
        FieldValue::String(text) | FieldValue::Number(text) | FieldValue::Json(text) => {
            Cow::Borrowed(text)
        }
        FieldValue::Null => Cow::Borrowed(""),
        FieldValue::Int(number) => number.to_string().into(),
        FieldValue::Uint(number) => number.to_string().into(),
        FieldValue::Double(number) => number.to_string().into(),
        FieldValue::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        FieldValue::List(values) => {
            let items: Vec<_> = values.iter().map(text).collect();
            items.join(",").into()
        }
    }
}

pub(super) fn integer(value: &FieldValue) -> Option<i64> {
    match value {
        FieldValue::Int(number) => Some(*number),
        FieldValue::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
