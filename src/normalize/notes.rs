//! What is noted down while a document is read, and how much of it is kept.

use std::borrow::Cow;

use crate::alert::{Remark, RemarkKind};

/// The longest text that a field, `output` or `message` keeps; the alert's raw
/// document keeps the whole.
pub(super) const MAX_VALUE_BYTES: usize = 32 << 10;

/// What all tags, fields and extra keys of an alert may weigh together. With
/// `output`, `message` and the typed groups, which repeat fields, an alert stays
/// under 256 KiB, which every gRPC client takes.
pub(super) const MAX_FIELDS_BYTES: usize = 64 << 10;

/// The longest rule, source, hostname, tag or key.
pub(super) const MAX_NAME_BYTES: usize = 1 << 10;

/// More remarks than this help nobody.
const MAX_REMARKS: usize = 32;

/// What a value weighs besides its text.
const WEIGHT: usize = 8;

/// The remarks on one document, and the room that its fields have left.
#[derive(Debug)]
pub(super) struct Notes {
    remarks: Vec<Remark>,
    room: usize,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            remarks: Vec::new(),
            room: MAX_FIELDS_BYTES,
        }
    }
}

impl Notes {
    /// Adds a remark, once for each kind and field.
    pub(super) fn remark(&mut self, kind: RemarkKind, field: &str, detail: impl Into<String>) {
        let known = self
            .remarks
            .iter()
            .any(|remark| remark.kind == kind && remark.field == field);
        if known || self.remarks.len() >= MAX_REMARKS {
            return;
        }
        self.remarks.push(Remark {
            kind,
            field: field.to_owned(),
            detail: detail.into(),
        });
    }

    pub(super) fn into_remarks(self) -> Vec<Remark> {
        self.remarks
    }

    /// Whether a field of that length still fits, and if so takes the room.
    pub(super) fn reserve(&mut self, bytes: usize) -> bool {
        let weight = bytes.saturating_add(WEIGHT);
        let fits = weight <= self.room;
        if fits {
            self.room -= weight;
        }
        fits
    }

    /// A field's text, cut to what a value may be and to the room there is.
    pub(super) fn value(&mut self, text: Cow<'_, str>, field: &str) -> String {
        let kept = self.cut(text, MAX_VALUE_BYTES.min(self.room), field);
        self.room = self.room.saturating_sub(kept.len());
        kept
    }

    /// The text, cut to `limit` bytes; marks of an earlier cut are remarked on.
    pub(super) fn cut(&mut self, text: Cow<'_, str>, limit: usize, field: &str) -> String {
        // A cut inside a quotation leaves the quotation mark behind it.
        if text.trim_end_matches('"').ends_with(SENDERS_CUT) {
            self.remark(RemarkKind::Truncated, field, "the sender cut it");
        }
        if text.len() <= limit {
            return text.into_owned();
        }
        self.remark(
            RemarkKind::Truncated,
            field,
            format!("cut from {} bytes; the raw document has all", text.len()),
        );
        head(&text, limit).to_owned()
    }

    /// The text of bytes that may not be valid UTF-8.
    pub(super) fn decode<'a>(&mut self, bytes: &'a [u8], field: &str) -> Cow<'a, str> {
        if let Ok(text) = str::from_utf8(bytes) {
            return Cow::Borrowed(text);
        }
        self.remark(
            RemarkKind::InvalidUnicode,
            field,
            "bytes that are not UTF-8 were replaced by U+FFFD",
        );
        String::from_utf8_lossy(bytes)
    }
}

/// How falcosidekick ends a value that it cut.
const SENDERS_CUT: &str = "[...]";

/// The longest beginning of `text` that has at most `limit` bytes.
pub(super) fn head(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_whole_characters_and_says_so() {
        let mut notes = Notes::default();
        assert_eq!(notes.cut("añb".into(), 2, "f"), "a");
        assert_eq!(notes.cut("añb".into(), 4, "g"), "añb");
        let remarks = notes.into_remarks();
        assert_eq!(remarks.len(), 1);
        assert_eq!(
            (remarks[0].kind, remarks[0].field.as_str()),
            (RemarkKind::Truncated, "f")
        );
    }

    #[test]
    fn remarks_are_bounded_and_none_is_said_twice() {
        let mut notes = Notes::default();
        for field in 0..1000 {
            notes.remark(RemarkKind::DuplicateKey, &field.to_string(), "");
            notes.remark(RemarkKind::DuplicateKey, "0", "");
        }
        assert_eq!(notes.into_remarks().len(), MAX_REMARKS);
    }
}
