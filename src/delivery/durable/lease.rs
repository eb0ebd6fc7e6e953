use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    super::{Choice, Delivery, Loss},
    held::Durable,
    window::Window,
};
use crate::log::Position;

/// Who consumes it.
#[derive(Debug)]
pub(super) struct Consuming {
    pub(super) who: Who,
    pub(super) epoch: u64,
    pub(super) window: Window,
    /// What it has been given.
    pub(super) delivered: Position,
    pub(super) end: watch::Sender<Option<End>>,
}

/// A consumer, for operators and for the one that it has replaced.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) label: String,
    pub(super) peer: String,
    pub(super) since: Timestamp,
}

/// Why a consumer has it no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Another one has.
    Superseded(String),
    /// It has another filter or position.
    Changed,
    /// It is gone.
    Deleted,
}

/// What a consumer has of it.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) durable: Arc<Durable>,
    pub(super) epoch: u64,
    pub(super) going: GoingOn,
    pub(super) end: watch::Receiver<Option<End>>,
    pub(super) confirmed: watch::Receiver<Position>,
}

/// How a consumer goes on.
#[derive(Debug)]
pub(super) struct GoingOn {
    pub(super) choice: Choice,
    /// After this.
    pub(super) start: Position,
    /// What it is to be told first.
    pub(super) losses: Vec<Loss>,
}

/// Something that was given to a consumer and is to be acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given {
    /// An alert, of so many bytes.
    Alert(Position, usize),
    /// The notice of a loss.
    Loss(Loss),
}

/// Epochs of consumers, of all subscriptions.
#[derive(Debug)]
pub(super) struct Epochs(AtomicU64);

impl Epochs {
    /// They grow over restarts, too, without being written each time.
    pub(super) fn new(delivery: &Delivery) -> Self {
        Self(AtomicU64::new(u64::from(delivery.log().epoch().0) << 32))
    }

    pub(super) fn next(&self) -> u64 {
        // By any step: nobody is to count how often others consume.
        let step = fastrand::u64(1..=8);
        self.0.fetch_add(step, Ordering::Relaxed) + step
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.label.as_str() {
            "" => f.write_str(&self.peer),
            label => write!(f, "{label:?} at {}", self.peer),
        }
    }
}
