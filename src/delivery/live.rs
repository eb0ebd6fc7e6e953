//! What has just been appended, told to those whom it may concern.
//!
//! One task follows the log for all streams that are at its head. It sifts each
//! alert once and wakes the classes that may want it: those that nothing is for
//! sleep on, however many they are.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{choice::Shower, classes::Classes};
use crate::{
    log::{Position, Read, Reader, Witness},
    source::Sources,
};

/// How many alerts are told at a time.
const BATCH: usize = 256;

/// What every stream is told. Ends its task when nobody has it any more.
#[derive(Debug, Clone)]
pub(super) struct Live {
    classes: Classes,
    signals: Arc<Signals>,
    _task: Arc<AbortOnDropHandle<()>>,
}

/// What streams look at each time: plain words that seldom change.
#[derive(Debug)]
struct Signals {
    sources: AtomicU64,
    is_draining: AtomicBool,
}

impl Live {
    /// Follows `log` and `sources` until `shutdown`.
    pub(super) fn new(shower: Shower, sources: &Sources, shutdown: CancellationToken) -> Self {
        let log = shower.log.clone();
        let head = log.bounds().head;
        let sources = sources.version();
        let signals = Arc::new(Signals {
            sources: AtomicU64::new(*sources.borrow()),
            is_draining: AtomicBool::new(false),
        });
        let classes = Classes::new(head, shower);
        let follower = Follower {
            reader: log.reader(head, Witness::of_all()),
            classes: classes.clone(),
            signals: Arc::clone(&signals),
        };
        let task = tokio::spawn(follower.run(sources, shutdown));
        Self {
            classes,
            signals,
            _task: Arc::new(AbortOnDropHandle::new(task)),
        }
    }

    /// Those who are told.
    pub(super) fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Everything up to here has been told to those whom it may concern.
    pub(super) fn told(&self) -> Position {
        self.classes.told()
    }

    /// The version of the sources.
    pub(super) fn sources(&self) -> u64 {
        self.signals.sources.load(Ordering::Acquire)
    }

    /// Streams are to end at the log's head.
    pub(super) fn is_draining(&self) -> bool {
        self.signals.is_draining.load(Ordering::Acquire)
    }
}

struct Follower {
    reader: Reader,
    classes: Classes,
    signals: Arc<Signals>,
}

impl Follower {
    async fn run(mut self, mut sources: watch::Receiver<u64>, shutdown: CancellationToken) {
        loop {
            let told = self.classes.told();
            let is_draining = self.signals.is_draining.load(Ordering::Acquire);
            tokio::select! {
                () = self.reader.wait_past(told) => self.tell().await,
                // `sources` is closed with the gateway, and then there are no more.
                Ok(()) = sources.changed() => {
                    let version = *sources.borrow_and_update();
                    self.signals.sources.store(version, Ordering::Release);
                    self.classes.stir_all();
                }
                () = shutdown.cancelled(), if !is_draining => {
                    self.signals.is_draining.store(true, Ordering::Release);
                    self.classes.stir_all();
                }
            }
        }
    }

    /// Tells what has been appended, or the first of it.
    async fn tell(&mut self) {
        let head = self.reader.head();
        if self.classes.tell_none(head) {
            self.reader.pass(head);
            return;
        }
        match self.reader.read(BATCH).await {
            Read::Entries(entries) => self.classes.tell(&entries),
            Read::Lost(lost) => self.classes.tell_lost(lost.through),
            Read::AtHead => {}
        }
    }
}
