//! Messages of a real Falco 0.43.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

/// The messages of a file in `tests/fixtures/captures`, as they were on the wire.
pub(crate) fn messages(file: &str) -> Vec<Bytes> {
    let path = format!(
        "{}/tests/fixtures/captures/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            STANDARD
                .decode(line["raw_b64"].as_str().unwrap())
                .unwrap()
                .into()
        })
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
