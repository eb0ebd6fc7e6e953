//! Times as Falco and those behind it write them.

use std::borrow::Cow;

use jiff::{Timestamp, civil::DateTime, tz::Offset};

use super::{notes, value};
use crate::alert::{FieldValue, Fields};

/// When an alert happened, or why that cannot be told.
pub(super) type EventTime = Result<Timestamp, Cow<'static, str>>;

/// The envelope's `time`: RFC 3339 text, or a plausible number of seconds,
/// milliseconds, microseconds or nanoseconds since the epoch.
pub(super) fn read(raw: Option<&str>) -> EventTime {
    let Some(raw) = raw.filter(|raw| *raw != "null") else {
        return Err("the document has no time".into());
    };
    let time = if raw.starts_with('"') {
        rfc3339(&super::json::unquote(raw).text)
    } else {
        match value::number(raw) {
            FieldValue::Int(number) => epoch(number),
            _ => None,
        }
    };
    time.and_then(plausible)
        .ok_or_else(|| format!("{} is no time with a zone", notes::head(raw, 64)).into())
}

/// The time that a document without `time` has in its fields: Falco's clock
/// fields are nanoseconds there.
pub(super) fn of_fields(fields: &Fields) -> Option<Timestamp> {
    ["evt.time", "evt.time.iso8601", "evt.rawtime"]
        .into_iter()
        .find_map(|key| match fields.get(key) {
            Some(FieldValue::Int(number)) => nanoseconds(*number),
            _ => None,
        })
}

/// Falco's gRPC form: seconds and nanoseconds.
pub(super) fn of_seconds(time: Option<(i64, i32)>) -> EventTime {
    let (seconds, nanoseconds) = time.ok_or("the message has no time")?;
    Timestamp::new(seconds, nanoseconds)
        .ok()
        .and_then(plausible)
        .ok_or_else(|| format!("{seconds} s {nanoseconds} ns is no time").into())
}

/// A plausible number of nanoseconds since the epoch: 2001 to 2096.
pub(super) fn nanoseconds(number: i64) -> Option<Timestamp> {
    const PLAUSIBLE: std::ops::Range<i64> = 1_000_000_000_000_000_000..4_000_000_000_000_000_000;
    PLAUSIBLE
        .contains(&number)
        .then(|| Timestamp::from_nanosecond(number.into()).ok())?
}

/// `2025-11-07T18:17:07.218671851Z`: with any number of decimals, of which nine
/// are kept, and with `+0100` for `+01:00`. Without a zone it is no point in time.
pub(super) fn rfc3339(text: &str) -> Option<Timestamp> {
    let mut scan = Scan::new(text.trim().as_bytes());
    let time = scan.date_time()?;
    scan.at_end().then_some(time)
}

/// Years before the epoch stand for "unset", as Go's zero time does.
fn plausible(time: Timestamp) -> Option<Timestamp> {
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

/// The unit follows from the size: for the years 2001 to 2096 the four ranges
/// are disjoint.
fn epoch(number: i64) -> Option<Timestamp> {
    [1, 1_000, 1_000_000, 1_000_000_000]
        .into_iter()
        .find_map(|unit| nanoseconds(number.checked_mul(unit)?))
}

/// A reader of fixed forms, which gives none where the bytes are not of the form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte, if it is one of `set`.
    pub(super) fn one_of(&mut self, set: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        set.contains(first).then(|| {
            self.rest = rest;
            *first
        })
    }

    /// A date, a time of day and a zone.
    pub(super) fn date_time(&mut self) -> Option<Timestamp> {
        let year = self.number(4)?;
        self.one_of(b"-")?;
        let month = self.number(2)?;
        self.one_of(b"-")?;
        let day = self.number(2)?;
        self.one_of(b"Tt ")?;
        let (hour, minute, second, nanosecond) = self.time_of_day()?;
        let offset = self.offset()?;
        let civil = DateTime::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
            i8::try_from(hour).ok()?,
            i8::try_from(minute).ok()?,
            // A leap second has no place of its own on the clock of the epoch.
            i8::try_from(second.min(59)).ok()?,
            nanosecond,
        );
        offset.to_timestamp(civil.ok()?).ok()
    }

    /// `HH:MM:SS` with decimals, if any: hour, minute, second, nanosecond.
    pub(super) fn time_of_day(&mut self) -> Option<(i32, i32, i32, i32)> {
        let hour = self.number(2).filter(|hour| *hour < 24)?;
        self.one_of(b":")?;
        let minute = self.number(2).filter(|minute| *minute < 60)?;
        self.one_of(b":")?;
        let second = self.number(2).filter(|second| *second <= 60)?;
        let mut nanosecond = 0;
        if self.one_of(b".,").is_some() {
            let mut place = 100_000_000;
            nanosecond += self.digit()? * place;
            while let Some(digit) = self.digit() {
                place /= 10;
                nanosecond += digit * place;
            }
        }
        Some((hour, minute, second, nanosecond))
    }

    fn offset(&mut self) -> Option<Offset> {
        if self.one_of(b"Zz").is_some() {
            return Some(Offset::UTC);
        }
        let sign = match self.one_of(b"+-")? {
            b'-' => -1,
            _ => 1,
        };
        let hours = self.number(2)?;
        let _ = self.one_of(b":");
        let minutes = self.number(2)?;
        Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
    }

    /// Exactly that many digits.
    fn number(&mut self, digits: usize) -> Option<i32> {
        (0..digits).try_fold(0, |number, _| Some(number * 10 + self.digit()?))
    }

    fn digit(&mut self) -> Option<i32> {
        self.one_of(b"0123456789")
            .map(|digit| i32::from(digit - b'0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_read_to_the_nanosecond() {
        for (text, expected) in [
            (
                "2025-11-07T18:17:07.218671851Z",
                "2025-11-07T18:17:07.218671851Z",
            ),
            (
                "2026-07-22T14:24:41.1234567891234Z",
                "2026-07-22T14:24:41.123456789Z",
            ),
            ("2024-06-21T08:54:23.8+0000", "2024-06-21T08:54:23.8Z"),
            ("2024-06-21t10:54:23+02:00", "2024-06-21T08:54:23Z"),
            ("2024-06-21 03:24:23-0530", "2024-06-21T08:54:23Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(text), expected.parse().ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_point_in_time_is_none() {
        for text in [
            "",
            "2024-06-21",
            "2024-06-21T08:54:23",
            "2024-02-30T08:54:23Z",
            "2024-06-21T08:54:23.Z",
            "2024-06-21T08:54:23Zjunk",
            "24-06-21T08:54:23Z",
            "2024-06-21T24:00:00Z",
            "2024-06-21T08:54:23+99:99",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
        assert!(read(Some("\"0001-01-01T00:00:00Z\"")).is_err());
        assert!(read(Some("null")).is_err());
    }

    #[test]
    fn numbers_are_times_where_they_are_plausible() {
        let expected: Timestamp = "2026-07-22T14:24:41Z".parse().unwrap();
        for raw in [
            "1784730281000000000",
            "1784730281000000",
            "1784730281000",
            "1784730281",
        ] {
            assert_eq!(read(Some(raw)), Ok(expected), "{raw}");
        }
        for raw in ["0", "-1", "5", "9223372036854775807", "1.5", "{}", "true"] {
            assert!(read(Some(raw)).is_err(), "{raw}");
        }
    }
}
