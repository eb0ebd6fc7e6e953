//! An object of fields to [`Fields`]: flat keys, typed values.

use super::{
    json::{self, Member},
    notes::{MAX_NAME_BYTES, Notes},
    value,
};
use crate::alert::{Fields, RemarkKind};

/// Objects in objects are flattened this deep; what is deeper is kept as JSON
/// text under the key that it was reached by.
const MAX_NESTING: usize = 8;

/// The fields of `output_fields`, which should be an object.
pub(super) fn read(raw: Option<&str>, notes: &mut Notes) -> Fields {
    let mut reader = Reader::new(notes);
    match raw {
        None | Some("null") => {}
        Some(raw) if raw.starts_with('{') => reader.object("", raw, 0),
        Some(_) => reader.notes.remark(
            RemarkKind::UnusualShape,
            "output_fields",
            "not an object: read as empty",
        ),
    }
    reader.finish()
}

/// Members of the envelope that are not Falco's, in the same form.
pub(super) fn read_extra<'a>(
    members: impl IntoIterator<Item = Member<'a>>,
    notes: &mut Notes,
) -> Fields {
    let mut reader = Reader::new(notes);
    for member in members {
        let key = value::key(member.key, reader.notes);
        reader.member(key, member.value, 0);
    }
    reader.finish()
}

/// Collects members flat, then reads their values in the order of their keys, so
/// that what is cut for want of room does not depend on the sender's order.
struct Reader<'a, 'n> {
    members: Vec<(String, &'a str)>,
    notes: &'n mut Notes,
}

impl<'a, 'n> Reader<'a, 'n> {
    fn new(notes: &'n mut Notes) -> Self {
        Self {
            members: Vec::with_capacity(24),
            notes,
        }
    }

    fn object(&mut self, prefix: &str, raw: &'a str, depth: usize) {
        // The grammar was checked before; an error here cannot be.
        for member in json::members(raw).into_iter().flatten() {
            let key = value::key(member.key, self.notes);
            let key = if prefix.is_empty() {
                key
            } else {
                format!("{prefix}.{key}")
            };
            self.member(key, member.value, depth);
        }
    }

    fn member(&mut self, key: String, raw: &'a str, depth: usize) {
        let nested = raw.starts_with('{');
        if nested && depth == 0 {
            self.notes.remark(
                RemarkKind::UnusualShape,
                &key,
                "a nested object: read as dotted keys",
            );
        }
        if nested && depth < MAX_NESTING && !is_empty_object(raw) {
            self.object(&key, raw, depth + 1);
        } else {
            self.members.push((key, raw));
        }
    }

    fn finish(mut self) -> Fields {
        // Falco writes its keys in order, so there is nearly always nothing to do.
        if !self.members.is_sorted_by(|(a, _), (b, _)| a < b) {
            self.sort();
        }
        let notes = self.notes;
        let mut pairs = Vec::with_capacity(self.members.len());
        let mut left_out = 0;
        for (key, raw) in self.members {
            if notes.reserve(key.len()) {
                let key = notes.cut(key.into(), MAX_NAME_BYTES, "");
                let value = value::read(raw, &key, notes);
                pairs.push((key, value));
            } else {
                left_out += 1;
            }
        }
        if left_out > 0 {
            let detail = format!("left out {left_out} fields; the raw document has all");
            notes.remark(RemarkKind::Truncated, "", detail);
        }
        pairs.into_iter().collect()
    }

    /// By key; of equal ones the last is kept.
    fn sort(&mut self) {
        self.members.reverse();
        self.members.sort_by(|(a, _), (b, _)| a.cmp(b));
        let notes = &mut *self.notes;
        self.members.dedup_by(|(key, _), (last, _)| {
            let again = key == last;
            if again {
                notes.remark(RemarkKind::DuplicateKey, last, "the last one was taken");
            }
            again
        });
    }
}

fn is_empty_object(raw: &str) -> bool {
    raw.trim_start_matches('{').trim_start().starts_with('}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{FieldValue, Remark};

    fn fields(raw: &str) -> (Fields, Vec<Remark>) {
        let mut notes = Notes::default();
        let fields = read(Some(raw), &mut notes);
        (fields, notes.into_remarks())
    }

    #[test]
    fn nested_objects_become_dotted_keys() {
        let (fields, remarks) =
            fields(r#"{"proc": {"name": "cat", "aname[2]": null}, "e": {}, "fd.name": "x"}"#);
        let found: Vec<_> = fields.iter().collect();
        assert_eq!(
            found,
            [
                ("e", &FieldValue::Json("{}".into())),
                ("fd.name", &"x".into()),
                ("proc.aname[2]", &FieldValue::Null),
                ("proc.name", &"cat".into()),
            ]
        );
        let kinds: Vec<_> = remarks.iter().map(|r| (r.kind, r.field.as_str())).collect();
        assert_eq!(
            kinds,
            [
                (RemarkKind::UnusualShape, "proc"),
                (RemarkKind::UnusualShape, "e")
            ]
        );
    }

    #[test]
    fn a_scalar_and_its_dotted_children_live_side_by_side() {
        let (fields, remarks) = fields(r#"{"proc.exe_ino": 1, "proc.exe_ino.ctime": 2}"#);
        assert_eq!(fields.len(), 2);
        assert_eq!(remarks, []);
    }

    #[test]
    fn the_last_of_equal_keys_wins_and_is_remarked_on() {
        let (fields, remarks) = fields(r#"{"a": 1, "b": 2, "a": 3}"#);
        assert_eq!(fields.get("a"), Some(&FieldValue::Int(3)));
        assert_eq!(remarks.len(), 1);
        assert_eq!(remarks[0].kind, RemarkKind::DuplicateKey);
        assert_eq!(remarks[0].field, "a");
    }

    #[test]
    fn very_deep_objects_are_kept_as_text() {
        let deep = format!("{{\"d\":{}1{}}}", "{\"a\": ".repeat(200), "}".repeat(200));
        let (fields, _) = fields(&deep);
        let (key, value) = fields.iter().next().unwrap();
        assert_eq!(key, "d.a.a.a.a.a.a.a.a");
        assert!(matches!(value, FieldValue::Json(text) if text.starts_with("{\"a\":{")));
    }

    #[test]
    fn more_fields_than_there_is_room_for_are_left_out() {
        let many: Vec<_> = (0..20_000).map(|n| format!("\"{n:05}\":{n}")).collect();
        let (fields, remarks) = fields(&format!("{{{}}}", many.join(",")));
        assert!(fields.len() > 1000 && fields.len() < 10_000);
        assert_eq!(remarks[0].kind, RemarkKind::Truncated);
    }
}
