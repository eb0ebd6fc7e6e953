//! The calls of one connection, run by the connection's own task.
//!
//! A task for each call would have to be woken, and the connection after it, a
//! thousand times for an alert that a thousand streams want. Here they wake the
//! connection once, it runs all that can go on, and what they wrote goes out
//! together.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_util::{FutureExt, future::BoxFuture};
use hyper::rt::Executor;
use slab::Slab;

use super::bells::{Bell, Bells, Key};

/// Takes the calls that a connection begins.
#[derive(Clone, Default)]
pub(super) struct Begun {
    calls: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
}

/// All calls of a connection.
pub(super) struct Calls {
    begun: Begun,
    calls: Slab<Call>,
    bells: Arc<Bells>,
}

/// A call, from its request to the end of its answer.
struct Call {
    future: BoxFuture<'static, ()>,
    bell: Arc<Bell>,
    waker: Waker,
}

impl<F> Executor<F> for Begun
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        // A task has one budget, and it would be used up by the first of its calls.
        let call = tokio::task::unconstrained(call).boxed();
        self.lock().push(call);
    }
}

impl Begun {
    fn lock(&self) -> MutexGuard<'_, Vec<BoxFuture<'static, ()>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    /// No calls yet. Their keys ring at `bells`.
    pub(super) fn new(bells: Arc<Bells>) -> Self {
        Self {
            begun: Begun::default(),
            calls: Slab::new(),
            bells,
        }
    }

    /// Where calls are begun.
    pub(super) fn begun(&self) -> Begun {
        self.begun.clone()
    }

    /// Lets those that were begun ring for the first time.
    pub(super) fn take_begun(&mut self) {
        for future in mem::take(&mut *self.begun.lock()) {
            let place = self.calls.vacant_entry();
            let bell = Bell::rung(place.key(), &self.bells);
            place.insert(Call {
                future,
                waker: Waker::from(Arc::clone(&bell)),
                bell,
            });
        }
    }

    /// Whether there is more than one.
    pub(super) fn are_several(&self) -> bool {
        self.calls.len() > 1
    }

    /// Goes on with the call of `key`.
    pub(super) fn go_on(&mut self, key: Key) {
        // It may have ended. If another has its key, that is asked once too often.
        if let Some(call) = self.calls.get_mut(key)
            && call.go_on().is_ready()
        {
            self.calls.remove(key);
        }
    }
}

/// hyper's calls hold what they are begun with, and so those that were begun in a
/// connection's last turn would hold themselves for ever.
impl Drop for Calls {
    fn drop(&mut self) {
        let never_taken = mem::take(&mut *self.begun.lock());
        drop(never_taken);
    }
}

impl Call {
    fn go_on(&mut self) -> Poll<()> {
        self.bell.reset();
        self.future
            .poll_unpin(&mut Context::from_waker(&self.waker))
    }
}
