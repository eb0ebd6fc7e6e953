//! Values, as an alert has them.

use proptest::prelude::*;

pub(super) const TEXTS: [&str; 10] = [
    "", "a", "ab", "abc", "Abc", "a b", "12", "0x0c", "é/ü", "/a/B",
];
pub(super) const NUMBERS: [i64; 5] = [-1, 0, 2, 12, 13];

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Text(String),
    Number(i64),
    Bool(bool),
    List(Vec<Self>),
}

pub(super) fn value() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        1 => Just(Value::Null),
        4 => prop::sample::select(TEXTS.to_vec()).prop_map(|text| Value::Text(text.to_owned())),
        1 => Just(Value::Text("<NA>".to_owned())),
        2 => prop::sample::select(NUMBERS.to_vec()).prop_map(Value::Number),
        1 => any::<bool>().prop_map(Value::Bool),
    ];
    one.prop_recursive(1, 4, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(Value::List)
    })
}

impl Value {
    /// The values that count: none that stand for no value, lists taken apart.
    pub(super) fn flat(&self) -> Vec<Self> {
        match self {
            Self::Null => Vec::new(),
            Self::Text(text) if text == "<NA>" => Vec::new(),
            Self::List(values) => values.iter().flat_map(Self::flat).collect(),
            other => vec![other.clone()],
        }
    }

    pub(super) fn json(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Text(text) => format!("{text:?}"),
            Self::Number(number) => number.to_string(),
            Self::Bool(truth) => truth.to_string(),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(Self::json).collect();
                format!("[{}]", values.join(","))
            }
        }
    }

    pub(super) fn as_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => other.json(),
        }
    }

    pub(super) fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => number(text),
            Self::Null | Self::Bool(_) | Self::List(_) => None,
        }
    }

    /// Text equals as text, a number as a number.
    pub(super) fn equals(&self, text: &str) -> bool {
        match self {
            Self::Number(value) => number(text) == Some(*value),
            other => other.as_text() == text,
        }
    }
}

fn number(text: &str) -> Option<i64> {
    match text.to_lowercase().strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
