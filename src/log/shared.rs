use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use super::{
    Behind, Bounds, Cause, Epoch, Incarnation, Lost, Position, Trouble,
    appender::Committed,
    behind::{Early, Groups},
    block::{Block, Blocks},
    entry::Item,
    format,
    reader::{ReaderId, ReaderState},
    segment::{BlockSpan, Segment},
};

/// How long a reader waits when the system cannot read for now.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the writer, the readers and retention share.
#[derive(Debug)]
pub(super) struct Shared {
    // A std mutex, never held over an await: it is taken once for each batch
    // that is appended and once for each chunk that is read.
    state: Mutex<State>,
    pub(super) blocks: Blocks,
    pub(super) head: watch::Sender<Position>,
    /// Moves when retention has counted what readers missed.
    pub(super) counted: watch::Sender<u64>,
    /// The log has grown over its retention.
    pub(super) is_over: Notify,
    pub(super) trouble: watch::Sender<Option<Trouble>>,
    pub(super) incarnation: Incarnation,
    /// Where each epoch began; the last is this one.
    pub(super) epochs: Vec<Position>,
    pub(super) retention_bytes: u64,
    memory: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) segments: VecDeque<Segment>,
    /// The newest, in memory: one for each position, up to the head.
    recent: VecDeque<Item>,
    recent_bytes: u64,
    /// Everything after this position can be read.
    pub(super) start: Position,
    /// The position of the last alert ever appended.
    pub(super) head: Position,
    head_time: Option<i64>,
    pub(super) readers: BTreeMap<ReaderId, ReaderState>,
    /// Those that are before `start`.
    pub(super) behind: Groups,
    pub(super) next_reader: u64,
}

/// Where what comes after a position is.
#[derive(Debug)]
pub(super) enum Place {
    /// Here; at least one.
    Memory(Vec<Item>),
    Disk(BlockSpan),
    /// Retention took it, up to the log's start.
    Gone(Position),
    /// Not even on the disk, which should have it.
    Missing(Lost),
    /// Nowhere yet.
    AtHead,
}

