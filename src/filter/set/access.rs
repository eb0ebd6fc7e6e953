use std::sync::Arc;

use crate::filter::{
    ast::Expression,
    eval::{Matcher, Test, Wanted},
    field::Field,
    glob::Glob,
};

/// Comparisons of which one at least must hold for a filter to be met, and which
/// an index can find.
#[derive(Debug)]
pub(super) struct Access<'a> {
    tests: Vec<&'a Test>,
    cost: Cost,
}

/// How many alerts a filter is asked about for nothing, roughly: the least is
/// the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    field: u8,
    values: usize,
}

/// What a comparison looks for.
#[derive(Debug)]
pub(super) enum Wants<'a> {
    /// A value that is one of these.
    Values(&'a Matcher),
    /// A value that has this within.
    Part(&'a str),
}

impl<'a> Access<'a> {
    /// None when an alert may meet the condition whatever it has.
    pub(super) fn of(root: &'a Expression<Arc<Test>>) -> Option<Self> {
        match root {
            Expression::Leaf(test) => Self::of_test(test),
            Expression::And(operands) => {
                let each = operands.iter().filter_map(Self::of);
                each.min_by_key(|access| access.cost)
            }
            Expression::Or(operands) => {
                let each = operands.iter().map(Self::of);
                each.reduce(|a, b| Some(a?.or(b?))).flatten()
            }
            Expression::Not(_) => None,
        }
    }

    fn of_test(test: &'a Test) -> Option<Self> {
        let wants = Wants::of(test)?;
        let cost = Cost {
            field: match (&wants, &test.predicate.field) {
                (Wants::Part(_), _) => 4,
                (_, Field::Priority) => 6,
                (_, Field::Source | Field::Kind | Field::Maturity) => 5,
                (_, Field::OriginTransport | Field::OriginCluster) => 5,
                (_, Field::Tags | Field::Tactic | Field::Technique | Field::Compliance) => 3,
                (_, Field::Hostname | Field::OriginSource | Field::OriginLabel(_)) => 2,
                (_, Field::Rule | Field::Keyed(_)) => 1,
                (_, Field::Id | Field::Output | Field::Message) => 0,
            },
            values: test.predicate.values.len(),
        };
        Some(Self {
            tests: vec![test],
            cost,
        })
    }

    fn or(mut self, other: Self) -> Self {
        self.tests.extend(other.tests);
        self.cost = Cost {
            field: self.cost.field.max(other.cost.field),
            values: self.cost.values + other.cost.values,
        };
        self
    }

    /// The comparisons, and what they look for.
    pub(super) fn tests(&self) -> impl Iterator<Item = (&'a Test, Wants<'a>)> {
        self.tests
            .iter()
            .filter_map(|test| Some((*test, Wants::of(test)?)))
    }
}

impl<'a> Wants<'a> {
    /// None when an index cannot find it.
    fn of(test: &'a Test) -> Option<Self> {
        if test.wanted != Wanted::Passed || test.length {
            return None;
        }
        match &test.matcher {
            Matcher::Literals(_)
            | Matcher::Priorities(_)
            | Matcher::Within(_)
            | Matcher::Glob(Glob::Exactly(_)) => Some(Self::Values(&test.matcher)),
            Matcher::Contains(part)
            | Matcher::StartsWith(part)
            | Matcher::EndsWith(part)
            | Matcher::Glob(Glob::StartsWith(part) | Glob::EndsWith(part) | Glob::Contains(part)) => {
                (!part.is_empty()).then_some(Self::Part(part))
            }
            Matcher::Anything
            | Matcher::Ordered(..)
            | Matcher::IContains(_)
            | Matcher::Glob(Glob::Pattern(_))
            | Matcher::Regex(_)
            | Matcher::Paths(_) => None,
        }
    }
}
