//! Asking an alert.

use std::fmt;

use regex::Regex;

use super::{
    ast::{Operator, Transform},
    glob::Glob,
    number::Number,
    path::PathPrefix,
    predicate::Predicate,
    scalar::Scalar,
    values::{Outcome, Source},
};
use crate::alert::{Alert, Priority};

/// A comparison, compiled.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) predicate: Predicate,
    pub(super) source: Source,
    /// Text transformers, the innermost first.
    pub(super) transforms: Vec<Transform>,
    /// Whether not the value but its length is compared.
    pub(super) length: bool,
    pub(super) matcher: Matcher,
    pub(super) wanted: Wanted,
}

/// Which outcome of a test makes the comparison true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Passed,
    /// `!=`: there are values, and none passed.
    Failed,
    /// `exists`
    Any,
}

/// What a value is compared with.
#[derive(Debug)]
pub(super) enum Matcher {
    Anything,
    Literals(Literals),
    Priorities(Vec<Priority>),
    Ordered(Operator, Number),
    /// The same, or below in a hierarchy of ids: `T1059.004` is within `T1059`.
    Within(Vec<String>),
    Contains(String),
    /// [`folded`].
    IContains(String),
    StartsWith(String),
    EndsWith(String),
    Glob(Glob),
    Regex(Regex),
    Paths(Vec<PathPrefix>),
}

/// Values to be equal to, sorted.
#[derive(Debug)]
pub(super) struct Literals {
    texts: Vec<String>,
    numbers: Vec<Number>,
    /// Whether text that reads as a number is compared as one.
    text_as_number: bool,
}

impl Test {
    pub(super) fn holds(&self, alert: &Alert) -> bool {
        let values = self.source.read(alert);
        let outcome = if self.length {
            let length = values.length(|value| self.transformed(value).text().len());
            length.map_or(Outcome::Missing, |length| {
                let length = i128::try_from(length).unwrap_or(i128::MAX);
                if self.matcher.accepts(&Scalar::Integer(length)) {
                    Outcome::Passed
                } else {
                    Outcome::Failed
                }
            })
        } else {
            values.any(|value| self.matcher.accepts(&self.transformed(value)))
        };
        match self.wanted {
            Wanted::Passed => outcome == Outcome::Passed,
            Wanted::Failed => outcome == Outcome::Failed,
            Wanted::Any => outcome != Outcome::Missing,
        }
    }

    fn transformed<'a>(&self, value: Scalar<'a>) -> Scalar<'a> {
        self.transforms
            .iter()
            .fold(value, |value, transform| value.transformed(*transform))
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.predicate.fmt(f)
    }
}

impl Matcher {
    /// Whether it costs more than a comparison of text.
    pub(super) fn has_pattern(&self) -> bool {
        match self {
            Self::Regex(_) | Self::Glob(Glob::Pattern(_)) => true,
            Self::Paths(paths) => paths.iter().any(PathPrefix::has_pattern),
            Self::Anything
            | Self::Literals(_)
            | Self::Priorities(_)
            | Self::Ordered(..)
            | Self::Within(_)
            | Self::Contains(_)
            | Self::IContains(_)
            | Self::StartsWith(_)
            | Self::EndsWith(_)
            | Self::Glob(_) => false,
        }
    }

    fn accepts(&self, value: &Scalar<'_>) -> bool {
        match self {
            Self::Anything => true,
            Self::Literals(literals) => literals.hold(value),
            Self::Priorities(priorities) => {
                matches!(value, Scalar::Priority(priority) if priorities.contains(priority))
            }
            Self::Ordered(operator, number) => value
                .number()
                .is_some_and(|value| ordered(*operator, &value, number)),
            Self::Within(ids) => {
                let text = value.text().to_ascii_uppercase();
                ids.iter().any(|id| is_within(&text, id))
            }
            Self::Contains(part) => value.text().contains(part.as_str()),
            Self::IContains(part) => folded(&value.text()).contains(part.as_str()),
            Self::StartsWith(part) => value.text().starts_with(part.as_str()),
            Self::EndsWith(part) => value.text().ends_with(part.as_str()),
            Self::Glob(glob) => glob.matches(&value.text()),
            Self::Regex(regex) => regex.is_match(&value.text()),
            Self::Paths(paths) => {
                let path = value.text();
                paths.iter().any(|prefix| prefix.holds(&path))
            }
        }
    }
}

/// `text` for comparing in any case. Character by character: `str::to_lowercase`
/// makes a sigma differ by what follows it, so a part would differ from its whole.
pub(super) fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .collect()
}

fn is_within(text: &str, id: &str) -> bool {
    text.strip_prefix(id)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
}

/// Whether `a operator b`, for the operators of order.
pub(super) fn ordered<T: Ord>(operator: Operator, a: &T, b: &T) -> bool {
    match operator {
        Operator::Less => a < b,
        Operator::LessOrEqual => a <= b,
        Operator::Greater => a > b,
        Operator::GreaterOrEqual => a >= b,
        _ => a == b,
    }
}

impl Literals {
    pub(super) fn new(values: &[String], text_as_number: bool) -> Self {
        let mut texts = values.to_vec();
        texts.sort_unstable();
        let mut numbers: Vec<_> = values
            .iter()
            .filter_map(|value| Number::parse(value))
            .collect();
        numbers.sort_unstable();
        Self {
            texts,
            numbers,
            text_as_number,
        }
    }

    /// What text has to be.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// What a number has to be.
    pub(super) fn numbers(&self) -> &[Number] {
        &self.numbers
    }

    fn hold(&self, value: &Scalar<'_>) -> bool {
        match value {
            Scalar::Text(text) => {
                self.hold_text(text) || (self.text_as_number && self.hold_number(value))
            }
            Scalar::Integer(_) | Scalar::Double(_) | Scalar::Written(_) => self.hold_number(value),
            Scalar::Bool(_) | Scalar::Priority(_) => self.hold_text(&value.text()),
        }
    }

    fn hold_text(&self, text: &str) -> bool {
        self.texts
            .binary_search_by(|literal| literal.as_str().cmp(text))
            .is_ok()
    }

    fn hold_number(&self, value: &Scalar<'_>) -> bool {
        !self.numbers.is_empty()
            && value
                .number()
                .is_some_and(|number| self.numbers.binary_search(&number).is_ok())
    }
}
