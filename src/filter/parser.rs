//! From text to a tree of comparisons whose names and values are not yet looked at.

mod operator;
mod value;

use super::{
    MAX_DEPTH, MAX_PREDICATES, MAX_TEXT_BYTES,
    ast::{Expression, Join, Parsed, Span, Spanned, Transform},
    cursor::Cursor,
    problem::{Problem, Reason},
    quote::is_reserved,
    suggest::closest,
};

/// How many transformers may be wrapped around each other.
pub(super) const MAX_TRANSFORMS: usize = 4;

/// Reads `text`; None if there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Option<Expression<Parsed>>, Problem> {
    if text.len() > MAX_TEXT_BYTES {
        let span = Span::new(0, text.len());
        let message = format!(
            "the filter has {} bytes, the limit is {MAX_TEXT_BYTES}",
            text.len()
        );
        return Err(Problem::new(Reason::TooComplex, span, message));
    }
    let mut parser = Parser {
        cursor: Cursor::new(text),
        depth: 0,
        predicates: 0,
        last_bare: None,
    };
    parser.cursor.skip_blanks();
    if parser.cursor.peek().is_none() {
        return Ok(None);
    }
    let expression = parser.expression()?;
    if parser.cursor.peek().is_some() {
        return Err(parser.unexpected_after_condition("the end of the filter"));
    }
    Ok(Some(expression))
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    depth: usize,
    predicates: usize,
    /// The bare value that was read last, if nothing was read since: what follows
    /// it wrongly was often meant to be part of it.
    last_bare: Option<Span>,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Expression<Parsed>, Problem> {
        let mut operands = vec![self.conjunction()?];
        while self.takes_join(Join::Or)? {
            operands.push(self.conjunction()?);
        }
        Ok(Expression::joined(Join::Or, operands))
    }

    fn conjunction(&mut self) -> Result<Expression<Parsed>, Problem> {
        let mut operands = vec![self.negation()?];
        while self.takes_join(Join::And)? {
            operands.push(self.negation()?);
        }
        Ok(Expression::joined(Join::And, operands))
    }

    fn takes_join(&mut self, join: Join) -> Result<bool, Problem> {
        self.cursor.skip_blanks();
        if self.cursor.take_word(join.as_str()).is_none() {
            return Ok(false);
        }
        self.cursor.skip_blanks();
        if self.cursor.peek().is_none() {
            let message = format!(
                "expected a condition after `{}`, found the end of the filter",
                join.as_str()
            );
            return Err(Problem::syntax(Span::at(self.cursor.position()), message));
        }
        Ok(true)
    }

    fn negation(&mut self) -> Result<Expression<Parsed>, Problem> {
        let mut negative = false;
        self.cursor.skip_blanks();
        while self.cursor.take_word("not").is_some() {
            negative = !negative;
            self.cursor.skip_blanks();
        }
        let operand = self.operand()?;
        Ok(if negative { operand.negated() } else { operand })
    }

    fn operand(&mut self) -> Result<Expression<Parsed>, Problem> {
        self.last_bare = None;
        let Some(open) = self.cursor.take("(") else {
            return self.predicate().map(Expression::Leaf);
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("parentheses nest deeper than {MAX_DEPTH}");
            return Err(Problem::new(Reason::TooComplex, open, message));
        }
        let inner = self.expression()?;
        if self.cursor.peek().is_none() {
            return Err(Problem::syntax(open, "this `(` is never closed"));
        }
        if self.cursor.take(")").is_none() {
            return Err(self.unexpected_after_condition("`)`"));
        }
        self.last_bare = None;
        self.depth -= 1;
        Ok(inner)
    }

    fn predicate(&mut self) -> Result<Parsed, Problem> {
        let start = self.cursor.position();
        let mut transforms = Vec::new();
        let name = self.field(&mut transforms)?;
        let argument = self.cursor.take_argument()?;
        for transform in &transforms {
            self.cursor.skip_blanks();
            if self.cursor.take(")").is_none() {
                let message = format!(
                    "expected `)` after the field in `{}(`, found {}",
                    transform.value.as_str(),
                    self.cursor.found()
                );
                return Err(Problem::syntax(self.cursor.found_span(), message));
            }
        }
        transforms.reverse();
        let left = Span::new(start, self.cursor.position());
        let operator = self.operator(left)?;
        let values = self.values(&operator)?;
        self.predicates += 1;
        if self.predicates > MAX_PREDICATES {
            let message = format!("the filter has more than {MAX_PREDICATES} comparisons");
            return Err(Problem::new(Reason::TooComplex, left, message));
        }
        Ok(Parsed {
            name,
            argument,
            transforms,
            operator,
            values,
        })
    }

    /// The field's name, and the transformers before it, the outermost first.
    fn field(
        &mut self,
        transforms: &mut Vec<Spanned<Transform>>,
    ) -> Result<Spanned<String>, Problem> {
        loop {
            let Some(name) = self.cursor.take_name() else {
                return Err(self.no_field(transforms));
            };
            if is_reserved(&name.value) {
                let message = format!("expected a condition, found `{}`", name.value);
                return Err(Problem::syntax(name.span, message));
            }
            if self.cursor.peek() != Some('(') {
                return Ok(name);
            }
            transforms.push(Spanned {
                value: transform(&name)?,
                span: name.span,
            });
            if transforms.len() > MAX_TRANSFORMS {
                let message = format!("more than {MAX_TRANSFORMS} transformers around a field");
                return Err(Problem::new(Reason::TooComplex, name.span, message));
            }
            self.cursor.take("(");
            self.cursor.skip_blanks();
        }
    }

    fn no_field(&mut self, transforms: &[Spanned<Transform>]) -> Problem {
        let expected = match transforms.last() {
            Some(transform) => format!("a field in `{}(`", transform.value.as_str()),
            None => "a condition, such as `proc.name = bash`".to_owned(),
        };
        let message = format!("expected {expected}, found {}", self.cursor.found());
        let mut span = self.cursor.found_span();
        if let Some(not) = self.cursor.take("!") {
            span = not;
            return Problem::syntax(span, message).suggest(Some("not "));
        }
        Problem::syntax(span, message)
    }

    fn unexpected_after_condition(&self, end: &str) -> Problem {
        let word = self.cursor.peek_word();
        let message = format!(
            "expected `and`, `or` or {end}, found {}",
            self.cursor.found()
        );
        let meant = match self.cursor.rest() {
            rest if rest.starts_with("&&") => Some(("&&", "and")),
            rest if rest.starts_with("||") => Some(("||", "or")),
            _ => [Join::And, Join::Or]
                .into_iter()
                .find(|join| join.as_str().eq_ignore_ascii_case(word))
                .map(|join| (word, join.as_str())),
        };
        if let Some((found, meant)) = meant {
            let span = Span::new(self.cursor.position(), self.cursor.position() + found.len());
            return Problem::syntax(span, message).suggest(Some(meant));
        }
        if let Some(problem) = self
            .last_bare
            .and_then(|value| self.split_value(value, &message))
        {
            return problem;
        }
        if self.cursor.peek() == Some(')') {
            let span = self.cursor.found_span();
            return Problem::syntax(span, "this `)` closes nothing");
        }
        Problem::syntax(self.cursor.found_span(), message)
    }

    /// When the bare `value` and what follows were likely meant as one.
    fn split_value(&self, value: Span, message: &str) -> Option<Problem> {
        let word = self.cursor.slice(value);
        let before = Span::new(value.start.saturating_sub(1), value.end);
        if matches!(self.cursor.slice(before), "=<" | "=>") {
            let meant = if word == "<" { "<=" } else { ">=" };
            return Some(Problem::syntax(before, message).suggest(Some(meant)));
        }
        let phrase = self.cursor.phrase(value.start);
        // With another comparison in it, it is rather an `and` that is missing.
        let compares = self.cursor.slice(phrase).contains(['=', '<', '>']);
        (phrase.end > self.cursor.position() && !compares).then(|| {
            let message = format!("{message}: a value with blanks must be quoted");
            Problem::syntax(phrase, message).suggest(Some(self.cursor.quoted(phrase)))
        })
    }
}

fn transform(name: &Spanned<String>) -> Result<Transform, Problem> {
    let word = name.value.as_str();
    let found = Transform::ALL
        .into_iter()
        .find(|transform| transform.as_str() == word);
    found.ok_or_else(|| {
        let message = if matches!(word, "b64" | "val" | "join" | "concat") {
            format!("the transformer `{word}` of Falco is not supported")
        } else {
            format!("`{word}` is no transformer; those are tolower, toupper, basename and len")
        };
        let meant = match word.to_ascii_lowercase().as_str() {
            "lower" => Some("tolower"),
            "upper" => Some("toupper"),
            "length" | "size" | "count" => Some("len"),
            _ => closest(word, Transform::ALL.map(Transform::as_str)),
        };
        Problem::syntax(name.span, message).suggest(meant)
    })
}
