//! JSON values to field values, exact or not at all.

use std::borrow::Cow;

use super::{
    json::{self, Text},
    notes::{MAX_NAME_BYTES, MAX_VALUE_BYTES, Notes},
};
use crate::alert::{FieldValue, RemarkKind};

/// Lists in lists, deeper than this, are kept as JSON text.
const MAX_NESTING: usize = 8;

/// Decimal digits that a double always holds.
const DOUBLE_DIGITS: usize = 17;

/// Reads a value as it was written.
pub(super) fn read(raw: &str, field: &str, notes: &mut Notes) -> FieldValue {
    read_nested(raw, field, 0, notes)
}

/// The text of an envelope's value, which should be a string; empty for null.
pub(super) fn read_text(raw: Option<&str>, field: &str, notes: &mut Notes) -> String {
    read_envelope_text(raw, field, MAX_VALUE_BYTES, notes)
}

/// Like [`read_text`], for names, which are short.
pub(super) fn read_name(raw: Option<&str>, field: &str, notes: &mut Notes) -> String {
    read_envelope_text(raw, field, MAX_NAME_BYTES, notes)
}

/// A number: an integer exactly, a decimal as a double unless it has more digits
/// or a larger exponent than a double can hold.
pub(super) fn number(text: &str) -> FieldValue {
    let whole = !text.contains(['.', 'e', 'E']);
    if whole {
        return text
            .parse()
            .map(FieldValue::Int)
            .or_else(|_| text.parse().map(FieldValue::Uint))
            .unwrap_or_else(|_| FieldValue::Number(text.to_owned()));
    }
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && significant_digits(text) <= DOUBLE_DIGITS)
        .map_or_else(|| FieldValue::Number(text.to_owned()), FieldValue::Double)
}

/// JSON that has no place among the typed values.
pub(super) fn json_text(raw: &str, field: &str, notes: &mut Notes) -> FieldValue {
    FieldValue::Json(notes.value(json::minify(raw).into(), field))
}

/// A string's text, with a remark where it had to be mended.
pub(super) fn string<'a>(literal: &'a str, field: &str, notes: &mut Notes) -> Cow<'a, str> {
    mended(json::unquote(literal), field, notes)
}

/// A key's text, with a remark where it had to be mended.
pub(super) fn key(key: Text<'_>, notes: &mut Notes) -> String {
    mended(key, "", notes).into_owned()
}

fn mended<'a>(text: Text<'a>, field: &str, notes: &mut Notes) -> Cow<'a, str> {
    if text.mended {
        notes.remark(
            RemarkKind::InvalidUnicode,
            field,
            "an escape that is half a character was replaced by U+FFFD",
        );
    }
    text.text
}

fn read_nested(raw: &str, field: &str, depth: usize, notes: &mut Notes) -> FieldValue {
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text = string(raw, field, notes);
            FieldValue::String(notes.value(text, field))
        }
        Some(b't') => FieldValue::Bool(true),
        Some(b'f') => FieldValue::Bool(false),
        Some(b'n') | None => FieldValue::Null,
        Some(b'[') => list(raw, field, depth, notes),
        Some(b'{') => json_text(raw, field, notes),
        Some(_) => match number(raw) {
            FieldValue::Number(text) => FieldValue::Number(notes.value(text.into(), field)),
            exact => exact,
        },
    }
}

fn list(raw: &str, field: &str, depth: usize, notes: &mut Notes) -> FieldValue {
    let elements = match json::elements(raw) {
        Ok(elements) if depth < MAX_NESTING => elements,
        Ok(_) | Err(_) => return json_text(raw, field, notes),
    };
    let mut values = Vec::new();
    for element in elements {
        if !notes.reserve(0) {
            notes.remark(RemarkKind::Truncated, field, "the list was cut");
            break;
        }
        values.push(read_nested(element, field, depth + 1, notes));
    }
    FieldValue::List(values)
}

fn read_envelope_text(raw: Option<&str>, field: &str, limit: usize, notes: &mut Notes) -> String {
    let Some(raw) = raw.filter(|raw| *raw != "null") else {
        return String::new();
    };
    let text = if raw.starts_with('"') {
        string(raw, field, notes)
    } else {
        notes.remark(RemarkKind::UnusualShape, field, "not a string");
        json::minify(raw).into()
    };
    notes.cut(text, limit, field)
}

/// How many digits of a JSON number count: none of the zeros that lead it, and
/// none of the exponent's.
fn significant_digits(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit);
    digits.skip_while(|digit| *digit == b'0').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(raw: &str) -> FieldValue {
        read(raw, "field", &mut Notes::default())
    }

    #[test]
    fn numbers_stay_exact() {
        use FieldValue::{Double, Int, Number, Uint};
        for (text, expected) in [
            ("0", Int(0)),
            ("-1", Int(-1)),
            ("4283228891363909261", Int(4_283_228_891_363_909_261)),
            ("9223372036854775807", Int(i64::MAX)),
            ("9223372036854775808", Uint(9_223_372_036_854_775_808)),
            ("18446744073709551615", Uint(u64::MAX)),
            (
                "18446744073709551616",
                Number("18446744073709551616".into()),
            ),
            (
                "-9223372036854775809",
                Number("-9223372036854775809".into()),
            ),
            ("0.0", Double(0.0)),
            ("5036.912479280542", Double(5_036.912_479_280_542)),
            (
                "0.00022121421381151578",
                Double(0.000_221_214_213_811_515_8),
            ),
            ("1.784730281e18", Double(1.784_730_281e18)),
            (
                "1.784730281123456789e18",
                Number("1.784730281123456789e18".into()),
            ),
            ("1e999", Number("1e999".into())),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn null_na_and_empty_are_told_apart() {
        assert_eq!(value("null"), FieldValue::Null);
        assert_eq!(value(r#""<NA>""#), FieldValue::from("<NA>"));
        assert_eq!(value(r#""""#), FieldValue::from(""));
    }

    #[test]
    fn lists_keep_types_and_very_deep_ones_become_text() {
        assert_eq!(
            value(r#"["a", 1, [null], {"b": 2}]"#),
            FieldValue::List(vec![
                "a".into(),
                1.into(),
                FieldValue::List(vec![FieldValue::Null]),
                FieldValue::Json(r#"{"b":2}"#.into()),
            ])
        );
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(format!("{:?}", value(&deep)).contains("Json"));
    }

    #[test]
    fn a_long_value_is_cut_and_so_is_what_exceeds_the_room() {
        let mut notes = Notes::default();
        let raw = format!("\"{}\"", "x".repeat(MAX_VALUE_BYTES + 1));
        let lengths: Vec<_> = ["a", "b", "c"]
            .map(|field| read(&raw, field, &mut notes).as_str().map_or(0, str::len))
            .into();
        assert_eq!(lengths, [MAX_VALUE_BYTES, MAX_VALUE_BYTES, 0]);
        assert_eq!(notes.into_remarks().len(), 3);
    }
}
