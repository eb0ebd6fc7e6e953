//! The log: every accepted alert once, in the order of receipt, each with a
//! [`Position`], on disk.
//!
//! ```text
//! append ─► writer ─► segment files ─► blocks ─┐
//!              └────► newest in memory ────────┴─► readers
//! ```
//!
//! One writer appends to the newest of a row of segment files; retention drops
//! the oldest whole. Any number of [`Reader`]s follow. A reader is a position
//! and nothing more: nobody waits for it, and it waits for nobody but the head.
//! Near the head it is served from memory, else in blocks from the disk, which
//! readers at about the same place share.
//!
//! What a reader cannot get is told to it in its place, with the count: what
//! retention takes is counted for those that had not read it, with their
//! [`Witness`], before it goes.

mod appender;
mod behind;
mod block;
mod config;
mod dead_letters;
mod entry;
mod format;
mod index;
mod reader;
mod recovery;
mod retention;
mod seal;
mod segment;
mod shared;
mod walk;
mod writer;

use std::{fmt, path::Path, sync::Arc};

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    appender::{Appender, Limits, Next},
    block::Blocks,
    entry::{Item, NewItem},
    format::nanoseconds,
    seal::Seal,
    segment::Segment,
    shared::{Place, Shared},
    writer::{Pending, Writer},
};
pub use self::{
    config::{Config, Durability},
    dead_letters::{DeadLetter, DeadLetters},
    entry::{Cause, Decode, Entry, Epoch, Incarnation, Lost, NewEntry, Notice, Position},
    reader::{Picked, Read, Reader, Witness},
    recovery::OpenError,
    seal::Sealed,
    writer::Patience,
};
use crate::{alert::AlertId, state::State};

/// Appends that may wait for the one that is being committed.
const QUEUE: usize = 64;

/// A log on disk. Cheap to clone; all clones are the same log.
#[derive(Debug, Clone)]
pub struct Log {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Pending>,
    decode: Decode,
    config: Arc<Config>,
    seal: Seal,
}

/// What works for a log, until this is dropped.
#[derive(Debug)]
pub struct Workers {
    writer: JoinHandle<()>,
    retention: JoinHandle<()>,
    end: DropGuard,
}

/// What the log is given by others.
#[derive(Debug, Clone, Copy)]
pub struct Tools {
    /// Reads an alert that was encoded.
    pub decode: Decode,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
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
    /// The receive time of the newest alert; none while there is none.
    pub head_time: Option<Timestamp>,
    /// How many alerts can be read.
    pub alerts: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// What they may take, in bytes.
    pub retention_bytes: u64,
}

/// How far a position is behind the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// How many alerts come after it.
    pub alerts: u64,
    /// About what they take on the disk, in bytes.
    pub bytes: u64,
    /// About when the first of them was received; none when there are none. It may
    /// be earlier, by as much as a segment spans.
    pub since: Option<Timestamp>,
}

/// Why the log takes nothing, or only slowly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The disk refuses.
    Refused {
        /// Since when.
        since: Timestamp,
        /// What it said.
        reason: String,
    },
    /// The disk does not answer.
    Slow {
        /// Since when.
        since: Timestamp,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { since, reason } => {
                write!(f, "the log cannot be written since {since:.0}: {reason}")
            }
            Self::Slow { since } => write!(f, "the log's disk does not answer since {since:.0}"),
        }
    }
}

/// Nothing was appended, since the log cannot be written now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unwritable(String);

/// An append on its way.
#[derive(Debug)]
pub struct Commit(oneshot::Receiver<Result<(), Unwritable>>);

impl Commit {
    /// Waits until it is in the log, and is as durable as [`Durability`] says.
    ///
    /// # Errors
    /// When it is not in the log.
    pub async fn done(self) -> Result<(), Unwritable> {
        self.0
            .await
            .unwrap_or_else(|_| Err(Unwritable("the log has ended".to_owned())))
    }
}

impl Log {
    /// Opens the log in `folder`, or begins it. It has to be called within a
    /// runtime; it blocks for as long as the disk takes to read what a crash
    /// left of the newest segment.
    ///
    /// # Errors
    /// When the folder cannot be used, or what is in it is not of this log or of
    /// a version that is not known.
    pub fn open(
        config: &Config,
        folder: &Path,
        state: &State,
        tools: Tools,
    ) -> Result<(Self, Workers), OpenError> {
        let Tools { decode, clock } = tools;
        let incarnation = Incarnation(state.incarnation()?);
        let segments = recovery::segments(folder, incarnation)?;
        let next = segments.last().map_or_else(Next::first, Segment::next);
        let epochs = state.begin_epoch(next.base.0)?;
        let limits = Limits {
            bytes: config.segment_bytes(),
            age: config.segment_age(),
        };
        let appender = Appender::new(folder.to_owned(), incarnation, limits, next);
        let shared = Arc::new(Shared::new(
            segments,
            next.base,
            Blocks::new(decode),
            (incarnation, epochs.into_iter().map(Position).collect()),
            (config.retention_bytes.0, config.memory.0),
        ));
        let (queue, pending) = mpsc::channel(QUEUE);
        let writer = Writer::new(Arc::clone(&shared), appender, config.durability, clock);
        let end = CancellationToken::new();
        let retention = retention::run(
            Arc::clone(&shared),
            config.retention_age.0,
            tools,
            end.clone(),
        );
        let workers = Workers {
            writer: tokio::spawn(writer.run(pending, end.clone())),
            retention: tokio::spawn(retention),
            end: end.drop_guard(),
        };
        let log = Self {
            shared,
            queue,
            decode,
            config: Arc::new(config.clone()),
            seal: Seal::new(&state.log_key()?),
        };
        Ok((log, workers))
    }

