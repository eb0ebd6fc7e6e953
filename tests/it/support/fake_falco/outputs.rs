use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::sync::watch;

use crate::support::soon;

/// The one queue of a Falco, and what became of all that was in it. It outlives
/// a server, as the real one outlives a hot restart.
#[derive(Debug, Clone)]
pub(crate) struct Outputs {
    state: Arc<watch::Sender<State>>,
}

/// What the tests look at.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Not yet taken.
    pub(crate) queue: VecDeque<Bytes>,
    /// Taken for a client, and forgotten.
    pub(crate) popped: Vec<Bytes>,
    /// Taken for nobody, at a shutdown.
    pub(crate) thrown_away: Vec<Bytes>,
    /// Requests read on any call.
    pub(crate) polls: usize,
    /// Answers about the version.
    pub(crate) versions: usize,
    /// Calls of `sub` that are open.
    pub(crate) open: usize,
    /// Calls whose requests ended while the call did not.
    pub(crate) half_closed: usize,
    /// As if stopped by SIGSTOP: nothing is read or answered.
    pub(crate) frozen: bool,
}

impl Outputs {
    pub(crate) fn new() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(State::default())),
        }
    }

    pub(crate) fn raise(&self, alerts: impl IntoIterator<Item = Bytes>) {
        self.update(|state| state.queue.extend(alerts));
    }

    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut result = None;
        self.state.send_modify(|state| result = Some(change(state)));
        result.unwrap()
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.borrow())
    }

    pub(crate) async fn wait_for(&self, what: &str, condition: impl FnMut(&State) -> bool) {
        let mut state = self.state.subscribe();
        soon(what, state.wait_for(condition)).await.unwrap();
    }

    pub(super) fn pop(&self) -> Option<Bytes> {
        self.update(|state| {
            let alert = state.queue.pop_front()?;
            state.popped.push(alert.clone());
            Some(alert)
        })
    }

    pub(super) fn throw_one_away(&self) {
        self.update(|state| {
            let alert = state.queue.pop_front();
            state.thrown_away.extend(alert);
        });
    }

    /// Waits while Falco is frozen; for ever if need be.
    pub(super) async fn thawed(&self) {
        let mut state = self.state.subscribe();
        state.wait_for(|state| !state.frozen).await.unwrap();
    }
}
