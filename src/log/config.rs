use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

/// How the log is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How much of the disk alerts may take; the oldest go first.
    pub retention_bytes: Size,
    /// How long alerts are kept at most.
    pub retention_age: Span,
    /// When an alert counts as kept.
    pub durability: Durability,
    /// How much memory the newest alerts may take, for readers near the head.
    pub memory: Size,
}

/// When the log answers for what it was given, and shows it to readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// When the disk has it: neither a crash of the gateway nor one of the
    /// machine loses what was answered for.
    #[default]
    EveryCommit,
    /// When the system has it, which passes it to the disk at least so often: a
    /// crash of the machine loses what was answered for since.
    Interval(Span),
    /// When the system has it, which passes it to the disk when it likes: only a
    /// crash of the gateway alone loses nothing.
    Os,
}

/// What [`Config::retention_bytes`] may be.
const BYTES: RangeInclusive<Size> = Size(1 << 20)..=Size(1 << 50);

/// What [`Config::retention_age`] may be, in days of 24 hours.
const DAYS: RangeInclusive<u64> = 0..=36_500;

/// What [`Durability::Interval`] may be.
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);

/// Segments are this part of the retention, so that dropping one frees little.
const SEGMENTS: u64 = 16;

/// And no larger than this.
const LARGEST_SEGMENT: u64 = 64 << 20;

impl Default for Config {
    fn default() -> Self {
        Self {
            retention_bytes: Size(10 << 30),
            retention_age: Span(Duration::from_hours(7 * 24)),
            durability: Durability::default(),
            memory: Size(64 << 20),
        }
    }
}

impl Config {
    /// What is wrong with it.
    ///
    /// # Errors
    /// With the key and what it may be.
    pub fn check(&self) -> Result<(), String> {
        if !BYTES.contains(&self.retention_bytes) {
            return Err(format!(
                "retention_bytes: {} is out of range: it must be between {} and {}",
                self.retention_bytes,
                BYTES.start(),
                BYTES.end()
            ));
        }
        let days = self.retention_age.0.as_secs() / 86_400;
        if self.retention_age.0.is_zero() || !DAYS.contains(&days) {
            return Err(format!(
                "retention_age: {} is out of range: it must be more than nothing and at most {} days",
                self.retention_age,
                DAYS.end()
            ));
        }
        match self.durability {
            Durability::Interval(interval) if !INTERVAL.contains(&interval.0) => Err(format!(
                "durability: an interval of {interval} is out of range: it must be between 1ms and 1h"
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        (self.retention_bytes.0 / SEGMENTS).min(LARGEST_SEGMENT)
    }

    pub(super) fn segment_age(&self) -> Duration {
        self.retention_age.0 / u32::try_from(SEGMENTS).unwrap_or(u32::MAX)
    }
}
