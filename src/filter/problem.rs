use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::ast::Span;

/// What is wrong with a filter, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// The kind of problem, for programs.
    pub reason: Reason,
    /// Where in the filter's text, in bytes.
    pub position: usize,
    /// How long the offending part is, in bytes; 0 where something is missing.
    pub length: usize,
    /// What was found and what was expected.
    pub message: String,
    /// What to write in place of the offending part.
    pub suggestion: Option<String>,
}

/// The kinds of [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The text is not of the language.
    Syntax,
    /// A field, an operator and a value do not go together.
    Type,
    /// A limit is passed.
    TooComplex,
    /// Falco has no such field; the filter is usable all the same.
    UnknownField,
}

impl Reason {
    /// The reason's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "FILTER_SYNTAX",
            Self::Type => "FILTER_TYPE",
            Self::TooComplex => "FILTER_TOO_COMPLEX",
            Self::UnknownField => "UNKNOWN_FIELD",
        }
    }
}

impl Problem {
    pub(super) fn new(reason: Reason, span: Span, message: impl Into<String>) -> Self {
        Self {
            reason,
            position: span.start,
            length: span.len(),
            message: message.into(),
            suggestion: None,
        }
    }

    pub(super) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Self::new(Reason::Syntax, span, message)
    }

    pub(super) fn type_(span: Span, message: impl Into<String>) -> Self {
        Self::new(Reason::Type, span, message)
    }

    /// Adds a suggestion, to the message too, so that the message alone is enough.
    pub(super) fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        if let Some(suggestion) = suggestion.map(Into::into) {
            self.message = format!("{}; did you mean `{suggestion}`?", self.message);
            self.suggestion = Some(suggestion);
        }
        self
    }

    /// Two lines for a terminal: the line of the filter that has the problem and,
    /// under it, a mark at the offending part. Long lines are cut around it.
    pub fn pointer(&self, text: &str) -> String {
        let start = floor_boundary(text, self.position);
        let end = floor_boundary(text, self.position.saturating_add(self.length)).max(start);
        let (before, rest) = text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let before = visible(before.get(line_start..).unwrap_or_default());
        let line_rest = rest.split('\n').next().unwrap_or_default();
        let marked_len = (end - start).min(line_rest.len());
        let (marked, after) = line_rest.split_at(floor_boundary(line_rest, marked_len));
        let marked = keep_start(&visible(marked), MARKED_COLUMNS);
        let before = keep_end(&before, CONTEXT_COLUMNS);
        let after = keep_start(&visible(after), CONTEXT_COLUMNS);
        format!(
            "{before}{marked}{after}\n{}{}",
            " ".repeat(before.width()),
            "^".repeat(marked.width().max(1))
        )
    }
}

fn floor_boundary(text: &str, position: usize) -> usize {
    let mut position = position.min(text.len());
    while !text.is_char_boundary(position) {
        position -= 1;
    }
    position
}

/// Control characters have no width of their own: they become spaces.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn keep_start(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = take_columns(text.chars(), columns);
    kept.push('…');
    kept
}

fn keep_end(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let reversed = take_columns(text.chars().rev(), columns);
    std::iter::once('…').chain(reversed.chars().rev()).collect()
}

fn take_columns(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect()
}

const CONTEXT_COLUMNS: usize = 50;
const MARKED_COLUMNS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(position: usize, length: usize) -> Problem {
        Problem::syntax(Span::new(position, position.saturating_add(length)), "here")
    }

    #[test]
    fn the_mark_stands_under_the_part() {
        assert_eq!(problem(2, 3).pointer("a bcd e"), "a bcd e\n  ^^^");
        assert_eq!(problem(3, 0).pointer("a ="), "a =\n   ^");
        assert_eq!(
            problem(9, 1).pointer("first\nse\tcond\r\nthird"),
            "se cond \n   ^"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let text = "日本 é x";
        let at = text.find('x').unwrap();
        assert_eq!(problem(at, 1).pointer(text), "日本 é x\n       ^");
        assert_eq!(problem(0, 6).pointer(text), "日本 é x\n^^^^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_part() {
        let text = format!("{} BAD {}", "x".repeat(500), "y".repeat(500));
        let pointer = problem(501, 3).pointer(&text);
        let (line, mark) = pointer.split_once('\n').unwrap();
        assert!(line.starts_with('…') && line.ends_with('…'), "{line}");
        assert_eq!(line[..line.find("BAD").unwrap()].width(), mark.len() - 3);
    }

    #[test]
    fn a_position_of_another_text_does_no_harm() {
        assert_eq!(problem(100, 100).pointer("é"), "é\n ^");
        assert_eq!(problem(1, usize::MAX).pointer("é"), "é\n^");
    }
}
