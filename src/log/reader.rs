use std::{fmt, sync::Arc};

use tokio::sync::watch;

use super::{Entry, Position, memory::Shared};
use crate::alert::Alert;

/// Says whether a reader would miss an alert. It is called while the log is
/// locked, so it must be quick and must not call the log.
#[derive(Clone)]
pub struct Witness(Arc<dyn Fn(&Alert) -> bool + Send + Sync>);

impl Witness {
    /// A witness that asks `misses`.
    pub fn new(misses: impl Fn(&Alert) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(misses))
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReaderId(pub(super) u64);

/// What the log knows of a reader.
#[derive(Debug)]
pub(super) struct ReaderState {
    pub(super) position: Position,
    witness: Witness,
    missed: u64,
}

impl ReaderState {
    pub(super) fn new(position: Position, witness: Witness) -> Self {
        Self {
            position,
            witness,
            missed: 0,
        }
    }

    /// Retention takes `entry`.
    pub(super) fn miss(&mut self, entry: &Entry) {
        if self.position < entry.position && (self.witness.0)(&entry.alert) {
            self.missed += 1;
        }
    }
}

/// A position that moves along the log. Dropping it is leaving.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    id: ReaderId,
    head: watch::Receiver<Position>,
}

/// What a reader found.
#[derive(Debug)]
pub enum Read {
    /// The next alerts; at least one.
    Entries(Vec<Arc<Entry>>),
    /// Alerts that are gone. What comes next is after them.
    Gap(Gap),
    /// Nothing yet.
    AtHead,
}

/// Alerts that retention took before the reader got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The gap is after this position,
    pub after: Position,
    /// and up to and with this one.
    pub through: Position,
    /// How many of them the reader's witness wanted, as far as they went while
    /// this reader was there.
    pub missed: u64,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, id: ReaderId, head: watch::Receiver<Position>) -> Self {
        Self { shared, id, head }
    }

    /// Takes up to `limit` alerts, as many as there are, and moves on.
    #[expect(
        clippy::unused_async,
        reason = "a log on disk reads here without blocking"
    )]
    pub async fn read(&mut self, limit: usize) -> Read {
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        let start = state.start();
        let Some(position) = state.readers.get(&self.id).map(|reader| reader.position) else {
            return Read::AtHead;
        };
        let read = if position < start {
            Read::Gap(Gap {
                after: position,
                through: start,
                missed: 0,
            })
        } else {
            let entries: Vec<_> = state.after(position).take(limit).cloned().collect();
            if entries.is_empty() {
                return Read::AtHead;
            }
            Read::Entries(entries)
        };
        let Some(reader) = state.readers.get_mut(&self.id) else {
            return Read::AtHead;
        };
        match read {
            Read::Gap(gap) => {
                reader.position = gap.through;
                Read::Gap(Gap {
                    missed: std::mem::take(&mut reader.missed),
                    ..gap
                })
            }
            Read::Entries(entries) => {
                if let Some(last) = entries.last() {
                    reader.position = last.position;
                }
                Read::Entries(entries)
            }
            Read::AtHead => Read::AtHead,
        }
    }

    /// Where the head is now.
    pub fn head(&self) -> Position {
        *self.head.borrow()
    }

    /// Waits until the head is after `position`.
    pub async fn wait_past(&mut self, position: Position) {
        // The log outlives its readers, so the channel cannot be closed.
        let _ = self.head.wait_for(|head| *head > position).await;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.lock().readers.remove(&self.id);
    }
}
