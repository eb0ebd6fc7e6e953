//! Reads tokens from a filter's text. Which token is next depends on where in a
//! comparison the parser is: `<` is an operator after a field and a word after
//! `evt.dir =`. So there is no list of tokens, only a place to read from.

use super::{
    ast::{Span, Spanned},
    problem::Problem,
    quote::{Quoted, is_bare, is_reserved, shown, unescape},
};

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_blanks(&mut self) {
        self.take_while(|c| c.is_whitespace() || c == '\u{8}');
    }

    /// Takes `symbol` if it is next.
    pub(super) fn take(&mut self, symbol: &str) -> Option<Span> {
        self.rest()
            .starts_with(symbol)
            .then(|| self.advance(symbol.len()))
    }

    /// Takes `word` if it is next, and whole.
    pub(super) fn take_word(&mut self, word: &str) -> Option<Span> {
        (self.peek_word() == word).then(|| self.advance(word.len()))
    }

    /// The letters, digits and underscores that are next.
    pub(super) fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// Takes a field's name: words joined by dots.
    pub(super) fn take_name(&mut self) -> Option<Spanned<String>> {
        self.peek()
            .filter(|c| c.is_ascii_alphabetic() || *c == '_')?;
        let start = self.position;
        self.take_while(|c| is_word(c) || c == '.');
        // A dot at the end is not of the name, and tells better as what follows.
        while self.position > start && self.text.as_bytes().get(self.position - 1) == Some(&b'.') {
            self.position -= 1;
        }
        Some(self.since(start))
    }

    /// Takes `[…]` if it is next: quoted text, or any text up to the bracket that
    /// closes the first one.
    pub(super) fn take_argument(&mut self) -> Result<Option<Spanned<String>>, Problem> {
        let Some(open) = self.take("[") else {
            return Ok(None);
        };
        self.skip_blanks();
        let start = self.position;
        let argument = match self.take_quoted()? {
            Some(quoted) => quoted,
            None => self.bare_argument(open)?,
        };
        self.skip_blanks();
        if self.take("]").is_none() {
            let message = format!(
                "expected `]` after the quoted argument, found {}",
                self.found()
            );
            return Err(Problem::syntax(self.found_span(), message));
        }
        if argument.value.is_empty() {
            let span = Span::new(open.start, self.position);
            let message = "expected an argument in the brackets, such as `[2]` or `[name]`";
            return Err(Problem::syntax(span, message));
        }
        let span = Span::new(start, argument.span.end);
        Ok(Some(Spanned {
            value: argument.value,
            span,
        }))
    }

    fn bare_argument(&mut self, open: Span) -> Result<Spanned<String>, Problem> {
        let start = self.position;
        let mut depth = 0_usize;
        for (offset, c) in self.rest().char_indices() {
            match c {
                '[' => depth += 1,
                ']' if depth == 0 => {
                    self.advance(offset);
                    let mut argument = self.since(start);
                    argument.value.truncate(argument.value.trim_end().len());
                    return Ok(argument);
                }
                ']' => depth -= 1,
                _ => {}
            }
        }
        Err(Problem::syntax(open, "this `[` is never closed"))
    }

    /// Takes text in single or double quotes if it is next.
    pub(super) fn take_quoted(&mut self) -> Result<Option<Spanned<String>>, Problem> {
        let Some(quote) = self.peek().filter(|c| matches!(c, '"' | '\'')) else {
            return Ok(None);
        };
        let open = self.advance(1);
        let mut value = String::new();
        while let Some(c) = self.peek() {
            let at = self.advance(c.len_utf8());
            match c {
                '\\' => value.push(self.escape(at)?),
                _ if c == quote => {
                    let span = Span::new(open.start, self.position);
                    return Ok(Some(Spanned { value, span }));
                }
                _ => value.push(c),
            }
        }
        Err(Problem::syntax(
            open,
            format!("this {quote} is never closed"),
        ))
    }

    fn escape(&mut self, backslash: Span) -> Result<char, Problem> {
        let Some(letter) = self.peek() else {
            return Err(Problem::syntax(backslash, "nothing follows this backslash"));
        };
        let span = backslash.to(self.advance(letter.len_utf8()));
        unescape(letter).ok_or_else(|| {
            let message = format!(
                "`\\{}` is no escape; those are \\\\ \\\" \\' \\/ \\n \\r \\t \\b \\f, and a backslash itself is written twice",
                shown(letter.encode_utf8(&mut [0; 4]))
            );
            Problem::syntax(span, message).suggest(Some(format!("\\\\{letter}")))
        })
    }

    /// Takes a value without quotes if one is next.
    pub(super) fn take_bare(&mut self) -> Option<Spanned<String>> {
        let start = self.position;
        self.take_while(is_bare);
        (self.position > start).then(|| self.since(start))
    }

    /// Takes what is next up to a blank, for telling about it.
    pub(super) fn take_run(&mut self) -> Span {
        let start = self.position;
        self.take_while(|c| !c.is_whitespace());
        Span::new(start, self.position)
    }

    /// From `start` to where the value that was meant likely ends: before `and`,
    /// `or`, a parenthesis or a comma. For suggesting quotes.
    pub(super) fn phrase(&self, start: usize) -> Span {
        let text = self.text.get(start..).unwrap_or_default();
        let limit = text.find(['(', ')', ',', '"']).unwrap_or(text.len());
        let mut end = 0;
        for word in text
            .get(..limit)
            .unwrap_or_default()
            .split_inclusive(char::is_whitespace)
        {
            if is_reserved(word.trim_end()) {
                break;
            }
            end += word.len();
        }
        let phrase = text.get(..end).unwrap_or_default().trim_end();
        Span::new(start, start + phrase.len())
    }

    /// What is next, as a message names it.
    pub(super) fn found(&self) -> String {
        let Some(first) = self.peek() else {
            return "the end of the filter".to_owned();
        };
        let word: String = self
            .rest()
            .chars()
            .take_while(|c| is_bare(*c))
            .take(33)
            .collect();
        match word.chars().count() {
            0 => format!("`{}`", shown(first.encode_utf8(&mut [0; 4]))),
            33.. => format!("`{}…`", shown(&word)),
            _ => format!("`{}`", shown(&word)),
        }
    }

    /// The span of what [`Cursor::found`] names.
    pub(super) fn found_span(&self) -> Span {
        let rest = self.rest();
        let word = rest.find(|c| !is_bare(c)).unwrap_or(rest.len());
        let first = self.peek().map_or(0, char::len_utf8);
        Span::new(self.position, self.position + word.max(first))
    }

    /// `span`'s text in quotes.
    pub(super) fn quoted(&self, span: Span) -> String {
        Quoted(self.slice(span)).to_string()
    }

    fn take_while(&mut self, matches: impl Fn(char) -> bool) {
        let rest = self.rest();
        let end = rest.find(|c| !matches(c)).unwrap_or(rest.len());
        self.advance(end);
    }

    fn advance(&mut self, bytes: usize) -> Span {
        let start = self.position;
        self.position += bytes;
        Span::new(start, self.position)
    }

    fn since(&self, start: usize) -> Spanned<String> {
        let span = Span::new(start, self.position);
        Spanned {
            value: self.slice(span).to_owned(),
            span,
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
