//! From checked comparisons to what evaluates them.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};

use super::{
    MAX_PATTERNS,
    ast::{Operator, OperatorKind, Parsed, Span, Transform},
    attack,
    check::{Checked, check},
    eval::{Literals, Matcher, Test, Wanted, folded, ordered},
    field::Type,
    glob::{self, Glob},
    number::Number,
    path::PathPrefix,
    predicate::Predicate,
    problem::{Problem, Reason},
    values::Source,
};
use crate::alert::{Parts, Priority};

/// The memory that one compiled pattern may take, and its cache once more.
const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// Compiles the comparisons of one filter, and keeps what is said about the whole.
#[derive(Debug, Default)]
pub(super) struct Compiler {
    patterns: usize,
    fields: BTreeSet<String>,
    parts: Parts,
    warnings: Vec<Problem>,
}

impl Compiler {
    pub(super) fn test(&mut self, parsed: &Parsed) -> Result<Test, Problem> {
        let Checked { predicate, type_ } = check(parsed)?;
        let span = parsed
            .argument
            .as_ref()
            .map_or(parsed.name.span, |argument| {
                Span::new(parsed.name.span.start, argument.span.end + 1)
            });
        if self.fields.insert(predicate.field.to_string()) {
            self.warnings.extend(predicate.field.warning(span));
        }
        predicate.field.add_to(&mut self.parts);
        let matcher = self.matcher(parsed, &predicate, type_)?;
        let is_text = predicate.operator.kind() == OperatorKind::Text;
        Ok(Test {
            source: Source::new(predicate.field.clone(), is_text),
            length: predicate.transforms.contains(&Transform::Length),
            transforms: predicate.transforms.clone(),
            matcher,
            wanted: match predicate.operator {
                Operator::NotEqual => Wanted::Failed,
                Operator::Exists => Wanted::Any,
                _ => Wanted::Passed,
            },
            predicate,
        })
    }

    /// The names of the fields, what they are of an alert, and what is odd about
    /// them.
    pub(super) fn finish(self) -> (Vec<String>, Parts, Vec<Problem>) {
        (self.fields.into_iter().collect(), self.parts, self.warnings)
    }

    fn matcher(
        &mut self,
        parsed: &Parsed,
        predicate: &Predicate,
        type_: Type,
    ) -> Result<Matcher, Problem> {
        let values = &predicate.values;
        match predicate.operator.kind() {
            OperatorKind::Exists => Ok(Matcher::Anything),
            OperatorKind::Equality => Ok(equal_to(values, type_)),
            OperatorKind::Order => Ok(in_order(predicate.operator, values, type_)),
            OperatorKind::Text if predicate.operator == Operator::PathMatch => {
                self.paths(parsed).map(Matcher::Paths)
            }
            OperatorKind::Text => {
                let value = parsed.values.first();
                let span = value.map_or(parsed.operator.span, |value| value.span);
                let text = value.map(|value| value.value.as_str()).unwrap_or_default();
                self.text_matcher(predicate.operator, text, span)
            }
        }
    }

    fn text_matcher(
        &mut self,
        operator: Operator,
        text: &str,
        span: Span,
    ) -> Result<Matcher, Problem> {
        Ok(match operator {
            Operator::IContains => Matcher::IContains(folded(text)),
            Operator::StartsWith => Matcher::StartsWith(text.to_owned()),
            Operator::EndsWith => Matcher::EndsWith(text.to_owned()),
            Operator::Glob => Matcher::Glob(self.glob(text, span)?),
            Operator::IGlob => Matcher::Regex(self.pattern(&glob::to_regex(text), true, span)?),
            Operator::Regex => Matcher::Regex(self.pattern(text, false, span)?),
            _ => Matcher::Contains(text.to_owned()),
        })
    }

    fn paths(&mut self, parsed: &Parsed) -> Result<Vec<PathPrefix>, Problem> {
        let mut paths = Vec::new();
        for value in &parsed.values {
            let prefix =
                PathPrefix::new(&value.value, |component| self.glob(component, value.span));
            paths.push(prefix?);
        }
        Ok(paths)
    }

    fn glob(&mut self, pattern: &str, span: Span) -> Result<Glob, Problem> {
        match Glob::simple(pattern) {
            Some(glob) => Ok(glob),
            None => self
                .pattern(&glob::to_regex(pattern), false, span)
                .map(Glob::Pattern),
        }
    }

    /// Compiles a regular expression that is to match the whole text, as in Falco.
    fn pattern(&mut self, regex: &str, any_case: bool, span: Span) -> Result<Regex, Problem> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            let message = format!("the filter has more than {MAX_PATTERNS} patterns");
            return Err(Problem::new(Reason::TooComplex, span, message));
        }
        // Parsed alone first: `a)(b` is whole only within the group below.
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(any_case)
                .size_limit(MAX_PATTERN_BYTES)
                .dfa_size_limit(MAX_PATTERN_BYTES)
                .build()
        };
        build(regex)
            .and_then(|_| {
                build(&format!(r"\A(?:{regex})\z"))
                    // A comment of `(?x)` took the parenthesis; a line's end ends it.
                    .or_else(|error| match error {
                        regex::Error::Syntax(_) => build(&format!("\\A(?:{regex}\n)\\z")),
                        too_big => Err(too_big),
                    })
            })
            .map_err(|error| refused(&error, span))
    }
}

fn refused(error: &regex::Error, span: Span) -> Problem {
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        let message = format!(
            "the pattern takes more than {MAX_PATTERN_BYTES} bytes when compiled: repeat less, and write [0-9A-Za-z_] for `\\w`, [0-9] for `\\d`, which take in all scripts"
        );
        return Problem::new(Reason::TooComplex, span, message);
    }
    // The last line says what is wrong; those before it draw the pattern.
    let text = error.to_string();
    let why = text
        .lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ");
    Problem::syntax(span, format!("not a regular expression: {why}"))
}

fn equal_to(values: &[String], type_: Type) -> Matcher {
    match type_ {
        Type::Priority => Matcher::Priorities(priorities(values)),
        Type::Tactic => {
            let ids: Vec<_> = values
                .iter()
                .map(|value| attack::tactic_id(value).to_owned())
                .collect();
            Matcher::Literals(Literals::new(&ids, false))
        }
        Type::Technique => Matcher::Within(values.to_vec()),
        Type::Compliance => Matcher::Within(
            values
                .iter()
                .map(|value| value.to_ascii_uppercase().replace(' ', "_"))
                .collect(),
        ),
        Type::Number | Type::Raw => Matcher::Literals(Literals::new(values, true)),
        Type::Text | Type::Unknown | Type::Bool | Type::Kind | Type::Transport | Type::Id => {
            Matcher::Literals(Literals::new(values, false))
        }
    }
}

/// The check has seen to it that there is one value, of the field's type.
fn in_order(operator: Operator, values: &[String], type_: Type) -> Matcher {
    if type_ == Type::Priority {
        let accepted = priorities(values).into_iter().flat_map(|limit| {
            let all = Priority::ALL.into_iter();
            all.filter(move |priority| ordered(operator, priority, &limit))
        });
        return Matcher::Priorities(accepted.collect());
    }
    let limit = values.first().and_then(|value| Number::parse(value));
    limit.map_or(Matcher::Priorities(Vec::new()), |limit| {
        Matcher::Ordered(operator, limit)
    })
}

fn priorities(values: &[String]) -> Vec<Priority> {
    values
        .iter()
        .filter_map(|value| value.parse().ok())
        .collect()
}
