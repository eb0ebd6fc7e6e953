use std::{fmt, sync::Arc};

use tokio::sync::watch;

use super::{
    Cause, Entry, Lost, Position,
    behind::{Joined, Missed},
    entry::Item,
    segment::BlockSpan,
    shared::{Place, Shared, State},
};
use crate::alert::{Alert, Parts};

/// What a reader wants, so that the log can count what it misses.
#[derive(Clone)]
pub struct Witness {
    /// None wants everything.
    wants: Option<Wants>,
}

#[derive(Clone)]
struct Wants {
    /// Readers with equal names want the same.
    name: Arc<str>,
    /// What of an alert they are asked about.
    parts: Parts,
    asks: Arc<dyn Fn(&Alert) -> bool + Send + Sync>,
}

impl Witness {
    /// A witness that wants everything.
    pub fn of_all() -> Self {
        Self { wants: None }
    }

    /// A witness that wants what `asks` says, which reads only `parts`. Two with
    /// one `name` must want the same: the log asks only one of them then.
    pub fn new(
        name: impl Into<Arc<str>>,
        parts: Parts,
        asks: impl Fn(&Alert) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            wants: Some(Wants {
                name: name.into(),
                parts,
                asks: Arc::new(asks),
            }),
        }
    }

    /// Its name; none for one that wants everything.
    pub(super) fn name(&self) -> Option<&Arc<str>> {
        self.wants.as_ref().map(|wants| &wants.name)
    }

    /// What it reads; none of one that wants everything.
    pub(super) fn parts(&self) -> Option<&Parts> {
        self.wants.as_ref().map(|wants| &wants.parts)
    }

    pub(super) fn wants(&self, alert: &Alert) -> bool {
        self.wants.as_ref().is_none_or(|wants| (wants.asks)(alert))
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Witness({:?})", self.name())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReaderId(pub(super) u64);

/// What the log knows of a reader.
#[derive(Debug)]
pub(super) struct ReaderState {
    pub(super) position: Position,
    pub(super) witness: Witness,
    /// Wanted alerts that retention took before they were read, apart from what
    /// its group missed.
    pub(super) missed: Missed,
    /// Since when it is with those that were left behind.
    pub(super) joined: Option<Joined>,
    /// It is about to be said how many more were missed.
    pub(super) is_being_counted: bool,
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
    /// Alerts that cannot be read. What comes next is after them.
    Lost(Lost),
    /// Nothing yet.
    AtHead,
}

/// What [`Reader::pick`] found.
#[derive(Debug)]
pub struct Picked {
    /// The alerts.
    pub entries: Vec<Arc<Entry>>,
    /// The place without an alert that it ends before.
    pub ends_before: Option<Position>,
}

impl Reader {
    pub(super) fn new(shared: &Arc<Shared>, after: Position, witness: Witness) -> Self {
        let mut state = shared.lock();
        let id = ReaderId(state.next_reader);
        state.next_reader += 1;
        let reader = state.late_reader(after, witness);
        state.readers.insert(id, reader);
        drop(state);
        Self {
            shared: Arc::clone(shared),
            id,
            head: shared.head.subscribe(),
        }
    }

    /// Takes up to `limit` alerts, as many as are at hand, and moves on.
    /// Dropping the future takes nothing.
    pub async fn read(&mut self, limit: usize) -> Read {
        let mut counted = self.shared.counted.subscribe();
        loop {
            let look = self.shared.lock().look(self.id, limit);
            let elsewhere = match look {
                Look::Here(read) => return read,
                Look::Elsewhere(span) => span,
                Look::BeingCounted => {
                    // The sender is in `shared`: this cannot fail.
                    let _ = counted.changed().await;
                    continue;
                }
            };
            let block = self.shared.block(&elsewhere).await;
            let mut state = self.shared.lock();
            if let Some(read) = state.take(self.id, |after| block.after(after), limit) {
                return read;
            }
        }
    }

    /// What retention took before it was read, if there is any; it moves on past that.
    pub async fn lost(&mut self) -> Option<Lost> {
        let is_behind = {
            let state = self.shared.lock();
            let reader = state.readers.get(&self.id)?;
            reader.position < state.start
        };
        if !is_behind {
            return None;
        }
        // The log's start only moves on, so there are no alerts to be found here.
        match self.read(1).await {
            Read::Lost(lost) => Some(lost),
            Read::Entries(_) | Read::AtHead => None,
        }
    }

    /// Moves on without reading, to `to`: up to there it has, or wants, nothing
    /// more. Whether it did: while retention counts for it, [`Self::read`] has to
    /// wait for that.
    pub fn pass(&mut self, to: Position) -> bool {
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        let Some(reader) = state.readers.get_mut(&self.id) else {
            return false;
        };
        if reader.position < state.start {
            if to < state.start || reader.is_being_counted {
                return false;
            }
            reader.missed = Missed::default();
            if let Some(joined) = reader.joined.take() {
                state.behind.leave(&reader.witness, joined);
            }
        }
        reader.position = to;
        true
    }

    /// What is at `places`, if all of that is at hand. It ends before the first
    /// place without an alert, which is told with it.
    pub fn pick(&self, places: &[Position]) -> Option<Picked> {
        let state = self.shared.lock();
        let mut entries = Vec::with_capacity(places.len());
        for place in places {
            match state.recent(*place)? {
                Item::Alert(entry) => entries.push(Arc::clone(entry)),
                Item::Lost(_) => {
                    return Some(Picked {
                        entries,
                        ends_before: Some(*place),
                    });
                }
            }
        }
        Some(Picked {
            entries,
            ends_before: None,
        })
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

/// Where a reader goes on.
enum Look {
    Here(Read),
    Elsewhere(BlockSpan),
    BeingCounted,
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(reader) = state.readers.remove(&self.id)
            && let Some(joined) = reader.joined
        {
            state.behind.leave(&reader.witness, joined);
        }
    }
}

impl State {
    fn look(&mut self, id: ReaderId, limit: usize) -> Look {
        let Some(reader) = self.readers.get(&id) else {
            return Look::Here(Read::AtHead);
        };
        let items = match self.place_after(reader.position, limit) {
            Place::AtHead => return Look::Here(Read::AtHead),
            Place::Disk(span) => return Look::Elsewhere(span),
            Place::Gone(_) if self.is_being_counted(reader) => return Look::BeingCounted,
            Place::Gone(start) => return Look::Here(self.fall_off(id, start)),
            Place::Missing(lost) => vec![Item::Lost(lost)],
            Place::Memory(items) => items,
        };
        Look::Here(self.take(id, |_| &items, limit).unwrap_or(Read::AtHead))
    }

    /// Takes the first of `items`; none when retention took them meanwhile.
    fn take<'a>(
        &mut self,
        id: ReaderId,
        items: impl FnOnce(Position) -> &'a [Item],
        limit: usize,
    ) -> Option<Read> {
        let reader = self.readers.get_mut(&id)?;
        if reader.position < self.start {
            return None;
        }
        let items = items(reader.position);
        let alerts = items.iter().map_while(|item| match item {
            Item::Alert(entry) => Some(Arc::clone(entry)),
            Item::Lost(_) => None,
        });
        let entries: Vec<_> = alerts.take(limit).collect();
        if let Some(last) = entries.last() {
            reader.position = last.position;
            return Some(Read::Entries(entries));
        }
        let Item::Lost(lost) = items.first()? else {
            return None;
        };
        let lost = Lost {
            after: reader.position,
            ..*lost
        };
        reader.position = lost.through;
        Some(Read::Lost(reader.of_interest(lost)))
    }

    /// A reader that starts at `after`, of which part may be gone already.
    fn late_reader(&self, after: Position, witness: Witness) -> ReaderState {
        let gone = self.start.since(after);
        let notices_gone = self
            .segments
            .front()
            .map_or(0, |segment| segment.file.header.notices);
        let wants_all = witness.name().is_none();
        ReaderState {
            position: after,
            witness,
            // Where notices were, some places had no alert, and some stood for
            // many.
            missed: Missed {
                count: if wants_all {
                    gone.saturating_sub(notices_gone)
                } else {
                    0
                },
                lower_bound: gone > 0 && (!wants_all || notices_gone > 0),
            },
            joined: None,
            is_being_counted: false,
        }
    }

    fn is_being_counted(&self, reader: &ReaderState) -> bool {
        reader.is_being_counted
            || reader.joined.is_some() && self.behind.is_being_counted(&reader.witness)
    }

    /// The reader is before the log's start, and all that it missed is counted.
    fn fall_off(&mut self, id: ReaderId, start: Position) -> Read {
        let Some(reader) = self.readers.get_mut(&id) else {
            return Read::AtHead;
        };
        let mut missed = std::mem::take(&mut reader.missed);
        if let Some(joined) = reader.joined.take() {
            missed.add(self.behind.leave(&reader.witness, joined));
        }
        let lost = Lost {
            after: reader.position,
            through: start,
            cause: Cause::Retention,
            count: missed.count,
            lower_bound: missed.lower_bound,
        };
        reader.position = start;
        Read::Lost(lost)
    }
}

impl ReaderState {
    /// What is lost as it is told to this reader: what cannot be read any more
    /// cannot be asked about.
    fn of_interest(&self, lost: Lost) -> Lost {
        if self.witness.name().is_none() {
            return lost;
        }
        Lost {
            count: 0,
            lower_bound: true,
            ..lost
        }
    }
}
