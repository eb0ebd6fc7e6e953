//! Lines that do not begin as JSON does.

use serde::de::IgnoredAny;

use crate::normalize::{
    reject::{Fault, Reason},
    text::Head,
};

/// What a line is that does not begin as JSON does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A text alert.
    Alert {
        head_at: usize,
    },
    /// JSON behind the prefix of syslog, journald or a container runtime.
    Wrapped {
        json_at: usize,
    },
    Unknown,
}

impl Line {
    pub(super) fn of(line: &[u8]) -> Self {
        // Of both, what stands first holds the other.
        let json_at = object_behind_prefix(line);
        let head_at = Head::find(line).filter(|head_at| {
            let prefix = line.get(..*head_at).unwrap_or_default();
            // What looks like JSON and is none, escaped or cut, is no prefix.
            !prefix.iter().any(|byte| b"{\"".contains(byte))
        });
        match (head_at, json_at) {
            (Some(head_at), _) => Self::Alert { head_at },
            (None, Some(json_at)) => Self::Wrapped { json_at },
            (None, None) => Self::Unknown,
        }
    }
}

/// Where an object begins behind the prefix of a log. A line that begins with a
/// quotation mark is a piece of JSON, not a prefix.
fn object_behind_prefix(line: &[u8]) -> Option<usize> {
    if line.trim_ascii_start().starts_with(b"\"") {
        return None;
    }
    let braces = line.iter().enumerate().filter(|(_, byte)| **byte == b'{');
    braces.map(|(at, _)| at).find(|at| {
        let behind = line.get(at + 1..).unwrap_or_default();
        behind.trim_ascii_start().starts_with(b"\"")
    })
}

/// What is wrong with lines that are nothing known.
pub(super) fn unknown(text: &[u8]) -> Fault {
    let json = text.starts_with(b"\"") || serde_json::from_slice::<IgnoredAny>(text).is_ok();
    if json {
        Fault::new(Reason::NotAnObject, "JSON, but no object")
    } else {
        Fault::new(
            Reason::UnknownText,
            "neither JSON nor a line with Falco's clock and priority",
        )
    }
}
