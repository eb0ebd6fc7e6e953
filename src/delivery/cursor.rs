use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::log::{Incarnation, Log, Position, Sealed};

/// The format of this version, its first byte.
const FORMAT: u8 = 2;

/// Format, incarnation, the sealed epoch and position, checksum.
const LENGTH: usize = 1 + 8 + 16 + 4;

/// A position as clients keep it: opaque, URL-safe, 39 characters.
///
/// It names the log that it is of, so that one of another log is told from one
/// that is merely old, and the epoch, so that it never leads past alerts that got
/// the positions of others which a crash of the machine took. It has a checksum, so
/// that one that was cut or mistyped is told from both. How many alerts are between two
/// cannot be read from them, since not everybody may know that. It is no credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    incarnation: Incarnation,
    place: Sealed,
}

/// Why a cursor leads nowhere. Each wants another answer from the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// The client's mistake: not something that this gateway ever made.
    #[error("{0:?} is no cursor of a falco-gateway: pass one on exactly as it came in a frame")]
    Malformed(String),
    /// The log it is of is not this one; the client must start anew.
    #[error(
        "the cursor is of another log: this gateway's log was begun anew, or the cursor is another gateway's; start with earliest, since or latest instead"
    )]
    Foreign,
    /// Too old; the client must decide to go on with a gap.
    #[error(
        "the cursor has expired: retention took the alerts after it; resume after {earliest}, or set on_expired_cursor"
    )]
    Expired {
        /// What can be resumed after.
        earliest: Cursor,
        /// The receive time of the first alert after it.
        earliest_time: Option<Timestamp>,
    },
}

impl Cursor {
    /// The cursor of `position` in this run of `log`.
    pub fn new(log: &Log, position: Position) -> Self {
        Self {
            incarnation: log.incarnation(),
            place: log.seal(position),
        }
    }

    /// Its position, if it is one of `log`; it may have expired.
    ///
    /// # Errors
    /// When it is another log's, or beyond everything that this log ever held.
    pub fn position_in(self, log: &Log) -> Result<Position, CursorError> {
        if self.incarnation != log.incarnation() {
            return Err(CursorError::Foreign);
        }
        log.unseal(self.place)
            .ok_or_else(|| CursorError::Malformed(self.to_string()))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(FORMAT);
        bytes.extend(self.incarnation.0.to_be_bytes());
        bytes.extend(self.place);
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| CursorError::Malformed(text.chars().take(64).collect()))
    }
}

fn parse(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let bytes: [u8; LENGTH] = bytes.try_into().ok()?;
    let (body, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let (format, rest) = body.split_first()?;
    let (incarnation, place) = rest.split_first_chunk::<8>()?;
    (*format == FORMAT).then_some(Cursor {
        incarnation: Incarnation(u64::from_be_bytes(*incarnation)),
        place: place.try_into().ok()?,
    })
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursor(incarnation: u64, place: Sealed) -> Cursor {
        let incarnation = Incarnation(incarnation);
        Cursor { incarnation, place }
    }

    proptest! {
        #[test]
        fn it_survives_its_text(incarnation: u64, place: [u8; 16]) {
            let cursor = cursor(incarnation, place);
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            prop_assert!(cursor.to_string().len() <= 48);
        }

        #[test]
        fn one_wrong_character_is_seen(place: [u8; 16], at in 0..39_usize, letter in "[A-Za-z0-9_-]") {
            let text = cursor(1, place).to_string();
            let mut wrong = text.clone();
            wrong.replace_range(at..=at, &letter);
            prop_assert_eq!(wrong.parse::<Cursor>().is_ok(), wrong == text);
        }

        #[test]
        fn rubbish_is_malformed(text in ".*") {
            prop_assert!(matches!(text.parse::<Cursor>(), Err(CursorError::Malformed(_))));
        }
    }
}
