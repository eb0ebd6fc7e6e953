//! Shell patterns, as `fnmatch` knows them: `*` (which takes `/` too), `?`,
//! `[a-z]`, `[!a-z]`, `[[:digit:]]`, and a backslash before any of these.

use regex::Regex;

/// A pattern as a regular expression that matches the whole text.
pub(super) fn to_regex(pattern: &str) -> String {
    let mut regex = String::from("(?s)");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = after;
        match c {
            '*' => {
                if !regex.ends_with(".*") {
                    regex.push_str(".*");
                }
            }
            '?' => regex.push('.'),
            '\\' => {
                let literal = after.chars().next();
                push_literal(&mut regex, literal.unwrap_or('\\'));
                rest = after
                    .get(literal.map_or(0, char::len_utf8)..)
                    .unwrap_or_default();
            }
            '[' => match class(after) {
                Some((class, after)) => {
                    regex.push_str(&class);
                    rest = after;
                }
                // As in the shell, a bracket that nothing closes is itself.
                None => push_literal(&mut regex, '['),
            },
            _ => push_literal(&mut regex, c),
        }
    }
    regex
}

/// The class whose `[` is just before `text`, and what follows it.
fn class(text: &str) -> Option<(String, &str)> {
    let negated = text.starts_with(['!', '^']);
    let mut rest = text.strip_prefix(['!', '^']).unwrap_or(text);
    let mut items = Vec::new();
    while !rest.starts_with(']') || items.is_empty() {
        let (item, after) = class_item(rest)?;
        items.push(item);
        rest = after;
    }
    let after = rest.strip_prefix(']')?;
    // What cannot match leaves an empty class, which regex has no notation for.
    let items = items.concat();
    let class = match (items.is_empty(), negated) {
        (true, true) => ".".to_owned(),
        (true, false) => r"[^\s\S]".to_owned(),
        (false, true) => format!("[^{items}]"),
        (false, false) => format!("[{items}]"),
    };
    Some((class, after))
}

/// A named class, a range or a character.
fn class_item(text: &str) -> Option<(String, &str)> {
    if let Some((name, after)) = text
        .strip_prefix("[:")
        .and_then(|named| named.split_once(":]"))
        && POSIX_CLASSES.contains(&name)
    {
        return Some((format!("[:{name}:]"), after));
    }
    let (first, after) = class_character(text)?;
    let range = after
        .strip_prefix('-')
        .filter(|after| !after.starts_with(']'))
        .and_then(class_character);
    let mut item = String::new();
    match range {
        None => {
            push_literal(&mut item, first);
            Some((item, after))
        }
        // A range that runs backwards holds nothing.
        Some((last, after)) if last < first => Some((item, after)),
        Some((last, after)) => {
            push_literal(&mut item, first);
            item.push('-');
            push_literal(&mut item, last);
            Some((item, after))
        }
    }
}

fn class_character(text: &str) -> Option<(char, &str)> {
    let text = text.strip_prefix('\\').unwrap_or(text);
    let c = text.chars().next()?;
    Some((c, text.get(c.len_utf8()..)?))
}

fn push_literal(regex: &mut String, c: char) {
    // Every ASCII punctuation but these two may be escaped, which is then itself.
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        regex.push('\\');
    }
    regex.push(c);
}

/// The commonest patterns, which need no automaton.
#[derive(Debug, Clone)]
pub(super) enum Glob {
    Exactly(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Pattern(Regex),
}

impl Glob {
    /// None where an automaton is needed.
    pub(super) fn simple(pattern: &str) -> Option<Self> {
        let inner = pattern.trim_start_matches('*');
        let starts = inner.len() < pattern.len();
        let literal = inner.trim_end_matches('*');
        let ends = literal.len() < inner.len();
        if literal.contains(['*', '?', '[', '\\']) {
            return None;
        }
        let literal = literal.to_owned();
        Some(match (starts, ends) {
            (false, false) => Self::Exactly(literal),
            (false, true) => Self::StartsWith(literal),
            (true, false) => Self::EndsWith(literal),
            (true, true) => Self::Contains(literal),
        })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(literal) => text == literal,
            Self::StartsWith(literal) => text.starts_with(literal.as_str()),
            Self::EndsWith(literal) => text.ends_with(literal.as_str()),
            Self::Contains(literal) => text.contains(literal.as_str()),
            Self::Pattern(regex) => regex.is_match(text),
        }
    }
}

const POSIX_CLASSES: [&str; 12] = [
    "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "xdigit",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compiled(pattern: &str) -> Regex {
        Regex::new(&format!(r"\A(?:{})\z", to_regex(pattern))).unwrap()
    }

    #[test]
    fn patterns_match_as_in_the_shell() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("*", "/any/thing\n", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "aéc", true),
            ("/etc/*.conf", "/etc/a/b.conf", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[]a]", "]", true),
            ("[!]a]", "]", false),
            ("[a-]", "-", true),
            ("[c-a]", "b", false),
            ("[!c-a]", "b", true),
            ("[[:digit:]]", "7", true),
            ("[[:digit:]x]", "x", true),
            ("[abc", "[abc", true),
            ("[", "[", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"a\", r"a\", true),
            ("a.b", "axb", false),
            ("a+(b)|c^$", "a+(b)|c^$", true),
            ("[&&~~--]", "&", true),
            ("<>", "<>", true),
        ] {
            assert_eq!(
                compiled(pattern).is_match(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_pattern_compiles(pattern in r"([\[\]!^*?:\\a-c-]|alpha|\PC){0,30}", text: String) {
            compiled(&pattern).is_match(&text);
        }

        #[test]
        fn the_short_way_is_the_long_way(pattern in "[*]{0,2}[ab/]{0,3}[*]{0,2}", text in "[ab/]{0,6}") {
            let simple = Glob::simple(&pattern).expect("nothing but stars at the ends");
            prop_assert_eq!(simple.matches(&text), compiled(&pattern).is_match(&text));
        }
    }
}
