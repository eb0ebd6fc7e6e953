use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    Entry, Incarnation, NewEntry, Position, Reader,
    reader::{ReaderId, ReaderState, Witness},
};
use crate::units::Size;

/// How the log is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How much memory the alerts may take; the oldest go first.
    pub memory: Size,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memory: Size(256 << 20),
        }
    }
}

/// A log in memory. Cheap to clone; all clones are the same log.
#[derive(Debug, Clone)]
pub struct Log {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    // A std mutex, never held over an await: it is taken once for each batch
    // that is appended and once for each chunk that is read.
    state: Mutex<State>,
    head: watch::Sender<Position>,
    incarnation: Incarnation,
    budget: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) entries: VecDeque<Slot>,
    /// The position of the last alert ever appended.
    pub(super) head: Position,
    pub(super) readers: BTreeMap<ReaderId, ReaderState>,
    next_reader: u64,
    bytes: u64,
    head_time: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) entry: Arc<Entry>,
    /// The latest receive time up to and with this entry. Receive times come
    /// from many sources and are only almost in order; this is in order, and so
    /// can be searched.
    latest_receive_time: Timestamp,
}

/// What a log holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Everything after this position can be read.
    pub start: Position,
    /// The receive time of the oldest alert; none while there is none.
    pub earliest_time: Option<Timestamp>,
    /// The position of the newest alert ever appended.
    pub head: Position,
    /// The receive time of the newest alert ever appended.
    pub head_time: Option<Timestamp>,
    /// How many alerts can be read.
    pub alerts: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// What they may take, in bytes.
    pub retention_bytes: u64,
}

impl Log {
    /// An empty log; `incarnation` must be another one for each log.
    pub fn new(config: &Config, incarnation: Incarnation) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                head: watch::Sender::new(Position::START),
                incarnation,
                budget: config.memory.0,
            }),
        }
    }

    /// Which log this is.
    pub fn incarnation(&self) -> Incarnation {
        self.shared.incarnation
    }

    /// Appends a batch in its order, and wakes the readers.
    #[expect(
        clippy::unused_async,
        reason = "a log on disk waits here for its commit"
    )]
    pub async fn append(&self, batch: Vec<NewEntry>) {
        let mut state = self.shared.lock();
        for new in batch {
            state.push(new);
        }
        state.trim(self.shared.budget);
        let head = state.head;
        drop(state);
        self.shared.head.send_replace(head);
    }

    /// The head's position, and a way to wait until it moves.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.shared.head.subscribe()
    }

    /// What the log holds now.
    pub fn bounds(&self) -> Bounds {
        let state = self.shared.lock();
        Bounds {
            start: state.start(),
            earliest_time: state
                .entries
                .front()
                .map(|slot| slot.entry.alert.receive_time),
            head: state.head,
            head_time: state.head_time,
            alerts: state.entries.len() as u64,
            bytes: state.bytes,
            retention_bytes: self.shared.budget,
        }
    }

    /// A reader that starts after `after`. `witness` says of an alert whether
    /// this reader would miss it, and is asked while retention takes one that
    /// the reader has not read.
    pub fn reader(&self, after: Position, witness: Witness) -> Reader {
        let mut state = self.shared.lock();
        let id = ReaderId(state.next_reader);
        state.next_reader += 1;
        state.readers.insert(id, ReaderState::new(after, witness));
        drop(state);
        Reader::new(Arc::clone(&self.shared), id, self.head())
    }

    /// The position after which the first alert received at or after `time`
    /// comes.
    pub fn before_time(&self, time: Timestamp) -> Position {
        let state = self.shared.lock();
        let index = state
            .entries
            .partition_point(|slot| slot.latest_receive_time < time);
        Position(state.start().0 + index as u64)
    }

    /// Up to `limit` alerts after `after` and up to `through`, the oldest first.
    /// Those that are no longer there are passed over.
    pub fn range(&self, after: Position, through: Position, limit: usize) -> Vec<Arc<Entry>> {
        let state = self.shared.lock();
        state
            .after(after)
            .take_while(|entry| entry.position <= through)
            .take(limit)
            .cloned()
            .collect()
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Everything after this position is held.
    pub(super) fn start(&self) -> Position {
        self.entries
            .front()
            .map_or(self.head, |slot| slot.entry.position.previous())
    }

    /// The entries after `after`, the oldest first. Positions are dense, so the
    /// place of one is a subtraction.
    pub(super) fn after(&self, after: Position) -> impl Iterator<Item = &Arc<Entry>> {
        let skip = usize::try_from(after.since(self.start())).unwrap_or(usize::MAX);
        self.entries
            .range(skip.min(self.entries.len())..)
            .map(|slot| &slot.entry)
    }

    fn push(&mut self, new: NewEntry) {
        let entry = Entry {
            position: self.head.next(),
            alert: new.alert,
            encoded: new.encoded,
        };
        self.head = entry.position;
        self.head_time = Some(entry.alert.receive_time);
        self.bytes += entry.cost();
        let latest = self.entries.back().map(|slot| slot.latest_receive_time);
        self.entries.push_back(Slot {
            latest_receive_time: latest.map_or(entry.alert.receive_time, |latest| {
                latest.max(entry.alert.receive_time)
            }),
            entry: Arc::new(entry),
        });
    }

    /// Lets the oldest go until the rest fits; the newest always stays.
    fn trim(&mut self, budget: u64) {
        if self.bytes <= budget {
            return;
        }
        let slowest = self.readers.values().map(|reader| reader.position).min();
        while self.bytes > budget && self.entries.len() > 1 {
            let Some(slot) = self.entries.pop_front() else {
                return;
            };
            self.bytes -= slot.entry.cost();
            if slowest.is_some_and(|position| position < slot.entry.position) {
                for reader in self.readers.values_mut() {
                    reader.miss(&slot.entry);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
