//! Logs for tests.

use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;

use super::{Config, Decode, Entry, Log, NewEntry, OpenError, Position, Tools, Workers};
use crate::{alert::testing, clock, state::State, units::Size};

/// In tests an alert is encoded as its rule.
pub(crate) const DECODE: Decode =
    |encoded, _| Some(testing::alert(std::str::from_utf8(encoded).ok()?));

pub(crate) fn entry(rule: &str) -> NewEntry {
    NewEntry {
        alert: Box::new(testing::alert(rule)),
        encoded: Bytes::copy_from_slice(rule.as_bytes()),
    }
}

pub(crate) fn entry_at(rule: &str, second: i64) -> NewEntry {
    let mut new = entry(rule);
    new.alert.receive_time = Timestamp::from_second(second).unwrap();
    new
}

/// The alert as the log hands it out.
pub(crate) fn in_log(new: NewEntry) -> Entry {
    Entry::new(new, DECODE)
}

/// A log whose segments hold a few alerts and whose readers read from the disk.
pub(crate) fn small(retention: u64) -> Config {
    Config {
        retention_bytes: Size(retention),
        // What tests append is of 1970.
        retention_age: crate::units::Span(std::time::Duration::from_secs(
            u64::from(u32::MAX) * 100,
        )),
        memory: Size(0),
        ..Config::default()
    }
}

/// A log that keeps everything.
pub(crate) fn large() -> Config {
    Config {
        memory: Config::default().memory,
        ..small(1 << 40)
    }
}

pub(crate) struct Opened {
    pub(crate) log: Log,
    workers: Workers,
}

pub(crate) fn try_open(folder: &Path, config: &Config) -> Result<Opened, OpenError> {
    let state = State::open(folder)?;
    let tools = Tools {
        decode: DECODE,
        clock: clock::now,
    };
    let (log, workers) = Log::open(config, &folder.join("log"), &state, tools)?;
    Ok(Opened { log, workers })
}

pub(crate) fn open(folder: &Path, config: &Config) -> Opened {
    try_open(folder, config).unwrap()
}

impl Opened {
    pub(crate) async fn append(&self, rules: &[&str]) {
        let batch = rules.iter().map(|rule| entry(rule)).collect();
        self.log.append(batch).await.unwrap();
    }

    /// Waits until retention has let go of everything that is above it.
    pub(crate) async fn trimmed(&self) {
        trimmed(&self.log).await;
    }

    /// Ends it as a clean stop does.
    pub(crate) async fn close(self) {
        self.workers.finish().await;
    }
}

pub(crate) async fn trimmed(log: &Log) {
    loop {
        let bounds = log.bounds();
        let is_down_to_one = bounds.alerts <= 1 || bounds.start == Position(bounds.head.0 - 1);
        if bounds.bytes <= bounds.retention_bytes || is_down_to_one {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}
