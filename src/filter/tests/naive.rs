//! The compiled evaluation against one that is slow and obviously right.
//!
//! Expressions are made as trees with their text; the tree is evaluated by
//! walking it, the text is parsed and compiled.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{super::*, alert};

/// Few keys and few values, so that comparisons often meet.
const KEYS: [&str; 5] = [
    "custom.a",
    "custom.b",
    "custom.c",
    "odd key",
    "custom.arg[1]",
];
const TEXTS: [&str; 9] = ["", "a", "ab", "abc", "Abc", "a b", "12", "0x0c", "é/ü"];
const NUMBERS: [i64; 5] = [-1, 0, 2, 12, 13];

#[derive(Debug, Clone)]
enum Value {
    Null,
    Text(&'static str),
    Number(i64),
    Bool(bool),
    List(Vec<Self>),
}

#[derive(Debug, Clone)]
enum Tree {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Compare(&'static str, Comparison),
}

#[derive(Debug, Clone)]
enum Comparison {
    Exists,
    Equal(bool, &'static str),
    In(Vec<&'static str>),
    Order(&'static str, i64),
    Look(&'static str, &'static str),
    Length(i64),
}

fn value() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        1 => Just(Value::Null),
        4 => prop::sample::select(TEXTS.to_vec()).prop_map(Value::Text),
        2 => prop::sample::select(NUMBERS.to_vec()).prop_map(Value::Number),
        1 => any::<bool>().prop_map(Value::Bool),
    ];
    one.prop_recursive(1, 4, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(Value::List)
    })
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let text = || prop::sample::select(TEXTS.to_vec());
    let number = || prop::sample::select(NUMBERS.to_vec());
    let order = prop::sample::select(vec!["<", "<=", ">", ">="]);
    let look = prop::sample::select(vec!["contains", "icontains", "startswith", "endswith"]);
    prop_oneof![
        Just(Comparison::Exists),
        (any::<bool>(), text()).prop_map(|(equal, text)| Comparison::Equal(equal, text)),
        prop::collection::vec(text(), 0..4).prop_map(Comparison::In),
        (order, number()).prop_map(|(order, number)| Comparison::Order(order, number)),
        (look, text()).prop_map(|(look, text)| Comparison::Look(look, text)),
        number().prop_map(Comparison::Length),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = (prop::sample::select(KEYS.to_vec()), comparison())
        .prop_map(|(key, comparison)| Tree::Compare(key, comparison));
    leaf.prop_recursive(5, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Tree::And(a.into(), b.into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Tree::Or(a.into(), b.into())),
            inner.prop_map(|a| Tree::Not(a.into())),
        ]
    })
}

type Fields = BTreeMap<&'static str, Value>;

impl Tree {
    fn text(&self) -> String {
        match self {
            Self::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({}) or ({})", a.text(), b.text()),
            Self::Not(a) => format!("not ({})", a.text()),
            Self::Compare(key, comparison) => comparison.text(&format!("field[{key:?}]")),
        }
    }

    fn holds(&self, fields: &Fields) -> bool {
        match self {
            Self::And(a, b) => a.holds(fields) && b.holds(fields),
            Self::Or(a, b) => a.holds(fields) || b.holds(fields),
            Self::Not(a) => !a.holds(fields),
            Self::Compare(key, comparison) => {
                let mut values = Vec::new();
                if let Some(value) = fields.get(key) {
                    value.flatten(&mut values);
                }
                let is_list = matches!(fields.get(key), Some(Value::List(_)));
                !values.is_empty() && comparison.holds(&values, is_list)
            }
        }
    }
}

impl Value {
    /// The values that count: no nulls, lists taken apart.
    fn flatten(&self, into: &mut Vec<Self>) {
        match self {
            Self::Null => {}
            Self::List(values) => values.iter().for_each(|value| value.flatten(into)),
            other => into.push(other.clone()),
        }
    }

    fn json(&self) -> String {
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

    fn as_text(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            other => other.json(),
        }
    }

    fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => number(text),
            Self::Null | Self::Bool(_) | Self::List(_) => None,
        }
    }
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Comparison {
    fn text(&self, field: &str) -> String {
        match self {
            Self::Exists => format!("{field} exists"),
            Self::Equal(true, text) => format!("{field} = {text:?}"),
            Self::Equal(false, text) => format!("{field} != {text:?}"),
            Self::In(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| format!("{text:?}")).collect();
                format!("{field} in ({})", texts.join(", "))
            }
            Self::Order(order, number) => format!("{field} {order} {number}"),
            Self::Look(look, text) => format!("{field} {look} {text:?}"),
            Self::Length(number) => format!("len({field}) = {number}"),
        }
    }

    fn holds(&self, values: &[Value], is_list: bool) -> bool {
        match self {
            Self::Exists => true,
            Self::Equal(true, text) => values.iter().any(|value| equal(value, text)),
            Self::Equal(false, text) => !values.iter().any(|value| equal(value, text)),
            Self::In(texts) => values
                .iter()
                .any(|value| texts.iter().any(|text| equal(value, text))),
            Self::Order(order, bound) => values.iter().any(|value| {
                value.as_number().is_some_and(|number| match *order {
                    "<" => number < *bound,
                    "<=" => number <= *bound,
                    ">" => number > *bound,
                    _ => number >= *bound,
                })
            }),
            Self::Look(look, part) => values.iter().any(|value| {
                let text = value.as_text();
                match *look {
                    "contains" => text.contains(part),
                    "icontains" => text.to_lowercase().contains(&part.to_lowercase()),
                    "startswith" => text.starts_with(part),
                    _ => text.ends_with(part),
                }
            }),
            Self::Length(number) => {
                let length = if is_list {
                    values.len()
                } else {
                    values[0].as_text().len()
                };
                i64::try_from(length).unwrap() == *number
            }
        }
    }
}

/// Text equals as text, a number as a number.
fn equal(value: &Value, text: &str) -> bool {
    match value {
        Value::Number(value) => number(text) == Some(*value),
        other => other.as_text() == *text,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn compiled_and_naive_agree(
        tree in tree(),
        values in prop::collection::vec(prop::option::of(value()), KEYS.len()),
    ) {
        let fields: Fields = KEYS
            .into_iter()
            .zip(values)
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        let json: Vec<_> = fields
            .iter()
            .map(|(key, value)| format!("{key:?}:{}", value.json()))
            .collect();
        let alert = alert(&format!(
            r#"{{"rule":"r","priority":"Debug","time":"2026-11-25T10:00:00Z","output":"","output_fields":{{{}}}}}"#,
            json.join(",")
        ));
        let text = tree.text();
        let filter = Filter::parse(&text).unwrap();
        let expected = tree.holds(&fields);
        prop_assert_eq!(filter.matches(&alert), expected, "{} of {:?}", text, fields);
        // Its normal spelling means the same.
        let again = Filter::parse(filter.canonical()).unwrap();
        prop_assert_eq!(again.matches(&alert), expected, "{}", filter.canonical());
    }
}
