use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use jiff::Timestamp;

use super::{
    Overflow, Request, StreamState, View,
    class::{Ahead, Class},
};
use crate::log::Position;

/// All open streams. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams {
    shared: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    // By the order of opening.
    streams: BTreeMap<u64, Arc<Progress>>,
    next: u64,
}

/// An open stream, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStatus {
    /// Its id, as in its first frame.
    pub id: String,
    /// The client's name for itself.
    pub label: String,
    /// The client's address.
    pub peer: String,
    /// Who it is.
    pub identity: String,
    /// The filter's canonical text.
    pub filter: String,
    /// How much of each alert it gets.
    pub view: View,
    /// What happens when it falls behind.
    pub overflow: Overflow,
    /// Since when it is open.
    pub opened: Timestamp,
    /// Catching up, or live.
    pub state: StreamState,
    /// The position after what it was given.
    pub position: Position,
    /// How many alerts of the log it has not looked at yet.
    pub lag: u64,
    /// Alerts it was given.
    pub delivered: u64,
    /// Alerts it was told are lost.
    pub lost: u64,
}

/// A stream's place in the registry, which it leaves by dropping this.
#[derive(Debug)]
pub(super) struct Registration {
    streams: Streams,
    key: u64,
    progress: Arc<Progress>,
}

#[derive(Debug)]
pub(super) struct Progress {
    pub(super) id: String,
    label: String,
    peer: String,
    identity: String,
    overflow: Overflow,
    opened: Timestamp,
    live: AtomicBool,
    position: AtomicU64,
    delivered: AtomicU64,
    lost: AtomicU64,
    class: Arc<Class>,
}

impl Streams {
    /// Registers a stream; none when there are `most` already.
    pub(super) fn register(
        &self,
        request: &Request,
        class: &Arc<Class>,
        after: Position,
        now: Timestamp,
        most: usize,
    ) -> Option<Registration> {
        let mut open = self.lock();
        if open.streams.len() >= most {
            return None;
        }
        let progress = Arc::new(Progress {
            id: format!("{:016x}", fastrand::u64(..)),
            label: request.label.clone(),
            peer: request.peer.clone(),
            identity: request.identity.clone(),
            overflow: request.overflow,
            opened: now,
            live: AtomicBool::new(false),
            position: AtomicU64::new(after.0),
            delivered: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            class: Arc::clone(class),
        });
        let key = open.next;
        open.next += 1;
        open.streams.insert(key, Arc::clone(&progress));
        drop(open);
        Some(Registration {
            streams: self.clone(),
            key,
            progress,
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lock().streams.len()
    }

    /// All of them, with the log's head, of which `told` has been told.
    pub(super) fn list(&self, head: Position, told: Position) -> Vec<StreamStatus> {
        self.lock()
            .streams
            .values()
            .map(|progress| progress.status(head, told))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.streams.lock().streams.remove(&self.key);
    }
}

// Single words, each right by itself: an operator's view needs no more.
impl Progress {
    pub(super) fn moved_to(&self, position: Position) {
        self.position.store(position.0, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self, alerts: usize) {
        self.delivered.fetch_add(alerts as u64, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, alerts: u64) {
        self.lost.fetch_add(alerts, Ordering::Relaxed);
    }

    pub(super) fn entered(&self, state: StreamState) {
        self.live
            .store(state == StreamState::Live, Ordering::Relaxed);
    }

    fn status(&self, head: Position, told: Position) -> StreamStatus {
        let position = Position(self.position.load(Ordering::Relaxed));
        // It sleeps over what is not for it.
        let position = match self.class.ahead(position, told) {
            Ahead::Nothing(through) => through,
            Ahead::Unknown | Ahead::Places { .. } => position,
        };
        StreamStatus {
            id: self.id.clone(),
            label: self.label.clone(),
            peer: self.peer.clone(),
            identity: self.identity.clone(),
            filter: self.class.choice().filter().canonical().to_owned(),
            view: self.class.view(),
            overflow: self.overflow,
            opened: self.opened,
            state: if self.live.load(Ordering::Relaxed) {
                StreamState::Live
            } else {
                StreamState::CatchingUp
            },
            position,
            lag: head.since(position),
            delivered: self.delivered.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
        }
    }
}
