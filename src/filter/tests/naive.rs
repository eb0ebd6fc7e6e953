//! The compiled evaluation against one that is slow and obviously right.
//!
//! Expressions are made as trees with their text; the tree is evaluated by
//! walking it, the text is parsed and compiled. Nothing here is shared with what
//! is tested.

mod comparison;
mod value;

use proptest::prelude::*;

use self::{
    comparison::{Comparison, comparison},
    value::{Value, value},
};
use super::{super::*, alert};

/// Few keys and few values, so that comparisons often meet.
const KEYS: [&str; 5] = [
    "custom.a",
    "custom.b",
    "custom.c",
    "odd key",
    "custom.arg[1]",
];
const TAGS: [&str; 6] = [
    "T1059",
    "T1059.004",
    "T1190",
    "container",
    "Container",
    "host",
];
/// The worst last.
const PRIORITIES: [&str; 8] = [
    "debug",
    "informational",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// What an alert is made of.
#[derive(Debug, Clone)]
pub(in crate::filter) struct Sample {
    fields: Vec<(&'static str, Value)>,
    tags: Vec<&'static str>,
    priority: usize,
}

#[derive(Debug, Clone)]
pub(in crate::filter) enum Tree {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Leaf(Leaf),
}

#[derive(Debug, Clone)]
pub(in crate::filter) enum Leaf {
    Field(&'static str, Comparison),
    Priority(&'static str, usize),
    Tag(bool, Vec<&'static str>),
    Technique(&'static str),
}

pub(in crate::filter) fn sample() -> impl Strategy<Value = Sample> {
    let values = prop::collection::vec(prop::option::of(value()), KEYS.len());
    let tags = prop::sample::subsequence(TAGS.to_vec(), 0..=3);
    (values, tags, 0..PRIORITIES.len()).prop_map(|(values, tags, priority)| Sample {
        fields: KEYS
            .into_iter()
            .zip(values)
            .filter_map(|(key, value)| Some((key, value?)))
            .collect(),
        tags,
        priority,
    })
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let orders = vec!["=", "!=", "<", "<=", ">", ">="];
    let order = prop::sample::select(orders);
    let tags = prop::collection::vec(prop::sample::select(TAGS.to_vec()), 0..3);
    let techniques = prop::sample::select(TAGS[..3].to_vec());
    prop_oneof![
        8 => (prop::sample::select(KEYS.to_vec()), comparison())
            .prop_map(|(key, comparison)| Leaf::Field(key, comparison)),
        1 => (order, 0..PRIORITIES.len())
            .prop_map(|(order, priority)| Leaf::Priority(order, priority)),
        1 => (any::<bool>(), tags).prop_map(|(upper, tags)| Leaf::Tag(upper, tags)),
        1 => techniques.prop_map(Leaf::Technique),
    ]
}

pub(in crate::filter) fn tree() -> impl Strategy<Value = Tree> {
    leaf()
        .prop_map(Tree::Leaf)
        .prop_recursive(5, 24, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| Tree::And(a.into(), b.into())),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| Tree::Or(a.into(), b.into())),
                inner.prop_map(|a| Tree::Not(a.into())),
            ]
        })
}

impl Tree {
    pub(in crate::filter) fn text(&self) -> String {
        match self {
            Self::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({}) or ({})", a.text(), b.text()),
            Self::Not(a) => format!("not ({})", a.text()),
            Self::Leaf(leaf) => leaf.text(),
        }
    }

    fn holds(&self, sample: &Sample) -> bool {
        match self {
            Self::And(a, b) => a.holds(sample) && b.holds(sample),
            Self::Or(a, b) => a.holds(sample) || b.holds(sample),
            Self::Not(a) => !a.holds(sample),
            Self::Leaf(leaf) => leaf.holds(sample),
        }
    }
}

impl Leaf {
    fn text(&self) -> String {
        match self {
            Self::Field(key, comparison) => comparison.text(&format!("field[{key:?}]")),
            Self::Priority(order, priority) => {
                format!("priority {order} {}", PRIORITIES[*priority])
            }
            Self::Tag(true, tags) => format!("toupper(tags) in ({})", tags.join(", ")),
            Self::Tag(false, tags) => format!("tags intersects ({})", tags.join(", ")),
            Self::Technique(id) => format!("attack.technique = {id}"),
        }
    }

    fn holds(&self, sample: &Sample) -> bool {
        match self {
            Self::Field(key, comparison) => {
                let field = sample.fields.iter().find(|(name, _)| name == key);
                field.is_some_and(|(_, value)| comparison.holds(value))
            }
            Self::Priority(order, priority) => match *order {
                "=" => sample.priority == *priority,
                "!=" => sample.priority != *priority,
                "<" => sample.priority < *priority,
                "<=" => sample.priority <= *priority,
                ">" => sample.priority > *priority,
                _ => sample.priority >= *priority,
            },
            Self::Tag(upper, tags) => sample.tags.iter().any(|tag| {
                let tag = if *upper {
                    tag.to_uppercase()
                } else {
                    (*tag).to_owned()
                };
                tags.contains(&tag.as_str())
            }),
            Self::Technique(id) => sample
                .tags
                .iter()
                .any(|tag| tag == id || tag.starts_with(&format!("{id}."))),
        }
    }
}

impl Sample {
    pub(in crate::filter) fn alert(&self) -> Alert {
        let fields: Vec<_> = self
            .fields
            .iter()
            .map(|(key, value)| format!("{key:?}:{}", value.json()))
            .collect();
        alert(&format!(
            r#"{{"rule":"r","priority":"{}","time":"2026-11-25T10:00:00Z","output":"","tags":{:?},"output_fields":{{{}}}}}"#,
            PRIORITIES[self.priority],
            self.tags,
            fields.join(",")
        ))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn compiled_and_naive_agree(tree in tree(), sample in sample()) {
        let alert = sample.alert();
        let text = tree.text();
        let filter = Filter::parse(&text).unwrap();
        let expected = tree.holds(&sample);
        prop_assert_eq!(filter.matches(&alert), expected, "{} of {:?}", text, sample);
        // Its normal spelling means the same, and is its own.
        let again = Filter::parse(filter.canonical()).unwrap();
        prop_assert_eq!(again.matches(&alert), expected, "{}", filter.canonical());
        prop_assert_eq!(again.canonical(), filter.canonical());
    }

    /// Without parentheses: an `or` of what the `and`s between them join.
    #[test]
    fn precedence(
        terms in prop::collection::vec((any::<bool>(), 0..3_usize, leaf()), 1..12),
        sample in sample(),
    ) {
        let mut text = String::new();
        let mut groups = vec![true];
        for (index, (or, nots, leaf)) in terms.iter().enumerate() {
            if index > 0 {
                text += if *or { " or " } else { " and " };
            }
            if index > 0 && *or {
                groups.push(true);
            }
            text += &"not ".repeat(*nots);
            text += &leaf.text();
            let holds = leaf.holds(&sample) == (*nots != 1);
            *groups.last_mut().unwrap() &= holds;
        }
        let filter = Filter::parse(&text).unwrap();
        let expected = groups.contains(&true);
        prop_assert_eq!(filter.matches(&sample.alert()), expected, "{} of {:?}", text, sample);
    }
}
