//! The tree that all stages share, and its leaves as the parser reads them.

use std::fmt::{self, Display};

/// A part of the filter's text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    pub(super) fn at(position: usize) -> Self {
        Self::new(position, position)
    }

    pub(super) fn to(self, other: Self) -> Self {
        Self::new(self.start, other.end)
    }

    pub(super) fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

/// Something read from the text, and where.
#[derive(Debug, Clone)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// A condition over leaves: [`Parsed`] ones at first, compiled ones at last.
///
/// No deeper than the text's parentheses allow, so recursion over it is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Expression<T> {
    /// All of two or more.
    And(Vec<Self>),
    /// Any of two or more.
    Or(Vec<Self>),
    Not(Box<Self>),
    Leaf(T),
}

impl<T> Expression<T> {
    pub(super) fn try_map<U, E>(
        self,
        map: &mut impl FnMut(T) -> Result<U, E>,
    ) -> Result<Expression<U>, E> {
        let mut all = |operands: Vec<Self>| {
            operands
                .into_iter()
                .map(|operand| operand.try_map(map))
                .collect::<Result<Vec<_>, E>>()
        };
        Ok(match self {
            Self::And(operands) => Expression::And(all(operands)?),
            Self::Or(operands) => Expression::Or(all(operands)?),
            Self::Not(operand) => Expression::Not(Box::new(operand.try_map(map)?)),
            Self::Leaf(leaf) => Expression::Leaf(map(leaf)?),
        })
    }

    pub(super) fn map<U>(&self, map: &mut impl FnMut(&T) -> U) -> Expression<U> {
        match self {
            Self::And(operands) => Expression::And(operands.iter().map(|it| it.map(map)).collect()),
            Self::Or(operands) => Expression::Or(operands.iter().map(|it| it.map(map)).collect()),
            Self::Not(operand) => Expression::Not(Box::new(operand.map(map))),
            Self::Leaf(leaf) => Expression::Leaf(map(leaf)),
        }
    }

    /// Whether it holds when of its leaves those do for which `ask` says so.
    pub(super) fn is_met(&self, ask: &mut impl FnMut(&T) -> bool) -> bool {
        match self {
            Self::And(operands) => operands.iter().all(|operand| operand.is_met(ask)),
            Self::Or(operands) => operands.iter().any(|operand| operand.is_met(ask)),
            Self::Not(operand) => !operand.is_met(ask),
            Self::Leaf(leaf) => ask(leaf),
        }
    }

    pub(super) fn leaves(&self) -> Box<dyn Iterator<Item = &T> + '_> {
        match self {
            Self::And(operands) | Self::Or(operands) => {
                Box::new(operands.iter().flat_map(Self::leaves))
            }
            Self::Not(operand) => operand.leaves(),
            Self::Leaf(leaf) => Box::new(std::iter::once(leaf)),
        }
    }

    /// `operands` joined by `join`; those of the same kind are taken in, since
    /// `a and (b and c)` is `a and b and c`.
    pub(super) fn joined(join: Join, operands: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(operands.len());
        for operand in operands {
            match (join, operand) {
                (Join::And, Self::And(inner)) | (Join::Or, Self::Or(inner)) => flat.extend(inner),
                (Join::And | Join::Or, operand) => flat.push(operand),
            }
        }
        if flat.len() == 1
            && let Some(only) = flat.pop()
        {
            return only;
        }
        match join {
            Join::And => Self::And(flat),
            Join::Or => Self::Or(flat),
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Not(operand) => *operand,
            Self::And(_) | Self::Or(_) | Self::Leaf(_) => Self::Not(Box::new(self)),
        }
    }
}

/// The two ways to join conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

impl Join {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

impl<T: Display> Display for Expression<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(operands) => write_joined(f, " and ", operands),
            Self::Or(operands) => write_joined(f, " or ", operands),
            Self::Not(operand) => {
                f.write_str("not ")?;
                write_operand(f, operand)
            }
            Self::Leaf(leaf) => leaf.fmt(f),
        }
    }
}

fn write_joined<T: Display>(
    f: &mut fmt::Formatter<'_>,
    join: &str,
    operands: &[Expression<T>],
) -> fmt::Result {
    for (index, operand) in operands.iter().enumerate() {
        if index > 0 {
            f.write_str(join)?;
        }
        // `and` binds tighter, so an `and` within an `or` needs no parentheses.
        match operand {
            Expression::And(_) if join == " or " => operand.fmt(f)?,
            Expression::And(_) | Expression::Or(_) | Expression::Not(_) | Expression::Leaf(_) => {
                write_operand(f, operand)?
            }
        }
    }
    Ok(())
}

fn write_operand<T: Display>(f: &mut fmt::Formatter<'_>, operand: &Expression<T>) -> fmt::Result {
    match operand {
        Expression::And(_) | Expression::Or(_) => write!(f, "({operand})"),
        Expression::Not(_) | Expression::Leaf(_) => operand.fmt(f),
    }
}

/// A comparison as the text has it, not yet checked.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    /// The field's name, without argument.
    pub(super) name: Spanned<String>,
    /// The text in brackets after the name.
    pub(super) argument: Option<Spanned<String>>,
    /// The innermost first.
    pub(super) transforms: Vec<Spanned<Transform>>,
    pub(super) operator: Spanned<Operator>,
    /// None for `exists`, one for most operators, any number for those that take
    /// a list.
    pub(super) values: Vec<Spanned<String>>,
}

/// What can be done to a field before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Transform {
    ToLower,
    ToUpper,
    BaseName,
    Length,
}

impl Transform {
    pub(super) const ALL: [Self; 4] = [Self::ToLower, Self::ToUpper, Self::BaseName, Self::Length];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ToLower => "tolower",
            Self::ToUpper => "toupper",
            Self::BaseName => "basename",
            Self::Length => "len",
        }
    }
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    IContains,
    StartsWith,
    EndsWith,
    Glob,
    IGlob,
    Regex,
    In,
    Intersects,
    PathMatch,
    Exists,
}

/// What operators have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperatorKind {
    /// `=`, `!=`, `in`, `intersects`.
    Equality,
    /// `<`, `<=`, `>`, `>=`.
    Order,
    /// Those that look into text.
    Text,
    Exists,
}

impl Operator {
    pub(super) const ALL: [Self; 17] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Contains,
        Self::IContains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Glob,
        Self::IGlob,
        Self::Regex,
        Self::In,
        Self::Intersects,
        Self::PathMatch,
        Self::Exists,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Contains => "contains",
            Self::IContains => "icontains",
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
            Self::Glob => "glob",
            Self::IGlob => "iglob",
            Self::Regex => "regex",
            Self::In => "in",
            Self::Intersects => "intersects",
            Self::PathMatch => "pmatch",
            Self::Exists => "exists",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.as_str() == word)
    }

    pub(super) fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::Intersects | Self::PathMatch)
    }

    pub(super) fn kind(self) -> OperatorKind {
        match self {
            Self::Equal | Self::NotEqual | Self::In | Self::Intersects => OperatorKind::Equality,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => {
                OperatorKind::Order
            }
            Self::Contains
            | Self::IContains
            | Self::StartsWith
            | Self::EndsWith
            | Self::Glob
            | Self::IGlob
            | Self::Regex
            | Self::PathMatch => OperatorKind::Text,
            Self::Exists => OperatorKind::Exists,
        }
    }
}
