use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use jiff::Timestamp;

use crate::alert::{Alert, AlertId, Parts, TraceParent};

/// A place in the log: the first alert is at 1, and each next one at one more.
///
/// As the position of a reader it means "after": [`Position::START`] is before
/// the first alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before the first alert.
    pub const START: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The place before this one.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How many places this is after `earlier`; 0 when it is not.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which log a position belongs to. A log that was lost and begun anew is
/// another one, and positions of the old one mean nothing there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incarnation(pub u64);

/// Which run of the gateway a position was handed out in. What a run had not
/// yet made durable may be lost with the machine, and its positions are then
/// given again: the epoch tells the two apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

/// Reads an alert that was encoded, or some parts of it. None when that cannot be
/// done.
pub type Decode = fn(&Bytes, Option<&Parts>) -> Option<Alert>;

/// An alert on its way into the log.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The alert, as the filter reads it.
    pub alert: Box<Alert>,
    /// The alert, as subscribers get it: encoded once, for all of them.
    pub encoded: Bytes,
}

/// An alert in the log.
///
/// Its typed form is made from the encoded one when it is first asked for: who
/// wants everything pays for nothing.
#[derive(Debug)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// The alert's id.
    pub id: AlertId,
    /// When the gateway got it.
    pub receive_time: Timestamp,
    /// The alert, as subscribers get it.
    pub encoded: Bytes,
    /// The document as it came.
    pub raw: Bytes,
    /// Where its trace goes on. None of what was read from the disk: that is no news.
    pub trace: Option<TraceParent>,
    alert: OnceLock<Option<Box<Alert>>>,
    decode: Decode,
}

impl Entry {
    /// An alert that has no place yet.
    pub(super) fn new(new: NewEntry, decode: Decode) -> Self {
        let NewEntry { alert, encoded } = new;
        Self {
            position: Position::START,
            id: alert.id,
            receive_time: alert.receive_time,
            encoded,
            raw: alert.raw.clone(),
            trace: alert.trace,
            alert: OnceLock::from(Some(alert)),
            decode,
        }
    }

    /// An alert that was read from a segment.
    pub(super) fn read(
        position: Position,
        id: AlertId,
        receive_time: Timestamp,
        (encoded, raw): (Bytes, Bytes),
        decode: Decode,
    ) -> Self {
        Self {
            position,
            id,
            receive_time,
            encoded,
            raw,
            trace: None,
            alert: OnceLock::new(),
            decode,
        }
    }

    /// The alert, as the filter reads it. None when what was written, and reads
    /// back undamaged, is no alert to this version of the gateway.
    pub fn alert(&self) -> Option<&Alert> {
        self.alert
            .get_or_init(|| {
                let mut alert = (self.decode)(&self.encoded, None)?;
                alert.raw = self.raw.clone();
                Some(Box::new(alert))
            })
            .as_deref()
    }

    /// What `asks` says of the alert, of which it reads only `parts`. None as
    /// with [`Self::alert`].
    pub fn ask<T>(&self, parts: &Parts, asks: impl FnOnce(&Alert) -> T) -> Option<T> {
        match self.alert.get() {
            Some(alert) => alert.as_deref().map(asks),
            None => (self.decode)(&self.encoded, Some(parts)).as_ref().map(asks),
        }
    }

    /// The same place in the log, for those to whom it holds `alert` and no document.
    /// `encoded` is that alert.
    #[must_use]
    pub fn shown_as(&self, alert: Alert, encoded: Bytes) -> Self {
        Self {
            position: self.position,
            id: alert.id,
            receive_time: self.receive_time,
            encoded,
            raw: Bytes::new(),
            trace: self.trace,
            alert: OnceLock::from(Some(Box::new(alert))),
            decode: self.decode,
        }
    }

    /// About how much memory it takes, in bytes: the encoded form, the typed
    /// form (which holds the same strings once more, typed groups included) and
    /// the document as it came.
    pub(super) fn cost(&self) -> u64 {
        const TYPED_FORM: usize = 1024;
        (self.encoded.len() * 3 + self.raw.len() + TYPED_FORM) as u64
    }
}

/// Alerts of a source that never got into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whose.
    pub source_id: String,
    /// How many.
    pub count: u64,
}

impl Notice {
    /// What it is to a reader.
    pub(super) fn at(&self, position: Position) -> Lost {
        Lost {
            after: position.previous(),
            through: position,
            cause: Cause::Overflow,
            count: self.count,
            lower_bound: false,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.count.to_le_bytes().to_vec();
        bytes.extend(self.source_id.as_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, source_id) = bytes.split_first_chunk::<8>()?;
        Some(Self {
            source_id: String::from_utf8(source_id.to_vec()).ok()?,
            count: u64::from_le_bytes(*count),
        })
    }
}

/// What a place in the log holds.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Alert(Arc<Entry>),
    Lost(Lost),
}

impl Item {
    /// The last place that it covers.
    pub(super) fn through(&self) -> Position {
        match self {
            Self::Alert(entry) => entry.position,
            Self::Lost(lost) => lost.through,
        }
    }
}

/// What is to have a place in the log.
#[derive(Debug)]
pub(super) enum NewItem {
    Alert(Entry),
    Notice(Position, Notice),
}

impl NewItem {
    pub(super) fn place_at(&mut self, place: Position) {
        match self {
            Self::Alert(Entry { position, .. }) | Self::Notice(position, _) => *position = place,
        }
    }

    pub(super) fn into_item(self) -> Item {
        match self {
            Self::Alert(entry) => Item::Alert(Arc::new(entry)),
            Self::Notice(position, notice) => Item::Lost(notice.at(position)),
        }
    }
}

/// Alerts that a reader will not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// They are after this position,
    pub after: Position,
    /// and up to and with this one.
    pub through: Position,
    /// Why.
    pub cause: Cause,
    /// How many of them the reader's witness wanted.
    pub count: u64,
    /// `count` is a lower bound: nobody could ask the witness about all.
    pub lower_bound: bool,
}

/// Why alerts cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// They were the oldest, and their time or room was up.
    Retention,
    /// Their part of the disk is damaged or gone.
    Corruption,
    /// They were refused for lack of room, and their sender does not try again.
    Overflow,
}
