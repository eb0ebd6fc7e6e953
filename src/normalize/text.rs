//! Falco's text lines: `HH:MM:SS.nnnnnnnnn: Priority message`.
//!
//! A line carries no rule and no fields, and its clock is the host's local one
//! without a date, unless Falco was told to write ISO 8601. What is in the
//! message is not taken apart: values hold blanks and `=` as they please.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{
    draft::Draft,
    kind,
    notes::{MAX_VALUE_BYTES, Notes},
    reject::{Fault, Reason},
    time::{EventTime, Scan},
};
use crate::alert::{Fields, Priority, RemarkKind};

/// How a text line of Falco's begins: a clock, a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    priority: Priority,
    /// By an ISO 8601 clock; the local one tells no point in time.
    time: Option<Timestamp>,
    /// Where the message begins.
    message_at: usize,
}

impl Head {
    /// The head that `bytes` begins with.
    pub(super) fn at_start(bytes: &[u8]) -> Option<Self> {
        let (time, mut scan) = clock(bytes)?;
        scan.one_of(b":")?;
        scan.one_of(b" ")?;
        let word = scan.rest();
        let priority = Priority::ALL
            .into_iter()
            .find(|priority| is_word(word, priority.as_str()))?;
        let word_at = bytes.len() - word.len();
        Some(Self {
            priority,
            time,
            message_at: word_at + priority.as_str().len(),
        })
    }

    /// Where in `line` a head stands: behind a prefix of syslog's or journald's,
    /// or behind a line of log that was not ended.
    pub(super) fn find(line: &[u8]) -> Option<usize> {
        let mut previous = b' ';
        for (at, byte) in line.iter().enumerate() {
            let begins = byte.is_ascii_digit() && !previous.is_ascii_digit();
            if begins && line.get(at..).and_then(Self::at_start).is_some() {
                return Some(at);
            }
            previous = *byte;
        }
        None
    }
}

/// Reads a text alert, which begins with its head and may hold line ends.
pub(super) fn read(bytes: &[u8]) -> Result<Draft, Fault> {
    let head = Head::at_start(bytes).ok_or_else(|| {
        Fault::new(
            Reason::UnknownText,
            "no line that begins with a clock and a priority",
        )
    })?;
    let mut notes = Notes::default();
    notes.remark(
        RemarkKind::TextOnly,
        "",
        "read from a text line: no rule, no fields",
    );
    let text = notes.decode(bytes, "output");
    let message = message(&text, head);
    let rule = kind::rule_in_text(message).unwrap_or_default();
    Ok(Draft {
        time: event_time(head),
        priority: head.priority,
        rule: rule.to_owned(),
        source: String::new(),
        hostname: String::new(),
        tags: Vec::new(),
        message: notes.cut(Cow::Borrowed(message), MAX_VALUE_BYTES, "message"),
        output: notes.cut(Cow::Borrowed(&text), MAX_VALUE_BYTES, "output"),
        fields: Fields::default(),
        extra: Fields::default(),
        text_only: true,
        notes,
    })
}

/// The message in a line that begins with a head; nothing without one.
pub(super) fn message_of(line: &str) -> &str {
    Head::at_start(line.as_bytes()).map_or("", |head| message(line, head))
}

fn event_time(head: Head) -> EventTime {
    head.time
        .ok_or(Cow::Borrowed("the text's clock has neither date nor zone"))
}

fn message(text: &str, head: Head) -> &str {
    let message = text.get(head.message_at..).unwrap_or_default();
    message.strip_prefix(' ').unwrap_or(message)
}

/// The clock that `bytes` begins with, and what follows.
fn clock(bytes: &[u8]) -> Option<(Option<Timestamp>, Scan<'_>)> {
    let mut scan = Scan::new(bytes);
    if let Some(time) = scan.date_time() {
        return Some((Some(time), scan));
    }
    let mut scan = Scan::new(bytes);
    scan.time_of_day()?;
    // Falco always writes the decimals; a log's own clock mostly has none.
    let decimals = bytes.get(8) == Some(&b'.');
    decimals.then_some((None, scan))
}

fn is_word(bytes: &[u8], word: &str) -> bool {
    bytes
        .strip_prefix(word.as_bytes())
        .is_some_and(|behind| behind.first().is_none_or(u8::is_ascii_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_a_clock_and_a_priority() {
        let head = Head::at_start(b"10:16:22.924296762: Notice A shell").unwrap();
        assert_eq!((head.priority, head.time), (Priority::Notice, None));
        let head = Head::at_start(b"2024-06-21T08:54:23.812791015+0000: Warning x").unwrap();
        assert_eq!(head.time, "2024-06-21T08:54:23.812791015Z".parse().ok());
        for line in [
            "10:16:22: Notice no decimals",
            "10:16:22.924296762: Noticed",
            "10:16:22.924296762 Notice",
            "10:16:22.924296762: no priority",
            "Notice",
            "",
        ] {
            assert_eq!(Head::at_start(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_head_is_found_behind_a_prefix() {
        for (prefix, rest) in [
            ("", "10:16:22.924296762: Notice x"),
            (
                "Dec 14 11:15:04 host-b falco[735]: ",
                "11:15:04.924533831: Warning x",
            ),
            (
                "Tue May 21 12:55:58 2019: drop.",
                "12:55:58.461500387: Critical x",
            ),
            (
                "<5>2024-08-07T13:49:16Z a Falco: ",
                "2024-08-07T13:49:16.4+0000: Notice x",
            ),
        ] {
            let line = format!("{prefix}{rest}");
            assert_eq!(Head::find(line.as_bytes()), Some(prefix.len()), "{line}");
        }
        assert_eq!(Head::find(b"May 22 16:13:38 host-a falco: sshd"), None);
    }

    #[test]
    fn line_ends_belong_to_the_message() {
        let alert = read(b"10:16:22.924296762: Notice a\nb").unwrap();
        assert_eq!(alert.message, "a\nb");
        assert_eq!(alert.output, "10:16:22.924296762: Notice a\nb");
    }

    #[test]
    fn an_empty_message_is_one() {
        assert_eq!(read(b"10:16:22.924296762: Notice").unwrap().message, "");
    }
}
