//! The filter language: Falco conditions over alerts.
//!
//! ```text
//! text ──parser──► Parsed ──check──► Predicate ──compile──► Matcher ──► matches(alert)
//!        syntax            names, types          patterns
//! ```
//!
//! A filter is parsed once and then only asked [`Filter::matches`], which does
//! no I/O, cannot fail and takes time linear in the alert. What is refused is
//! refused at parse time, with the position, what was expected and, where one is
//! likely, a suggestion. The language itself is described in `docs/filter.md`.

mod ast;
mod attack;
mod check;
mod compile;
mod cursor;
mod eval;
mod falco;
mod field;
mod glob;
mod number;
mod parser;
mod path;
mod predicate;
mod problem;
mod projection;
mod quote;
mod scalar;
mod set;
mod suggest;
mod values;
mod vocabulary;

use std::{fmt, sync::Arc};

use self::{
    ast::{Expression, Span},
    compile::Compiler,
    eval::Test,
};
use crate::alert::{Alert, Parts};

pub use self::{
    problem::{Problem, Reason},
    set::{FilterId, FilterSet},
    vocabulary::vocabulary,
};

/// The longest text of a filter, as written and as [`Filter::canonical`].
pub const MAX_TEXT_BYTES: usize = 8 * 1024;
/// How deep parentheses may nest.
pub const MAX_DEPTH: usize = 32;
/// How many comparisons a filter may have.
pub const MAX_PREDICATES: usize = 256;
/// How many patterns (`regex`, and globs that are more than a prefix, a suffix
/// or a substring) a filter may have: each costs memory when compiled.
pub const MAX_PATTERNS: usize = 64;

/// A condition on alerts, parsed and checked. Cheap to clone.
#[derive(Clone)]
pub struct Filter {
    inner: Arc<Inner>,
}

struct Inner {
    // None matches everything.
    root: Option<Expression<Arc<Test>>>,
    canonical: String,
    fields: Vec<String>,
    parts: Parts,
    warnings: Vec<Problem>,
    predicates: usize,
}

impl Filter {
    /// Reads a filter. An empty or blank text matches every alert.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let Some(parsed) = parser::parse(text)? else {
            return Ok(Self::all());
        };
        let mut compiler = Compiler::default();
        let mut predicates = 0;
        let root = parsed.try_map(&mut |parsed| {
            predicates += 1;
            compiler.test(&parsed).map(Arc::new)
        })?;
        let canonical = root.to_string();
        if canonical.len() > MAX_TEXT_BYTES {
            let message = format!(
                "the filter takes {} bytes when normalised, the limit is {MAX_TEXT_BYTES}",
                canonical.len()
            );
            let everything = Span::new(0, text.len());
            return Err(Problem::new(Reason::TooComplex, everything, message));
        }
        let (fields, parts, warnings) = compiler.finish();
        Ok(Self {
            inner: Arc::new(Inner {
                root: Some(root),
                canonical,
                fields,
                parts,
                warnings,
                predicates,
            }),
        })
    }

    /// The filter that matches every alert.
    pub fn all() -> Self {
        Self {
            inner: Arc::new(Inner {
                root: None,
                canonical: String::new(),
                fields: Vec::new(),
                parts: Parts::default(),
                warnings: Vec::new(),
                predicates: 0,
            }),
        }
    }

    /// Whether it matches every alert, whatever that holds.
    pub fn takes_all(&self) -> bool {
        self.inner.root.is_none()
    }

    /// Whether the alert meets the condition.
    pub fn matches(&self, alert: &Alert) -> bool {
        self.inner
            .root
            .as_ref()
            .is_none_or(|root| root.is_met(&mut |test| test.holds(alert)))
    }

    /// The filter in its normal spelling: one space, the fewest parentheses,
    /// quotes only where they are needed. It parses to the same filter, so equal
    /// texts are equal filters.
    pub fn canonical(&self) -> &str {
        &self.inner.canonical
    }

    /// The fields that it reads, sorted, none twice.
    pub fn fields(&self) -> &[String] {
        &self.inner.fields
    }

    /// How many comparisons it has.
    pub fn predicates(&self) -> usize {
        self.inner.predicates
    }

    /// What it reads of an alert: of one that has only this, it says the same.
    pub fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    /// What is allowed but probably not meant: fields that Falco does not have.
    pub fn warnings(&self) -> &[Problem] {
        &self.inner.warnings
    }
}

/// Equal texts are equal filters.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Filter {}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.canonical()).finish()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.canonical())
    }
}

#[cfg(test)]
mod tests;
