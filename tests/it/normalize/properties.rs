//! What holds for all input.

use bytes::Bytes;
use falco_gateway::{
    alert::{Alert, FieldValue},
    normalize::{Reject, normalize},
    source::{FalcoResponse, Payload},
};
use proptest::prelude::*;
use serde_json::Value;

use super::fixtures::{alert, bodies, json_lines, raw, read_body, read_document};

/// Bodies to start from: real ones, and odd ones.
fn seeds() -> Vec<Vec<u8>> {
    let samples = json_lines("samples/dev.jsonl");
    let samples = samples
        .iter()
        .filter_map(|sample| sample["payload"].as_str())
        .map(str::to_owned);
    let text = bodies("http_text").into_iter().take(20);
    let json = bodies("http").into_iter().take(40);
    samples
        .chain(text)
        .chain(json)
        .map(String::into_bytes)
        .collect()
}

/// What every reading promises, whatever was read.
fn check(bytes: &[u8], read: &[Result<Alert, Reject>]) {
    assert!(!read.is_empty());
    for read in read {
        match read {
            Ok(alert) => check_alert(alert),
            Err(reject) => {
                assert!(!reject.message.is_empty());
                assert!(reject.document.len() <= bytes.len());
            }
        }
    }
}

fn check_alert(alert: &Alert) {
    assert!(alert.tags.is_sorted_by(|a, b| a < b));
    assert!(alert.tags.iter().all(|tag| !tag.is_empty()));
    let fields = alert.output_fields.iter().chain(alert.extra.iter());
    let size: usize = fields.map(|(key, value)| key.len() + size(value)).sum();
    assert!(size + alert.output.len() + alert.message.len() < 160 << 10);
}

fn size(value: &FieldValue) -> usize {
    match value {
        FieldValue::String(text) | FieldValue::Number(text) | FieldValue::Json(text) => text.len(),
        FieldValue::List(values) => values.iter().map(size).sum(),
        _ => 8,
    }
}

fn check_all(bytes: &[u8]) {
    let whole = Bytes::copy_from_slice(bytes);
    check(bytes, &read_body(whole.clone()));
    check(bytes, &read_document(whole.clone()));
    let message = FalcoResponse {
        output: whole.clone(),
        rule: whole.clone(),
        output_fields: vec![(whole.clone(), whole.clone())],
        wire: whole,
        ..FalcoResponse::default()
    };
    check(bytes, &normalize(&raw(Payload::Falco(Box::new(message)))));
}

#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Cut(prop::sample::Index),
}

impl Mutation {
    fn apply(self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Set(at, byte) => *at.get_mut(bytes) = byte,
            Self::Remove(at, length) => {
                let start = at.index(bytes.len());
                let end = (start + length).min(bytes.len());
                bytes.drain(start..end);
            }
            Self::Insert(at, new) => {
                let start = at.index(bytes.len());
                bytes.splice(start..start, new);
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        "\\ud83d",
        ",",
        ":",
        "\n",
        "\r\n",
        "{\"",
        "\0",
        "\u{feff}",
        "1e999",
        "-",
        "99999999999999999999",
        "null",
        "<NA>",
        "[...]",
        "10:16:22.924296762: Notice ",
        "{\"rule\":\"x\",\"priority\":\"Error\"}",
    ]);
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (at(), 1..40_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (at(), piece).prop_map(|(at, new)| Mutation::Insert(at, new.into())),
        at().prop_map(Mutation::Cut),
    ]
}

/// The same JSON with its members in another order and other white space.
fn rewritten(value: &Value, reverse: bool, space: &str) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(key, value)| {
                    let key = Value::from(key.as_str());
                    format!(
                        "{space}{key}{space}:{space}{}",
                        rewritten(value, reverse, space)
                    )
                })
                .collect();
            if reverse {
                members.reverse();
            }
            format!("{{{}{space}}}", members.join(","))
        }
        Value::Array(values) => {
            let values: Vec<_> = values
                .iter()
                .map(|value| rewritten(value, reverse, space))
                .collect();
            format!("[{space}{}]", values.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check_all(&bytes);
    }

    #[test]
    fn arbitrary_text_is_read_or_refused(text in "[{}\\[\\]\",:\\\\ \n0-9a-zA-Z.é-]{0,200}") {
        check_all(text.as_bytes());
    }

    #[test]
    fn mutated_alerts_are_read_or_refused(
        seed in prop::sample::select(seeds()),
        mutations in prop::collection::vec(mutation(), 1..8),
    ) {
        let mut bytes = seed;
        for mutation in mutations {
            mutation.apply(&mut bytes);
        }
        check_all(&bytes);
    }

    #[test]
    fn a_bad_line_takes_no_good_one_with_it(
        bad in prop::sample::select(seeds()),
        mutations in prop::collection::vec(mutation(), 1..4),
        good in prop::sample::select(bodies("http")),
    ) {
        let mut bytes = bad;
        for mutation in mutations {
            mutation.apply(&mut bytes);
        }
        // A line: what a value spread over lines means is another matter.
        bytes.retain(|byte| *byte != b'\n');
        let lines = [good.as_bytes(), &bytes, good.as_bytes()].join(&b'\n');
        let expected = alert(good).id;
        let read = read_body(lines);
        let found = read.iter().flatten().filter(|alert| alert.id == expected).count();
        prop_assert!(found >= 2, "{read:?}");
    }

    #[test]
    fn the_id_depends_on_neither_order_nor_white_space(
        body in prop::sample::select(bodies("http")),
        reverse: bool,
        space in "[ \t\r\n]{0,2}",
    ) {
        let value: Value = serde_json::from_str(&body).unwrap();
        let other = rewritten(&value, reverse, &space);
        prop_assert_eq!(alert(body).id, alert(other).id);
    }
}
