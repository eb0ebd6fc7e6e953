use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{
    Batching, Request, View,
    choice::{Choice, Chosen, Shower},
    request::bytes_of,
};
use crate::log::{Entry, Position};

/// Chunks that are kept for the subscribers that come behind the one that had
/// them made. They hold alerts that are also in the log's memory, or are read
/// from disk by several at a time.
const KEPT_CHUNKS: usize = 16;

/// So many places are remembered; who is behind them reads the log.
const KEPT_PLACES: usize = 256;

/// Subscribers that want the same: each alert is asked about once for all of
/// them, and each frame is made once.
///
/// There is no order among them. Whoever comes first to a place in the log makes
/// the chunk that begins there, and the others find it. Those at different places
/// meet at the end of the next chunk.
#[derive(Debug)]
pub(super) struct Class {
    choice: Choice,
    shower: Shower,
    view: View,
    batching: Batching,
    // The newest last.
    chunks: Mutex<VecDeque<Arc<Chunk>>>,
    /// None when it is told of everything.
    expected: Option<Mutex<Expected>>,
    /// Grows each time that its subscribers are woken.
    version: AtomicU64,
    stirred: Notify,
}

/// Where in the log there may be something for a class.
#[derive(Debug)]
struct Expected {
    /// All places after this one are known.
    since: Position,
    places: VecDeque<Position>,
}

/// What is known of the log after a position.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    /// Nothing is.
    Unknown,
    /// There is nothing for the class up to here.
    Nothing(Position),
    /// What there is for it up to `through` is at these places.
    Places {
        places: Vec<Position>,
        through: Position,
    },
}

/// A stretch of the log as subscribers of a class get it.
#[derive(Debug)]
pub(super) struct Chunk {
    /// It is after this position,
    pub(super) after: Position,
    /// and up to and with this one.
    pub(super) through: Position,
    /// What is in it for them, in order; there may be nothing.
    pub(super) parts: Vec<Part>,
}

/// A part of a chunk.
#[derive(Debug)]
pub(super) enum Part {
    Frame(Arc<AlertFrame>),
    /// Here is what is no alert to this version of the gateway, and so cannot be
    /// asked about.
    Unreadable(Position),
}

/// Alerts that are sent together, and the bytes that all subscribers get.
#[derive(Debug)]
pub struct AlertFrame {
    entries: Vec<Arc<Entry>>,
    /// The position after it.
    position: Position,
    bytes: OnceLock<Bytes>,
}

impl AlertFrame {
    /// The alerts; at least one.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The position after it.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The frame as it is sent. `encode` must make the same whoever asks: only
    /// the first who does is heard.
    pub fn encoded(&self, encode: impl FnOnce(Position, &[Arc<Entry>]) -> Bytes) -> Bytes {
        let bytes = self
            .bytes
            .get_or_init(|| encode(self.position, &self.entries));
        bytes.clone()
    }
}

impl Class {
    /// The class of `request`, which is told what is for it after `told_since`; if
    /// none, it is told of everything.
    pub(super) fn new(request: &Request, shower: Shower, told_since: Option<Position>) -> Self {
        let expected = told_since.map(|since| {
            Mutex::new(Expected {
                since,
                places: VecDeque::new(),
            })
        });
        Self {
            choice: request.choice.clone(),
            shower,
            view: request.view,
            batching: request.batching,
            chunks: Mutex::default(),
            expected,
            version: AtomicU64::new(0),
            stirred: Notify::new(),
        }
    }

    /// What its subscribers want.
    pub(super) fn choice(&self) -> &Choice {
        &self.choice
    }

    /// How much of it they get.
    pub(super) fn view(&self) -> View {
        self.view
    }

    /// There may be something for it at `place`, which is after all earlier ones.
    pub(super) fn expect(&self, place: Position) {
        let Some(expected) = &self.expected else {
            return;
        };
        let mut expected = lock(expected);
        expected.places.push_back(place);
        if expected.places.len() > KEPT_PLACES
            && let Some(forgotten) = expected.places.pop_front()
        {
            expected.since = forgotten;
        }
    }

    /// What is known of the log from `after` to `told`, up to where it has been
    /// told.
    pub(super) fn ahead(&self, after: Position, told: Position) -> Ahead {
        let Some(expected) = &self.expected else {
            return Ahead::Unknown;
        };
        let expected = lock(expected);
        if after < expected.since || told < after {
            return Ahead::Unknown;
        }
        let first = expected.places.partition_point(|place| *place <= after);
        let places = expected.places.range(first..).copied();
        let places: Vec<_> = places.take_while(|place| *place <= told).collect();
        if places.is_empty() {
            return Ahead::Nothing(told);
        }
        Ahead::Places {
            places,
            through: told,
        }
    }

    /// Wakes its subscribers.
    pub(super) fn stir(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        self.stirred.notify_waiters();
    }

    /// To be remembered before looking for something to do, for [`Self::changed`].
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Waits until it has been stirred since it had `version`.
    pub(super) async fn changed(&self, version: u64) {
        // From here on every stir is noticed.
        let stirred = pin!(self.stirred.notified());
        if self.version() == version {
            stirred.await;
        }
    }

