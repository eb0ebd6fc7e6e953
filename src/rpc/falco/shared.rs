use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, task::yield_now};
use tokio_util::task::AbortOnDropHandle;

use super::queue::Queue;
use crate::{log::Position, pb::falco::outputs::Response};

/// How many responses are at hand; the others wait in the log.
const AT_HAND: usize = 32;

/// The one queue of all who compete.
///
/// Whoever is polled takes what is there. Nobody holds anything while he waits: a client
/// that does not read is not polled, and must not hold up the others.
#[derive(Debug)]
pub(super) struct SharedQueue {
    shared: Arc<Shared>,
    _filling: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    at_hand: Mutex<AtHand>,
    /// For those who take: there is more, or less.
    changed: Notify,
    /// For the one who fills.
    taken: Notify,
}

#[derive(Debug, Default)]
struct AtHand {
    /// Each with the position after it, the oldest first.
    responses: VecDeque<(Response, Position)>,
    /// Everything up to here is among the responses, or was taken.
    known: Position,
    /// Who took the last.
    taker: Option<Taker>,
    next_taker: u64,
    is_over: bool,
}

/// One of those who compete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taker(u64);

impl SharedQueue {
    /// Shares `queue`. To be called on a runtime.
    pub(super) fn new(queue: Queue) -> Self {
        let shared = Arc::<Shared>::default();
        let filling = tokio::spawn(Arc::clone(&shared).fill(queue));
        Self {
            shared,
            _filling: AbortOnDropHandle::new(filling),
        }
    }

    /// Another one who takes.
    pub(super) fn taker(&self) -> Taker {
        let mut at_hand = self.shared.at_hand();
        at_hand.next_taker += 1;
        Taker(at_hand.next_taker)
    }

    /// The next response; none at the end. Cancelling it loses nothing.
    pub(super) async fn next(&self, taker: Taker) -> Option<Response> {
        self.next_up_to(taker, Position(u64::MAX)).await
    }

    /// The next response up to `end`, without waiting for what is not there yet.
    pub(super) async fn next_up_to(&self, taker: Taker, end: Position) -> Option<Response> {
        loop {
            let changed = self.shared.changed.notified();
            if self.shared.at_hand().taker == Some(taker) {
                // The others first, if there are any.
                yield_now().await;
            }
            {
                let mut at_hand = self.shared.at_hand();
                let next = at_hand.responses.front();
                let is_beyond = next.is_some_and(|(_, position)| *position > end);
                if is_beyond || next.is_none() && at_hand.known >= end {
                    return None;
                }
                if let Some((response, _)) = at_hand.responses.pop_front() {
                    at_hand.taker = Some(taker);
                    drop(at_hand);
                    self.shared.taken.notify_one();
                    self.shared.changed.notify_waiters();
                    return Some(response);
                }
                if at_hand.is_over {
                    return None;
                }
            }
            changed.await;
        }
    }
}

impl Shared {
    async fn fill(self: Arc<Self>, mut queue: Queue) {
        while let Some(response) = queue.step().await {
            let Some(response) = response else {
                self.at_hand().known = queue.position();
                self.changed.notify_waiters();
                continue;
            };
            while self.at_hand().responses.len() >= AT_HAND {
                self.taken.notified().await;
            }
            let mut at_hand = self.at_hand();
            at_hand.known = queue.position();
            at_hand.responses.push_back((response, queue.position()));
            drop(at_hand);
            self.changed.notify_waiters();
        }
        self.at_hand().is_over = true;
        self.changed.notify_waiters();
    }

    fn at_hand(&self) -> MutexGuard<'_, AtHand> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
