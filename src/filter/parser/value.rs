//! Values and lists of values.

use super::Parser;
use crate::filter::{
    ast::{Operator, Span, Spanned, Transform},
    problem::Problem,
    quote::{is_reserved, shown},
};

impl Parser<'_> {
    pub(super) fn values(
        &mut self,
        operator: &Spanned<Operator>,
    ) -> Result<Vec<Spanned<String>>, Problem> {
        self.last_bare = None;
        if operator.value == Operator::Exists {
            return Ok(Vec::new());
        }
        self.cursor.skip_blanks();
        let open = self.cursor.take("(");
        match (open, operator.value.takes_list()) {
            (Some(open), true) => self.list(open),
            (Some(open), false) => {
                let meant = (operator.value == Operator::Equal).then_some("in");
                let message = format!("`{}` takes one value, not a list", operator.value.as_str());
                let span = if meant.is_some() { operator.span } else { open };
                Err(Problem::syntax(span, message).suggest(meant))
            }
            (None, true) => {
                let message = format!(
                    "`{}` takes a list in parentheses, found {}",
                    operator.value.as_str(),
                    self.cursor.found()
                );
                let found = self.cursor.found_span();
                let Ok(values) = self.unparenthesised(operator.value) else {
                    return Err(Problem::syntax(found, message));
                };
                let meant = format!("({})", self.cursor.slice(values));
                Err(Problem::syntax(values, message).suggest(Some(meant)))
            }
            (None, false) => {
                let value = self.value(Some(operator.value))?;
                self.refuse_unquoted(value.span)?;
                Ok(vec![value])
            }
        }
    }

    /// The values, parted by commas, that were meant as a list.
    fn unparenthesised(&mut self, operator: Operator) -> Result<Span, Problem> {
        let mut span = self.value(Some(operator))?.span;
        loop {
            self.cursor.skip_blanks();
            if self.cursor.take(",").is_none() {
                return Ok(span);
            }
            self.cursor.skip_blanks();
            span = span.to(self.value(None)?.span);
        }
    }

    fn list(&mut self, open: Span) -> Result<Vec<Spanned<String>>, Problem> {
        let mut values = Vec::new();
        self.cursor.skip_blanks();
        if self.cursor.take(")").is_some() {
            return Ok(values);
        }
        loop {
            self.cursor.skip_blanks();
            let value = self.value(None)?;
            self.cursor.skip_blanks();
            let comma = self.cursor.take(",").is_some();
            if !comma && self.cursor.take(")").is_none() {
                return Err(self.unclosed_list(open, value.span));
            }
            values.push(value);
            if !comma {
                self.last_bare = None;
                return Ok(values);
            }
        }
    }

    fn unclosed_list(&self, open: Span, last: Span) -> Problem {
        if self.cursor.peek().is_none() {
            return Problem::syntax(open, "this `(` is never closed");
        }
        let message = format!(
            "expected `,` or `)` after {}, found {}",
            self.shown(last),
            self.cursor.found()
        );
        let phrase = self.cursor.phrase(last.start);
        if self.last_bare == Some(last) && phrase.end > last.end {
            return Problem::syntax(
                phrase,
                format!("{message}: a value with blanks must be quoted"),
            )
            .suggest(Some(self.cursor.quoted(phrase)));
        }
        Problem::syntax(self.cursor.found_span(), message)
    }

    fn value(&mut self, after: Option<Operator>) -> Result<Spanned<String>, Problem> {
        if let Some(quoted) = self.cursor.take_quoted()? {
            self.last_bare = None;
            return Ok(quoted);
        }
        let span = self.cursor.found_span();
        let found = self.cursor.found();
        let place = after.map_or_else(
            || "in the list".to_owned(),
            |operator| format!("after `{}`", operator.as_str()),
        );
        match self.cursor.take_bare() {
            Some(bare) if is_reserved(&bare.value) => {
                let message = format!(
                    "expected a value {place}, found {found}: quote it if the word itself is meant"
                );
                Err(Problem::syntax(span, message).suggest(Some(self.cursor.quoted(span))))
            }
            Some(bare) => {
                self.last_bare = Some(bare.span);
                Ok(bare)
            }
            None => Err(Problem::syntax(
                span,
                format!("expected a value {place}, found {found}"),
            )),
        }
    }

    /// Refuses what follows a bare value without a blank: `a=b`, `f(x)`, `a,b`.
    fn refuse_unquoted(&mut self, value: Span) -> Result<(), Problem> {
        let is_bare = self.last_bare == Some(value);
        let Some(next) = self
            .cursor
            .peek()
            .filter(|c| is_bare && matches!(c, '=' | ',' | '(' | '"' | '\''))
        else {
            return Ok(());
        };
        let word = self.cursor.slice(value);
        let transform = Transform::ALL
            .into_iter()
            .any(|transform| transform.as_str() == word);
        if next == '(' && (transform || matches!(word, "val" | "b64")) {
            let message = format!(
                "`{word}(` cannot stand on the right: a field is compared with a value that is written out"
            );
            return Err(Problem::syntax(value, message));
        }
        let end = self.cursor.take_run().end;
        let span = Span::new(value.start, end);
        let message = format!("a value with `{next}` in it must be quoted");
        Err(Problem::syntax(span, message).suggest(Some(self.cursor.quoted(span))))
    }

    fn shown(&self, span: Span) -> String {
        format!("`{}`", shown(self.cursor.slice(span)))
    }
}
