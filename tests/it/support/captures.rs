//! Messages of a real Falco 0.43.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

/// The messages of a file in `tests/fixtures/captures`, as they were on the wire.
pub(crate) fn messages(file: &str) -> Vec<Bytes> {
    lines(file)
        .iter()
        .map(|line| {
            STANDARD
                .decode(line["raw_b64"].as_str().unwrap())
                .unwrap()
                .into()
        })
        .collect()
}

/// The bodies of a file in `tests/fixtures/captures`, as they were posted.
pub(crate) fn bodies(file: &str) -> Vec<String> {
    lines(file)
        .iter()
        .map(|line| line["body"].as_str().unwrap().to_owned())
        .collect()
}

fn lines(file: &str) -> Vec<serde_json::Value> {
    let path = format!(
        "{}/tests/fixtures/captures/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Any number of messages that can be told apart, each of about two kilobytes as
/// Falco's usual ones are.
pub(crate) fn numbered(count: u32) -> Vec<Bytes> {
    (0..count).map(|number| sized(number, 2000)).collect()
}

/// A numbered message of about this size.
pub(crate) fn sized(number: u32, bytes: usize) -> Bytes {
    let output = format!("{number:08} {}", "x".repeat(bytes));
    let mut message = Vec::new();
    // Field 5, `output`, is length-delimited.
    prost::encoding::string::encode(5, &output, &mut message);
    message.into()
}

/// A body that can be told from all others by its rule, padded to this size.
pub(crate) fn numbered_body(number: usize, bytes: usize) -> String {
    let priority = if number.is_multiple_of(2) {
        "Notice"
    } else {
        "Critical"
    };
    let padding = "x".repeat(bytes);
    format!(
        "{{\"rule\":\"r{number}\",\"priority\":\"{priority}\",\"time\":\"2026-11-25T03:48:04.{number:09}Z\",\
         \"output\":\"{padding}\",\"output_fields\":{{\"proc.pid\":{number}}}}}"
    )
}