    /// The chunk after `after`, if somebody of the class had it made.
    pub(super) fn find(&self, after: Position) -> Option<Arc<Chunk>> {
        let chunks = lock(&self.chunks);
        let found = chunks.iter().rev().find(|chunk| chunk.after == after);
        found.cloned()
    }

    /// Makes the chunk from `after` to `through`, where `entries` are all that may
    /// be for it, and keeps it for others.
    pub(super) fn make(
        &self,
        after: Position,
        through: Position,
        entries: Vec<Arc<Entry>>,
    ) -> Arc<Chunk> {
        let chunk = Arc::new(self.chunk(after, through, entries));
        let mut chunks = lock(&self.chunks);
        chunks.push_back(Arc::clone(&chunk));
        if chunks.len() > KEPT_CHUNKS {
            chunks.pop_front();
        }
        chunk
    }

    fn chunk(&self, after: Position, through: Position, entries: Vec<Arc<Entry>>) -> Chunk {
        let mut chunk = Chunk {
            after,
            through,
            parts: Vec::new(),
        };
        let mut filling = Filling::default();
        for entry in entries {
            match self.shower.show(&entry, &self.choice) {
                Chosen::Unknown => {
                    chunk
                        .parts
                        .extend(filling.take(Some(entry.position.previous())));
                    chunk.parts.push(Part::Unreadable(entry.position));
                }
                Chosen::No => {}
                Chosen::Yes(shown) => {
                    filling.push(shown, self.view);
                    if filling.is_full(self.batching) {
                        chunk.parts.extend(filling.take(None));
                    }
                }
            }
        }
        chunk.parts.extend(filling.take(Some(chunk.through)));
        chunk
    }
}

/// A frame that is being filled.
#[derive(Default)]
struct Filling {
    entries: Vec<Arc<Entry>>,
    bytes: usize,
}

impl Filling {
    fn push(&mut self, entry: Arc<Entry>, view: View) {
        self.bytes += bytes_of(view, &entry);
        self.entries.push(entry);
    }

    fn is_full(&self, batching: Batching) -> bool {
        self.entries.len() >= batching.max_alerts || self.bytes >= batching.max_bytes
    }

    /// The frame, if anything is in it. It ends with its last alert, or with what
    /// was looked at behind that.
    fn take(&mut self, end: Option<Position>) -> Option<Part> {
        let entries = std::mem::take(&mut self.entries);
        self.bytes = 0;
        let last = entries.last()?.position;
        Some(Part::Frame(Arc::new(AlertFrame {
            entries,
            position: end.unwrap_or(last),
            bytes: OnceLock::new(),
        })))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delivery::tests::{Bench, next, of_rule, request, shorts},
        delivery::{FrameKind, Start, Subscription},
    };

    async fn alerts(subscription: &mut Subscription) -> Arc<AlertFrame> {
        match next(subscription).await.kind {
            FrameKind::Alerts(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_want_the_same_get_the_same_frame() {
        let bench = Bench::new();
        let odd = |view| Request {
            choice: of_rule("odd"),
            view,
            ..request(Start::Latest)
        };
        let mut first = bench.open(odd(View::Full)).await;
        let mut second = bench.open(odd(View::Full)).await;
        let mut other = bench.open(odd(View::Basic)).await;
        for subscription in [&mut first, &mut second, &mut other] {
            shorts(subscription, 3).await;
        }
        bench.append("odd", 2).await;
        let frame = alerts(&mut first).await;
        assert!(Arc::ptr_eq(&frame, &alerts(&mut second).await));
        assert!(!Arc::ptr_eq(&frame, &alerts(&mut other).await));
        let bytes = frame.encoded(|_, _| Bytes::from_static(b"once"));
        assert_eq!(bytes, frame.encoded(|_, _| panic!("encoded twice")));
    }

    #[tokio::test(start_paused = true)]
    async fn those_at_different_places_meet() {
        let bench = Bench::new();
        bench.append("a", 10).await;
        let from = |position| Start::After(bench.delivery.cursor(Position(position)));
        let mut early = bench.open(request(from(2))).await;
        let mut late = bench.open(request(from(7))).await;
        for (subscription, count) in [(&mut early, 8), (&mut late, 3)] {
            shorts(subscription, 2).await;
            assert_eq!(alerts(subscription).await.entries().len(), count);
            assert_eq!(shorts(subscription, 1).await, ["Live"]);
        }
        bench.append("a", 1).await;
        let frame = alerts(&mut early).await;
        assert!(Arc::ptr_eq(&frame, &alerts(&mut late).await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_class_that_everyone_has_left_is_forgotten() {
        let bench = Bench::new();
        drop(bench.open(request(Start::Latest)).await);
        let other = Request {
            view: View::Raw,
            ..request(Start::Latest)
        };
        let _open = bench.open(other).await;
        assert_eq!(bench.delivery.live.classes().len(), 1);
    }
}
