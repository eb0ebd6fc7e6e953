use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    alert::{Alert, Origin, Parts, Transport},
    format::{Format, rfc5424::Syslog},
    normalize::{self, MAX_DOCUMENTS, Reject},
    rpc::convert,
    source::{self, Payload, Raw},
};

/// A body of documents: what is read from it is read again from each alert's own
/// document, and comes out of the log as it went in.
pub fn normalize(input: &[u8]) {
    normalize::fuzzing::pieces(input);
    let read = documents(Payload::Body(Bytes::copy_from_slice(input)));
    assert!((1..=MAX_DOCUMENTS + 1).contains(&read.len()));
    for alert in read.into_iter().flatten() {
        survives_the_log(&alert);
        let again = documents(Payload::Document(alert.raw.clone()));
        assert_eq!(again, [Ok(alert)]);
    }
}

/// A message of Falco's gRPC service.
pub fn falco_grpc(input: &[u8]) {
    let Some(message) = source::falco_grpc::fuzzing::message(input) else {
        return;
    };
    let read = documents(Payload::Falco(message));
    let [result] = read.as_slice() else {
        panic!("one message became {} alerts", read.len());
    };
    match result {
        Ok(alert) => {
            assert_eq!(alert.raw, input);
            survives_the_log(alert);
        }
        Err(reject) => assert_eq!(reject.document, input),
    }
}

/// The values of an alert in what others are sent: no value ends its line or field.
pub fn formats(input: &[u8]) {
    let read = documents(Payload::Document(Bytes::copy_from_slice(input)));
    for alert in read.into_iter().flatten() {
        for format in Format::ALL {
            let line = format.line(&alert);
            let steers = line
                .chars()
                .find(|letter| letter.is_control() || "\u{2028}\u{2029}\u{202e}".contains(*letter));
            assert_eq!(steers, None, "{format}: {line:?}");
            match format {
                Format::Cef => cef_is_whole(&line),
                Format::Rfc5424 => {
                    syslog_is_whole(&line);
                }
                Format::CefSyslog => cef_is_whole(syslog_is_whole(&line)),
                _ => assert!(
                    serde_json::from_str::<serde_json::Value>(&line).is_ok(),
                    "{line}"
                ),
            }
        }
        keeps_to_limits(&alert);
    }
}

/// Bytes that the log gives back as an alert: it is written as it was read, and a filter says
/// the same of what it reads of it.
pub fn stored(input: &[u8]) {
    let encoded = Bytes::copy_from_slice(input);
    let _ = convert::decode_parts(&encoded, Some(&Parts::default()));
    let Ok(alert) = convert::decode(&encoded) else {
        return;
    };
    // Compared as bytes, since a number may be NaN.
    let encoded = convert::encode(&alert);
    let again = convert::decode(&encoded);
    assert_eq!(again.as_ref().map(convert::encode), Ok(encoded.clone()));
    super::filter::reads_parts(&encoded, &alert);
}

pub(super) fn documents(payload: Payload) -> Vec<Result<Alert, Reject>> {
    normalize::normalize(&Raw {
        payload,
        origin: Origin::new("fuzz", Transport::Http),
        received_at: Timestamp::UNIX_EPOCH,
        trace: None,
    })
}

fn survives_the_log(alert: &Alert) {
    let expected = Alert {
        raw: Bytes::new(),
        ..alert.clone()
    };
    assert_eq!(convert::decode(&convert::encode(alert)), Ok(expected));
}

/// Eight fields in the header, and nothing in the extension but pairs of known form.
fn cef_is_whole(line: &str) {
    let mut rest = line
        .strip_prefix("CEF:0|")
        .unwrap_or_else(|| panic!("{line}"));
    for _ in 0..6 {
        let end = unescaped(rest, '|').unwrap_or_else(|| panic!("no field ends: {line}"));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    while let Some(at) = unescaped(rest, '=') {
        let key = rest.get(..at).unwrap_or_default();
        let key = key.rsplit(' ').next().unwrap_or_default();
        assert!(
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{key:?} is a key: {line}"
        );
        rest = rest.get(at + 1..).unwrap_or_default();
    }
}

/// The header, two elements of data, and the text, which is returned.
fn syslog_is_whole(line: &str) -> &str {
    let mut parts = line.splitn(7, ' ');
    let header: Vec<_> = parts.by_ref().take(6).collect();
    let told = || panic!("{line:?} is no message of syslog");
    let data = parts.next().unwrap_or_else(told);
    assert!(
        header
            .iter()
            .all(|field| field.bytes().all(|byte| byte.is_ascii_graphic())),
        "{line:?}"
    );
    let mut rest = data;
    for id in ["[falco@32473 ", "[origin "] {
        assert!(rest.starts_with(id), "{line:?}");
        let end = unescaped(rest, ']').unwrap_or_else(|| panic!("{line:?}"));
        let element = rest.get(..end).unwrap_or_default();
        assert_eq!(quotes(element) % 2, 0, "{line:?}");
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    assert!(rest.is_empty() || rest.starts_with(' '), "{line:?}");
    rest.trim_start()
}

fn keeps_to_limits(alert: &Alert) {
    for limit in [1024, 2048] {
        let syslog = Syslog {
            limit,
            ..Syslog::default()
        };
        assert!(syslog.message(alert).len() <= limit);
    }
}

/// Where `wanted` first stands without a backslash before it.
fn unescaped(text: &str, wanted: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let found = letter == wanted && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        found.then_some(at)
    })
}

fn quotes(mut text: &str) -> usize {
    let mut count = 0;
    while let Some(at) = unescaped(text, '"') {
        count += 1;
        text = text.get(at + 1..).unwrap_or_default();
    }
    count
}
