//! What is known about each bridge, for operators.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::{clock, pb::LossNotice};

/// All bridges of a gateway. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bridges {
    entries: Arc<Mutex<Vec<BridgeStatus>>>,
}

/// One bridge, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeStatus {
    /// Its name.
    pub name: String,
    /// The durable subscription that it consumes.
    pub subscription: String,
    /// What it sends to.
    pub target: String,
    /// How it is with the target.
    pub state: BridgeState,
    /// The target's last answer, or what is wrong.
    pub detail: String,
    /// Since when it is in this state.
    pub state_time: Timestamp,
    /// Alerts that the target has.
    pub delivered: u64,
    /// Alerts that the target refused.
    pub refused: u64,
    /// Requests that came to nothing and were tried again.
    pub retries: u64,
    /// Alerts that were gone before they could be sent.
    pub lost: u64,
    /// When the target last took something.
    pub last_delivery: Option<Timestamp>,
    /// When the target is tried again; none unless it is waited for.
    pub next_attempt: Option<Timestamp>,
}

/// How it is with a bridge's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BridgeState {
    /// Nothing was sent yet.
    Starting,
    /// The target took what was last sent.
    Delivering,
    /// It did not, and is tried again; alerts wait in the log.
    Retrying,
    /// The gateway, or the subscription, cannot be had.
    Disconnected,
    /// Another consumer has the subscription: this one waits until that leaves.
    Standby,
    /// It ended with the gateway.
    Stopped,
}

impl Bridges {
    /// All bridges, in the order of the configuration.
    pub fn list(&self) -> Vec<BridgeStatus> {
        self.entries().clone()
    }

    /// Adds a bridge, and returns that with which it reports.
    pub(super) fn register(&self, name: &str, subscription: &str, target: String) -> Reporter {
        let mut entries = self.entries();
        let index = entries.len();
        entries.push(BridgeStatus {
            name: name.to_owned(),
            subscription: subscription.to_owned(),
            target,
            state: BridgeState::Starting,
            detail: String::new(),
            state_time: clock::now(),
            delivered: 0,
            refused: 0,
            retries: 0,
            lost: 0,
            last_delivery: None,
            next_attempt: None,
        });
        drop(entries);
        Reporter {
            bridges: self.clone(),
            index,
            name: name.into(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<BridgeStatus>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With this a bridge reports about itself. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    bridges: Bridges,
    index: usize,
    name: Arc<str>,
}

impl Reporter {
    /// The target took so many alerts.
    pub(super) fn delivered(&self, alerts: u64, answer: &str) {
        self.enter(BridgeState::Delivering, answer);
        self.change(|status| {
            status.delivered += alerts;
            status.last_delivery = Some(clock::now());
        });
    }

    /// The target refused an alert.
    pub(super) fn refused(&self) {
        self.change(|status| status.refused += 1);
    }

    /// The target took nothing, and is tried again at `next`.
    pub(super) fn retrying(&self, why: &str, next: Timestamp) {
        self.enter(BridgeState::Retrying, why);
        self.change(|status| {
            status.retries += 1;
            status.next_attempt = Some(next);
        });
    }

    /// The gateway told of a loss.
    pub(super) fn lost(&self, loss: &LossNotice) {
        let cause = loss.cause().as_str_name();
        tracing::warn!(bridge = %self.name, lost = loss.lost, cause, "alerts were lost before they could be sent");
        self.change(|status| status.lost += loss.lost);
    }

    /// The subscription is open.
    pub(super) fn connected(&self) {
        let was_away =
            self.bridges.entries().get(self.index).is_some_and(|it| {
                matches!(it.state, BridgeState::Disconnected | BridgeState::Standby)
            });
        if was_away {
            self.enter(BridgeState::Starting, "");
        }
    }

    /// The subscription cannot be had.
    pub(super) fn disconnected(&self, why: &str) {
        self.enter(BridgeState::Disconnected, why);
    }

    /// Somebody else has the subscription.
    pub(super) fn standby(&self, why: &str) {
        self.enter(BridgeState::Standby, why);
    }

    /// There is nothing more to come.
    pub(super) fn stopped(&self) {
        self.enter(BridgeState::Stopped, "");
    }

    /// A new state, and a new trouble, are logged once.
    fn enter(&self, state: BridgeState, detail: &str) {
        let mut changed = false;
        self.change(|status| {
            let is_trouble = state != BridgeState::Delivering;
            changed = status.state != state || is_trouble && status.detail != detail;
            if status.state != state {
                status.state_time = clock::now();
            }
            status.state = state;
            detail.clone_into(&mut status.detail);
            status.next_attempt = None;
        });
        if !changed {
            return;
        }
        let bridge = &self.name;
        match state {
            BridgeState::Retrying => {
                tracing::warn!(%bridge, why = detail, "the target takes nothing; alerts wait in the log");
            }
            BridgeState::Disconnected => {
                tracing::warn!(%bridge, why = detail, "the bridge gets nothing from the gateway");
            }
            BridgeState::Standby => {
                tracing::warn!(%bridge, why = detail, "another consumer has the bridge's subscription; it is taken again when that has left");
            }
            BridgeState::Delivering => tracing::info!(%bridge, "the target takes alerts"),
            BridgeState::Starting => tracing::info!(%bridge, "the bridge has its subscription"),
            BridgeState::Stopped => tracing::info!(%bridge, "the bridge has ended"),
        }
    }

    fn change(&self, change: impl FnOnce(&mut BridgeStatus)) {
        if let Some(status) = self.bridges.entries().get_mut(self.index) {
            change(status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_what_happened() {
        let bridges = Bridges::default();
        let reporter = bridges.register("siem", "siem-sub", "webhook".into());
        assert_eq!(bridges.list()[0].state, BridgeState::Starting);
        reporter.delivered(3, "HTTP 200");
        reporter.retrying("HTTP 503", Timestamp::MAX);
        let status = bridges.list().remove(0);
        assert_eq!((status.delivered, status.retries), (3, 1));
        assert_eq!(status.next_attempt, Some(Timestamp::MAX));
        assert_eq!(
            (status.state, status.detail.as_str()),
            (BridgeState::Retrying, "HTTP 503")
        );
        reporter.delivered(2, "HTTP 200");
        let status = bridges.list().remove(0);
        assert_eq!((status.delivered, status.next_attempt), (5, None));
        reporter.connected();
        assert_eq!(bridges.list()[0].state, BridgeState::Delivering);
    }
}
