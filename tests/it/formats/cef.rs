//! CEF, as its specification says that it is read.

use std::collections::BTreeMap;

use falco_gateway::{alert::Alert, format::cef};
use proptest::prelude::*;

use super::{
    alerts,
    hostile::{self, assert_one_line},
};

/// The keys that are written, all of the dictionary's but the custom ones' labels.
const KEYS: [&str; 38] = [
    "rt",
    "externalId",
    "cat",
    "dvchost",
    "msg",
    "deviceCustomDate1",
    "suser",
    "suid",
    "sproc",
    "spid",
    "cn1",
    "filePath",
    "fname",
    "fileId",
    "src",
    "spt",
    "shost",
    "dst",
    "dpt",
    "dhost",
    "proto",
    "c6a2",
    "c6a3",
    "act",
    "outcome",
    "reason",
    "request",
    "requestClientApplication",
    "cs1",
    "cs2",
    "cs3",
    "cs4",
    "cs5",
    "cs6",
    "flexString1",
    "deviceCustomDate1Label",
    "cn1Label",
    "flexString1Label",
];

/// The header's seven fields and the extension.
pub(super) fn read(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let mut header = Vec::new();
    let mut field = String::new();
    let mut letters = line.chars();
    while header.len() < 7 {
        match letters.next().unwrap() {
            '|' => header.push(std::mem::take(&mut field)),
            '\\' => field.push(letters.next().unwrap()),
            letter => field.push(letter),
        }
    }
    (header, extension(letters.as_str()))
}

/// A key is what stands between a blank and a `=` that is not escaped.
fn extension(text: &str) -> BTreeMap<String, String> {
    let mut escaped = false;
    let mut starts = Vec::new();
    for (at, letter) in text.char_indices() {
        if letter == '=' && !escaped {
            let key = text[..at].rfind(' ').map_or(0, |blank| blank + 1);
            starts.push((key, at));
        }
        escaped = letter == '\\' && !escaped;
    }
    let ends = starts.iter().skip(1).map(|(key, _)| key - 1);
    let ends = ends.chain([text.len()]);
    let pairs = starts.iter().zip(ends);
    let mut read = BTreeMap::new();
    for ((key, equals), end) in pairs {
        let value = unescaped(&text[equals + 1..end]);
        let old = read.insert(text[*key..*equals].to_owned(), value);
        assert_eq!(old, None, "a key twice");
    }
    read
}

fn unescaped(text: &str) -> String {
    let mut value = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        value.push(match letter {
            '\\' => match letters.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                it @ ('\\' | '=') => it,
                other => panic!("no escape of CEF: {other:?}"),
            },
            it => it,
        });
    }
    value
}

fn check(alert: &Alert) {
    let line = cef::line(alert);
    assert_one_line(&line);
    let (header, extension) = read(&line);
    assert_eq!(header[..3], ["CEF:0", "Falco", "falco-gateway"]);
    assert!(header.iter().all(|field| !field.is_empty()), "{header:?}");
    assert!(header[6].parse::<u8>().unwrap() <= 10);
    for key in extension.keys() {
        let custom = key.strip_suffix("Label").unwrap_or(key);
        assert!(KEYS.contains(&custom), "{key}: {line}");
        assert!(
            !key.ends_with("Label") || extension.contains_key(custom),
            "{key}"
        );
    }
    assert_eq!(extension["externalId"], alert.id.to_string());
    assert_eq!(
        extension["rt"],
        alert.event_time.as_millisecond().to_string()
    );
    let limits = [("msg", 1023), ("act", 63), ("dvchost", 100), ("cs3", 4000)];
    for (key, limit) in limits {
        let length = extension.get(key).map_or(0, |value| shown_length(value));
        assert!(length <= limit, "{key} has {length}");
    }
    if let Some(user) = alert.user.as_ref().filter(|it| is_plain(&it.name)) {
        assert_eq!(extension.get("suser"), Some(&user.name));
    }
}

/// As long as it was before what steers was written out.
fn shown_length(value: &str) -> usize {
    let written_out = value.matches("\\u").count() * 5 + value.matches("\\t").count();
    value.chars().count().saturating_sub(written_out)
}

/// Neither cut nor written out.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 1000
        && text
            .chars()
            .all(|it| it.is_alphanumeric() || " =|\\\n\r".contains(it))
}

#[test]
fn every_alert_is_read_back() {
    alerts::all().iter().for_each(check);
}

proptest! {
    #[test]
    fn a_hostile_one_too(alert in hostile::alert()) {
        check(&alert);
    }
}
