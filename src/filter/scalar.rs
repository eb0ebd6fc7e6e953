use std::borrow::Cow;

use super::{ast::Transform, number::Number};
use crate::alert::{FieldValue, Priority};

/// One value of a field, borrowed from the alert.
#[derive(Debug, Clone)]
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Integer(i128),
    Double(f64),
    /// A number as it was written, too large or too exact for the others.
    Written(&'a str),
    Bool(bool),
    Priority(Priority),
}

impl<'a> Scalar<'a> {
    /// A text of a typed group, where an empty one means that there is none.
    pub(super) fn of_group(text: &'a str) -> Option<Self> {
        (!text.is_empty()).then_some(Self::Text(Cow::Borrowed(text)))
    }

    /// None for what is no single value: a list, or the absence of a value.
    pub(super) fn of_field(value: &'a FieldValue) -> Option<Self> {
        if value.is_absent() {
            return None;
        }
        match value {
            FieldValue::Null | FieldValue::List(_) => None,
            FieldValue::String(text) | FieldValue::Json(text) => Some(Self::Text(text.into())),
            FieldValue::Int(number) => Some(Self::Integer(i128::from(*number))),
            FieldValue::Uint(number) => Some(Self::Integer(i128::from(*number))),
            FieldValue::Double(number) => Some(Self::Double(*number)),
            FieldValue::Number(text) => Some(Self::Written(text)),
            FieldValue::Bool(truth) => Some(Self::Bool(*truth)),
        }
    }

    /// The value as text, as Falco would print it.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Integer(number) => number.to_string().into(),
            Self::Double(number) => number.to_string().into(),
            Self::Written(text) => Cow::Borrowed(text),
            Self::Bool(truth) => if *truth { "true" } else { "false" }.into(),
            Self::Priority(priority) => priority.as_str().into(),
        }
    }

    /// The value as a number, also where it came as text.
    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Self::Text(text) => Number::parse(text),
            Self::Integer(number) => Some(Number::Integer(*number)),
            Self::Double(number) => Number::from_f64(*number),
            Self::Written(text) => Number::parse(text),
            Self::Bool(_) | Self::Priority(_) => None,
        }
    }

    pub(super) fn transformed(self, transform: Transform) -> Self {
        let Self::Text(text) = self else {
            return self;
        };
        Self::Text(match transform {
            Transform::ToLower => text.to_lowercase().into(),
            Transform::ToUpper => text.to_uppercase().into(),
            Transform::BaseName => base_name(text),
            Transform::Length => text,
        })
    }
}

fn base_name(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some((directory, _)) = text.rsplit_once('/') else {
        return text;
    };
    let start = directory.len() + 1;
    match text {
        Cow::Borrowed(text) => text.get(start..).unwrap_or_default().into(),
        Cow::Owned(mut text) => text.split_off(start).into(),
    }
}
