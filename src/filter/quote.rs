//! How values are spelt: bare where they can be, else quoted.

use std::fmt;

/// Whether `c` may stand in a value without quotes, as in Falco.
pub(super) fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '(' | ')' | '"' | '\'' | '=' | ',' | '\u{8}')
}

/// The words that join conditions, which a bare value cannot be.
pub(super) fn is_reserved(word: &str) -> bool {
    matches!(word, "and" | "or" | "not")
}

/// What a backslash and `letter` stand for in quotes.
pub(super) fn unescape(letter: char) -> Option<char> {
    Some(match letter {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '\\' | '/' | '"' | '\'' => letter,
        _ => return None,
    })
}

/// `text` as a message shows it: what cannot be seen is escaped, quotes are not.
pub(super) fn shown(text: &str) -> String {
    text.escape_debug()
        .to_string()
        .replace("\\\"", "\"")
        .replace("\\'", "'")
        .replace("\\\\", "\\")
}

/// A value as the canonical text spells it.
#[derive(Debug)]
pub(super) struct Value<'a>(pub(super) &'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        if !text.is_empty() && text.chars().all(is_bare) && !is_reserved(text) {
            return f.write_str(text);
        }
        Quoted(text).fmt(f)
    }
}

/// A text in double quotes.
#[derive(Debug)]
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\\' | '"' => write!(f, "\\{c}")?,
                _ => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}
