//! JSON taken apart one level at a time.
//!
//! Values stay text until they are wanted, so that integers stay exact, nesting
//! has no limit, and a key that stands twice is seen to stand twice.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A member of an object: its key, and its value as it was written.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) key: Text<'a>,
    pub(super) value: &'a str,
}

/// The text of a string literal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub(super) text: Cow<'a, str>,
    /// A lone half of a surrogate pair was replaced by U+FFFD.
    pub(super) mended: bool,
}

/// The members of the object that `text` is, in order.
pub(super) fn members(text: &str) -> serde_json::Result<impl Iterator<Item = Member<'_>>> {
    let Members(members) = serde_json::from_str(text)?;
    Ok(members.into_iter().map(|(key, value)| Member {
        key: unquote(key.get()),
        value: value.get(),
    }))
}

/// The elements of the array that `text` is, as they were written.
pub(super) fn elements(text: &str) -> serde_json::Result<impl Iterator<Item = &str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text)?;
    Ok(elements.into_iter().map(RawValue::get))
}

/// What a string literal, quotes and all, stands for. The literal is valid JSON
/// but may hold escapes that are not valid Unicode.
pub(super) fn unquote(literal: &str) -> Text<'_> {
    let inner = literal.trim_matches(|character: char| character.is_ascii_whitespace());
    let inner = inner.strip_prefix('"').unwrap_or(inner);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if inner.contains('\\') {
        unescape(inner)
    } else {
        Text {
            text: Cow::Borrowed(inner),
            mended: false,
        }
    }
}

/// JSON without the white space between its parts.
pub(super) fn minify(text: &str) -> String {
    let mut minified = String::with_capacity(text.len());
    let mut in_string = false;
    let mut escaped = false;
    for character in text.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character.is_ascii_whitespace() {
            continue;
        } else {
            in_string = character == '"';
        }
        minified.push(character);
    }
    minified
}

fn unescape(inner: &str) -> Text<'_> {
    let mut text = String::with_capacity(inner.len());
    let mut mended = false;
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (character, behind) = unescape_one(escape);
        mended |= character.is_none();
        text.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = behind;
    }
    text.push_str(rest);
    Text {
        text: Cow::Owned(text),
        mended,
    }
}

/// The character that an escape stands for, none if it is not Unicode, and what
/// follows. `escape` is what stands behind the backslash.
fn unescape_one(escape: &str) -> (Option<char>, &str) {
    let mut characters = escape.chars();
    let character = match characters.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return unescape_unicode(characters.as_str()),
        Some(itself) => itself,
        None => return (None, ""),
    };
    (Some(character), characters.as_str())
}

fn unescape_unicode(digits: &str) -> (Option<char>, &str) {
    let Some((unit, behind)) = code_unit(digits) else {
        return (None, digits);
    };
    let low = behind.strip_prefix("\\u").and_then(code_unit);
    match (unit, low) {
        (0xD800..=0xDBFF, Some((low @ 0xDC00..=0xDFFF, behind))) => {
            let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(code), behind)
        }
        _ => (char::from_u32(unit), behind),
    }
}

/// Four hexadecimal digits, and what follows.
fn code_unit(text: &str) -> Option<(u32, &str)> {
    let (digits, behind) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, behind))
}

/// An object's members as they were written: what a map type would not keep.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // Falco's alerts have nine keys in the envelope and some twenty fields.
        let mut members = Vec::with_capacity(24);
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_order_repetitions_and_exact_text() {
        let text = r#" {"b": 18446744073709551616, "a\u0062": [1, 2] , "b": "x"} "#;
        let members: Vec<_> = members(text)
            .unwrap()
            .map(|member| (member.key.text.into_owned(), member.value))
            .collect();
        assert_eq!(
            members,
            [
                ("b".to_owned(), "18446744073709551616"),
                ("ab".to_owned(), "[1, 2]"),
                ("b".to_owned(), "\"x\""),
            ]
        );
    }

    #[test]
    fn escapes_are_read_and_lone_surrogates_mended() {
        for (literal, text, mended) in [
            (r#""plain""#, "plain", false),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t", false),
            (r#""\u00e9\ud83e\udd80!""#, "é🦀!", false),
            (r#""a\ud83db""#, "a\u{fffd}b", true),
            (r#""a\ud83d\u0062""#, "a\u{fffd}b", true),
            (r#""\udd80\ud83e""#, "\u{fffd}\u{fffd}", true),
            (r#""\ud83d\ud83e\udd80""#, "\u{fffd}🦀", true),
        ] {
            let read = unquote(literal);
            assert_eq!(
                (read.text.as_ref(), read.mended),
                (text, mended),
                "{literal}"
            );
        }
    }

    #[test]
    fn nesting_has_no_limit() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(members(&deep).unwrap().count(), 1);
    }

    #[test]
    fn minifying_leaves_strings_alone() {
        assert_eq!(
            minify("{ \"a b\" : [ 1 ,\n\"c \\\" d\" ] }"),
            r#"{"a b":[1,"c \" d"]}"#
        );
    }
}