    /// How it is kept.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Which log this is.
    pub fn incarnation(&self) -> Incarnation {
        self.shared.incarnation
    }

    /// Which run of it this is.
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch()
    }

    /// `position` as clients get it, who learn nothing from it.
    pub fn seal(&self, position: Position) -> Sealed {
        self.seal.place(self.epoch(), position)
    }

    /// The position of this log that was sealed. None when there was no such position.
    pub fn unseal(&self, sealed: Sealed) -> Option<Position> {
        let (epoch, position) = self.seal.open_place(sealed)?;
        self.surviving(epoch, position)
    }

    /// An id by which those find an alert who must not try guesses at what is in it.
    pub fn seal_id(&self, id: AlertId) -> AlertId {
        self.seal.id(id)
    }

    /// The id that was sealed.
    pub fn unseal_id(&self, id: AlertId) -> AlertId {
        self.seal.open_id(id)
    }

    /// What is left of `position`, as it was in `epoch`: where that epoch held
    /// more than outlived it, its end. None when there was no such position.
    fn surviving(&self, epoch: Epoch, position: Position) -> Option<Position> {
        let index = usize::try_from(epoch.0).ok()?;
        let (_, later) = self.shared.epochs.get(index..)?.split_first()?;
        match later.iter().min() {
            Some(end) => Some(position.min(*end)),
            None => (position <= *self.shared.head.borrow()).then_some(position),
        }
    }

    /// Hands a batch to the writer, in its order, and waits only until it has
    /// its place in the queue.
    pub async fn begin_append(&self, batch: Vec<NewEntry>, patience: Patience) -> Commit {
        let items = batch
            .into_iter()
            .map(|new| NewItem::Alert(Entry::new(new, self.decode)));
        self.enqueue(items.collect(), patience).await
    }

    /// Appends a batch in its order.
    ///
    /// # Errors
    /// When the disk refuses: nothing of the batch is in the log then.
    pub async fn append(&self, batch: Vec<NewEntry>) -> Result<(), Unwritable> {
        let commit = self.begin_append(batch, Patience::Fail(Vec::new())).await;
        commit.done().await
    }

    /// Hands over that alerts never got in, for everyone to be told.
    pub async fn begin_notice(&self, notice: Notice) -> Commit {
        let item = NewItem::Notice(Position::START, notice);
        self.enqueue(vec![item], Patience::Wait).await
    }

    async fn enqueue(&self, items: Vec<NewItem>, patience: Patience) -> Commit {
        let (reply, commit) = oneshot::channel();
        let pending = Pending {
            items,
            patience,
            reply,
        };
        // Without a writer the reply is dropped, which tells the same.
        let _ = self.queue.send(pending).await;
        Commit(commit)
    }

    /// The head's position, and a way to wait until it moves.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.shared.head.subscribe()
    }

    /// What keeps the log from taking alerts, and a way to wait for a change.
    pub fn trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.shared.trouble.subscribe()
    }

    /// What the log holds now.
    pub fn bounds(&self) -> Bounds {
        self.shared.bounds()
    }

    /// How far `position` is behind the head.
    pub fn behind(&self, position: Position) -> Behind {
        self.shared.behind(position)
    }

    /// A reader that starts after `after`. `witness` says what it wants, and is
    /// asked when retention takes what the reader has not read.
    pub fn reader(&self, after: Position, witness: Witness) -> Reader {
        Reader::new(&self.shared, after, witness)
    }

    /// The position after which the first alert received at or after `time`
    /// comes.
    pub async fn before_time(&self, time: Timestamp) -> Position {
        let (before, span) = self.shared.place_of_time(time);
        let Some(span) = span else {
            return before;
        };
        let block = self.shared.block(&span).await;
        let time = nanoseconds(time);
        let first = block.items.iter().find_map(|item| match item {
            Item::Alert(entry) if nanoseconds(entry.receive_time) >= time => Some(entry.position),
            _ => None,
        });
        first.map_or(span.through, Position::previous)
    }

    /// Up to `limit` alerts after `after` and up to `through`, the oldest first.
    /// Those that are no longer there are passed over.
    pub async fn range(&self, after: Position, through: Position, limit: usize) -> Vec<Arc<Entry>> {
        let mut entries = Vec::new();
        let mut at = after;
        while at < through && entries.len() < limit {
            let place = self.shared.lock().place_after(at, limit);
            let (items, end) = match place {
                Place::AtHead => break,
                Place::Gone(start) => (Vec::new(), start),
                Place::Missing(lost) => (Vec::new(), lost.through),
                Place::Memory(items) => {
                    let end = items.last().map_or(through, Item::through);
                    (items, end)
                }
                Place::Disk(span) => {
                    let block = self.shared.block(&span).await;
                    (block.after(at).to_vec(), span.through)
                }
            };
            let room = limit - entries.len();
            let alerts = items.into_iter().filter_map(|item| match item {
                Item::Alert(entry) => Some(entry),
                Item::Lost(_) => None,
            });
            entries.extend(
                alerts
                    .take_while(|entry| entry.position <= through)
                    .take(room),
            );
            at = end;
        }
        entries
    }
}

impl Workers {
    /// Ends the log: it takes nothing more, and once everything that was appended
    /// is on the disk this returns.
    pub async fn finish(self) {
        drop(self.end);
        // Their panics were told where they happened.
        let _ = self.writer.await;
        let _ = self.retention.await;
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
