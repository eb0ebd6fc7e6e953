use std::fmt;

use bytes::Bytes;

use crate::alert::Alert;

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

/// An alert on its way into the log.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The alert, as the filter reads it.
    pub alert: Alert,
    /// The alert, as subscribers get it: encoded once, for all of them.
    pub encoded: Bytes,
}

/// An alert in the log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// The alert, as the filter reads it.
    pub alert: Alert,
    /// The alert, as subscribers get it.
    pub encoded: Bytes,
}

impl Entry {
    /// About how much memory it takes, in bytes: the encoded form, the typed
    /// form (which holds the same strings once more, typed groups included) and
    /// the document as it came.
    pub(super) fn cost(&self) -> u64 {
        const TYPED_FORM: usize = 1024;
        (self.encoded.len() * 3 + self.alert.raw.len() + TYPED_FORM) as u64
    }
}