impl Shared {
    pub(super) fn new(
        segments: Vec<Segment>,
        head: Position,
        blocks: Blocks,
        (incarnation, epochs): (Incarnation, Vec<Position>),
        (retention_bytes, memory): (u64, u64),
    ) -> Self {
        let segments = VecDeque::from(segments);
        let state = State {
            start: segments.front().map_or(head, Segment::base),
            head_time: segments
                .iter()
                .rev()
                .find_map(|segment| segment.extent.last_time),
            segments,
            head,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            blocks,
            head: watch::Sender::new(head),
            counted: watch::Sender::new(0),
            is_over: Notify::new(),
            trouble: watch::Sender::new(None),
            incarnation,
            epochs,
            retention_bytes,
            memory,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch(u32::try_from(self.epochs.len().saturating_sub(1)).unwrap_or(u32::MAX))
    }

    /// The block at `span`, however long the system cannot read it.
    pub(super) async fn block(&self, span: &BlockSpan) -> Arc<Block> {
        loop {
            match self.blocks.get(span).await {
                Ok(block) => return block,
                Err(error) => {
                    tracing::warn!(%error, "the log cannot be read for now");
                    sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Makes what was committed visible, and wakes the readers.
    pub(super) fn publish(&self, committed: Committed, items: Vec<Item>) {
        let witnesses = self.lock().behind.witnesses();
        let early = Early::count(witnesses, &items);
        let mut state = self.lock();
        let (base, after) = (committed.file.header.base, state.head);
        state.behind.count_early(&early, base, after);
        state.extend(committed);
        for item in items {
            state.remember(item, self.memory);
        }
        let head = state.head;
        let is_over = state.bytes() > self.retention_bytes;
        drop(state);
        self.head.send_replace(head);
        if is_over {
            self.is_over.notify_one();
        }
    }

    /// The next commit goes into another segment.
    pub(super) fn seal_newest(&self) {
        if let Some(newest) = self.lock().segments.back_mut() {
            newest.is_sealed = true;
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        let state = self.lock();
        Bounds {
            start: state.start,
            earliest_time: state
                .segments
                .iter()
                .find_map(|segment| segment.extent.first_time)
                .map(format::time),
            head: state.head,
            head_time: state.head_time.map(format::time),
            alerts: state.head.since(state.start) - state.notices(),
            bytes: state.bytes(),
            retention_bytes: self.retention_bytes,
        }
    }

    pub(super) fn behind(&self, position: Position) -> Behind {
        let state = self.lock();
        let ahead = state
            .segments
            .iter()
            .filter(|segment| segment.extent.end > position);
        let bytes = ahead.clone().map(|segment| segment.bytes_after(position));
        let alerts = state.head.since(position.max(state.start));
        let since = ahead.clone().find_map(|segment| segment.extent.first_time);
        Behind {
            alerts,
            bytes: bytes.sum(),
            since: since.filter(|_| alerts > 0).map(format::time),
        }
    }

    /// The position that must be before the first alert received at `time`, and
    /// the block to look for it in.
    pub(super) fn place_of_time(&self, time: Timestamp) -> (Position, Option<BlockSpan>) {
        let time = format::nanoseconds(time);
        let state = self.lock();
        let index = state
            .segments
            .partition_point(|segment| segment.extent.latest < time);
        match state.segments.get(index) {
            Some(segment) => (segment.base(), segment.block_at(time)),
            None => (state.head, None),
        }
    }
}

impl State {
    /// Where what comes after `after` is; from memory not more than `limit`.
    pub(super) fn place_after(&self, after: Position, limit: usize) -> Place {
        if after < self.start {
            return Place::Gone(self.start);
        }
        if after >= self.head {
            return Place::AtHead;
        }
        let recent_start = self.recent_start();
        if after >= recent_start {
            // Positions are dense, so the place of one is a subtraction.
            let skip = usize::try_from(after.since(recent_start)).unwrap_or(usize::MAX);
            return Place::Memory(self.recent.iter().skip(skip).take(limit).cloned().collect());
        }
        let index = self
            .segments
            .partition_point(|segment| segment.extent.end <= after);
        match self.segments.get(index) {
            Some(segment) if segment.base() <= after => segment
                .block_after(after)
                .map_or_else(|| missing(after, segment.extent.end), Place::Disk),
            Some(segment) => missing(after, segment.base()),
            None => missing(after, self.head),
        }
    }

    /// What is at `place`, if that is in memory.
    pub(super) fn recent(&self, place: Position) -> Option<&Item> {
        let index = place.previous().0.checked_sub(self.recent_start().0)?;
        self.recent.get(usize::try_from(index).ok()?)
    }

    /// What is after this position is in memory.
    fn recent_start(&self) -> Position {
        Position(self.head.0 - self.recent.len() as u64)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.extent.length)
            .sum()
    }

    fn notices(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.extent.notices.len() as u64)
            .sum()
    }

    fn extend(&mut self, committed: Committed) {
        let Committed { file, extent } = committed;
        self.head = extent.end;
        self.head_time = extent.last_time.or(self.head_time);
        match self.segments.back_mut() {
            Some(last) if Arc::ptr_eq(&last.file, &file) => last.extent = extent,
            last => {
                if let Some(last) = last {
                    last.is_sealed = true;
                }
                self.segments.push_back(Segment {
                    file,
                    extent,
                    is_sealed: false,
                });
            }
        }
    }

    fn remember(&mut self, item: Item, memory: u64) {
        self.recent_bytes += cost(&item);
        self.recent.push_back(item);
        while self.recent_bytes > memory && self.recent.len() > 1 {
            self.forget_oldest();
        }
    }

    /// Lets go of what is before the log's start.
    pub(super) fn forget_before_start(&mut self) {
        while self
            .recent
            .front()
            .is_some_and(|item| item.through() <= self.start)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(item) = self.recent.pop_front() {
            self.recent_bytes -= cost(&item);
        }
    }
}

fn cost(item: &Item) -> u64 {
    match item {
        Item::Alert(entry) => entry.cost(),
        Item::Lost(_) => size_of::<Item>() as u64,
    }
}

fn missing(after: Position, through: Position) -> Place {
    Place::Missing(Lost {
        after,
        through,
        cause: Cause::Corruption,
        count: through.since(after),
        lower_bound: false,
    })
}
