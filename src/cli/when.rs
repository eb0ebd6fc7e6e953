use std::str::FromStr;

use jiff::{Timestamp, tz::TimeZone};

use crate::{clock, units::Span};

/// A point in time as people say it: `10m` (that long ago), or RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When(pub(super) Timestamp);

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(span) = text.parse::<Span>() {
            let ago = clock::now() - jiff::SignedDuration::try_from(span.0).unwrap_or_default();
            return Ok(Self(ago));
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self(time));
        }
        let civil: Result<jiff::civil::DateTime, _> = text.parse();
        civil
            .and_then(|civil| TimeZone::system().to_timestamp(civil))
            .map(Self)
            .map_err(|_| {
                "write a length of time (10m: so long ago) or a time (2026-11-25T10:00:00Z; without a zone it is local)"
                    .to_owned()
            })
    }
}
