//! Operators, and what people write instead of them.

use super::Parser;
use crate::filter::{
    ast::{Operator, Span, Spanned},
    problem::Problem,
    quote::is_reserved,
    suggest::closest,
};

impl Parser<'_> {
    pub(super) fn operator(&mut self, left: Span) -> Result<Spanned<Operator>, Problem> {
        self.cursor.skip_blanks();
        self.refuse_foreign_symbol(left)?;
        for (symbol, value) in SYMBOLS {
            if let Some(span) = self.cursor.take(symbol) {
                return Ok(Spanned { value, span });
            }
        }
        let word = self.cursor.peek_word();
        if let Some(value) = Operator::from_word(word)
            && let Some(span) = self.cursor.take_word(word)
        {
            return Ok(Spanned { value, span });
        }
        Err(self.no_operator(left))
    }

    /// Symbols of other languages that begin like one of ours.
    fn refuse_foreign_symbol(&mut self, left: Span) -> Result<(), Problem> {
        if let Some(symbol) = self.cursor.take("!~") {
            self.cursor.skip_blanks();
            let field = self.cursor.slice(left);
            let span = Span::new(left.start, self.cursor.position());
            let message = format!("`{}` is no operator", self.cursor.slice(symbol));
            let meant = format!("not {field} regex ");
            return Err(Problem::syntax(span, message).suggest(Some(meant)));
        }
        for (symbol, meant) in [
            ("=~ ", "regex "),
            ("=~\"", "regex \""),
            ("=~'", "regex '"),
            ("<>", "!="),
            ("~", "regex "),
        ] {
            if let Some(span) = self.cursor.take(symbol) {
                let message = format!(
                    "`{}` is no operator",
                    symbol.trim_end_matches([' ', '"', '\''])
                );
                return Err(Problem::syntax(span, message).suggest(Some(meant)));
            }
        }
        Ok(())
    }

    fn no_operator(&mut self, left: Span) -> Problem {
        let word = self.cursor.peek_word();
        let field = self.cursor.slice(left);
        let span = Span::new(self.cursor.position(), self.cursor.position() + word.len());
        if word == "not" {
            return self.operator_after_not(left);
        }
        if word.is_empty() || is_reserved(word) {
            let message = format!(
                "expected an operator after `{field}`, found {}: a condition is a field, an operator and a value (macros of Falco's rule files are not known here)",
                self.cursor.found()
            );
            return Problem::syntax(self.cursor.found_span(), message);
        }
        if matches!(word, "bcontains" | "bstartswith") {
            let message = format!("`{word}` compares raw bytes, which alerts do not carry");
            return Problem::syntax(span, message);
        }
        let foreign = FOREIGN_WORDS
            .iter()
            .find(|(theirs, _)| theirs.eq_ignore_ascii_case(word));
        let meant = foreign
            .map(|(_, ours)| *ours)
            .or_else(|| closest(word, Operator::ALL.map(Operator::as_str)));
        let message = format!("expected an operator after `{field}`, found `{word}`");
        Problem::syntax(span, message).suggest(meant)
    }

    /// `field not in (…)`, which other languages have.
    fn operator_after_not(&mut self, left: Span) -> Problem {
        self.cursor.take_word("not");
        self.cursor.skip_blanks();
        let field = self.cursor.slice(left);
        let message =
            format!("`not` stands before the field, not between `{field}` and its operator");
        let operator = self.cursor.peek_word();
        let span = Span::new(left.start, self.cursor.position());
        let meant = Operator::from_word(operator).map(|_| format!("not {field} "));
        Problem::syntax(span, message).suggest(meant)
    }
}

/// Longer ones before those that they begin with.
const SYMBOLS: [(&str, Operator); 7] = [
    ("==", Operator::Equal),
    ("=", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    (">", Operator::Greater),
];

/// Words of other languages, and ours for them.
const FOREIGN_WORDS: [(&str, &str); 9] = [
    ("like", "glob"),
    ("ilike", "iglob"),
    ("match", "regex"),
    ("matches", "regex"),
    ("is", "="),
    ("eq", "="),
    ("ne", "!="),
    ("has", "contains"),
    ("includes", "contains"),
];
