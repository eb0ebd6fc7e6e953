//! The identity of an alert: what makes two documents the same one.
//!
//! The event's time, hostname, source, rule and fields, as the document has
//! them. Not priority, tags, `output` and `message`, which settings and
//! intermediaries change, and not the clock fields, which say the time again,
//! under a name that a setting chooses and often rounded on the way.
//!
//! Where a document has no time there are no better clocks than those, so they
//! count; the receive time never does, since a document sent twice is one alert.

use crate::alert::{AlertId, FieldValue, Fields};

use super::draft::Draft;

/// Names the encoding, so that another one cannot give equal bytes.
const DOMAIN: &[u8] = b"falco-gateway alert 1";

/// The clock fields: each of these, and what follows behind a dot.
const CLOCKS: [&str; 7] = [
    "evt.time",
    "evt.datetime",
    "evt.rawtime",
    "evt.outputtime",
    "jevt.time",
    "jevt.rawtime",
    "json.rawtime",
];

/// The identity of what was read.
pub(super) fn of(draft: &Draft) -> AlertId {
    let mut encoding = Encoding::new();
    let time = draft.time.as_ref().ok();
    match time {
        Some(time) => encoding.tagged(b'T', &time.as_nanosecond().to_le_bytes()),
        None => encoding.tag(b'?'),
    }
    encoding.text(&draft.hostname);
    encoding.text(&draft.source);
    encoding.text(&draft.rule);
    encoding.fields(&draft.fields, time.is_some());
    if draft.text_only {
        encoding.text(&draft.output);
    }
    encoding.hash()
}

fn is_clock(key: &str) -> bool {
    CLOCKS.iter().any(|clock| {
        key.strip_prefix(clock)
            .is_some_and(|behind| behind.is_empty() || behind.starts_with('.'))
    })
}

/// Bytes that only one value has: every part is tagged with its type, and led by
/// its length where that is not fixed.
struct Encoding {
    bytes: Vec<u8>,
}

impl Encoding {
    fn new() -> Self {
        let mut bytes = Vec::with_capacity(2048);
        bytes.extend_from_slice(DOMAIN);
        Self { bytes }
    }

    fn hash(&self) -> AlertId {
        let hash = blake3::hash(&self.bytes);
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        AlertId::from_bytes(id)
    }

    fn fields(&mut self, fields: &Fields, without_clocks: bool) {
        for (key, value) in fields.iter() {
            if without_clocks && is_clock(key) {
                continue;
            }
            self.text(key);
            self.value(value);
        }
        self.tag(b'.');
    }

    fn value(&mut self, value: &FieldValue) {
        match value {
            FieldValue::Null => self.tag(b'0'),
            FieldValue::String(text) => self.text(text),
            FieldValue::Int(number) => self.tagged(b'i', &number.to_le_bytes()),
            FieldValue::Uint(number) => self.tagged(b'u', &number.to_le_bytes()),
            FieldValue::Double(number) => self.tagged(b'd', &number.to_bits().to_le_bytes()),
            FieldValue::Bool(truth) => self.tagged(b'b', &[u8::from(*truth)]),
            FieldValue::Number(text) => self.sized(b'n', text),
            FieldValue::Json(text) => self.sized(b'j', text),
            FieldValue::List(values) => {
                self.tag(b'l');
                self.length(values.len());
                for value in values {
                    self.value(value);
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.sized(b's', text);
    }

    fn sized(&mut self, tag: u8, text: &str) {
        self.tag(tag);
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn tagged(&mut self, tag: u8, fixed: &[u8]) {
        self.tag(tag);
        self.bytes.extend_from_slice(fixed);
    }

    fn tag(&mut self, tag: u8) {
        self.bytes.push(tag);
    }

    fn length(&mut self, length: usize) {
        self.bytes.extend_from_slice(&(length as u64).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::document;

    fn id(json: &str) -> AlertId {
        of(&document::read(json.as_bytes()).unwrap())
    }

    const ALERT: &str = r#"{"rule":"r","priority":"Notice","time":"2026-07-22T14:24:41Z",
        "hostname":"h","source":"s","output_fields":{"a":"1","evt.time":1}}"#;

    #[test]
    fn what_counts_changes_the_id() {
        for (from, to) in [
            (r#""r""#, r#""q""#),
            (r#""h""#, r#""i""#),
            (r#""s""#, r#""t""#),
            ("41Z", "41.000000001Z"),
            (r#""1""#, "1"),
            (r#""1""#, "null"),
            (r#""1""#, r#"["1"]"#),
            (r#""a""#, r#""b""#),
        ] {
            assert_ne!(id(ALERT), id(&ALERT.replace(from, to)), "{from} {to}");
        }
    }

    #[test]
    fn what_does_not_count_changes_nothing() {
        for (from, to) in [
            ("Notice", "notice"),
            (r#""evt.time":1"#, r#""evt.time.iso8601":2"#),
            ("41Z", "41.000Z"),
            (
                r#"{"rule""#,
                r#"{"uuid":"x","output":"y","tags":["z"],"rule""#,
            ),
        ] {
            assert_eq!(id(ALERT), id(&ALERT.replace(from, to)), "{from} {to}");
        }
    }

    #[test]
    fn without_a_time_the_clock_fields_count() {
        let timeless = ALERT.replace("2026-07-22T14:24:41Z", "?");
        let later = timeless.replace("evt.time\":1", "evt.time\":2");
        assert_ne!(id(&timeless), id(&later));
        assert_eq!(id(&timeless), id(&timeless));
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        let moved = ALERT
            .replace(r#""h""#, r#""hs""#)
            .replace(r#""s","output"#, r#""","output"#);
        assert_ne!(id(ALERT), id(&moved));
    }
}
