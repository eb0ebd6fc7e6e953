//! What is known about each bridge, for operators.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{clock, pb::LossNotice};

/// All bridges of a gateway. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bridges {
    entries: Arc<Mutex<Vec<Reporter>>>,
}

#[derive(Debug)]
struct Entry {
    status: BridgeStatus,
    told: Told,
}

/// What was logged.
#[derive(Debug, Default)]
struct Told {
    /// Reasons, and when each was logged; the oldest first.
    reasons: VecDeque<(String, Timestamp)>,
    /// The last that was logged was trouble.
    is_trouble: bool,
}

/// How many reasons are remembered, and after how long one is logged again.
const REASONS: usize = 16;
const AGAIN: SignedDuration = SignedDuration::from_mins(10);

impl Told {
    /// Whether trouble for this reason is to be logged.
    fn is_news(&mut self, reason: &str, now: Timestamp) -> bool {
        self.reasons
            .retain(|(_, at)| now.duration_since(*at) < AGAIN);
        if self.reasons.iter().any(|(told, _)| told == reason) {
            return false;
        }
        self.reasons.truncate(REASONS - 1);
        self.reasons.push_front((reason.to_owned(), now));
        self.is_trouble = true;
        true
    }
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

impl BridgeState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Starting,
        Self::Delivering,
        Self::Retrying,
        Self::Disconnected,
        Self::Standby,
        Self::Stopped,
    ];

    /// The state's name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Delivering => "delivering",
            Self::Retrying => "retrying",
            Self::Disconnected => "disconnected",
            Self::Standby => "standby",
            Self::Stopped => "stopped",
        }
    }
}

impl Bridges {
    /// All bridges, in the order of the configuration.
    pub fn list(&self) -> Vec<BridgeStatus> {
        self.entries().iter().map(Reporter::status).collect()
    }

    /// Adds a bridge, and returns that with which it reports.
    pub(super) fn register(&self, name: &str, subscription: &str, target: String) -> Reporter {
        let status = BridgeStatus {
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
        };
        let entry = Entry {
            status,
            told: Told::default(),
        };
        let reporter = Reporter {
            entry: Arc::new(Mutex::new(entry)),
            name: name.into(),
        };
        self.entries().push(reporter.clone());
        reporter
    }

    /// Forgets the bridge called `name`; what it still reports nobody sees.
    pub fn remove(&self, name: &str) {
        self.entries().retain(|it| *it.name != *name);
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Reporter>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With this a bridge reports about itself. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    entry: Arc<Mutex<Entry>>,
    name: Arc<str>,
}

impl Reporter {
    fn status(&self) -> BridgeStatus {
        self.entry().status.clone()
    }

    fn entry(&self) -> MutexGuard<'_, Entry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The target took so many alerts.
    pub(super) fn delivered(&self, alerts: u64, answer: &str) {
        self.enter(BridgeState::Delivering, answer);
        self.change(|status| {
            status.delivered += alerts;
            status.last_delivery = Some(clock::now());
        });
    }

    /// The target refused so many alerts.
    pub(super) fn refused(&self, alerts: u64) {
        self.change(|status| status.refused += alerts);
    }

    /// The target took nothing, and is tried again at `next`.
    pub(super) fn retrying(&self, why: &str, next: Timestamp) {
        self.enter(BridgeState::Retrying, why);
        self.change(|status| {
            status.retries += 1;
            status.next_attempt = Some(next);
        });
    }

    /// The gateway told of a loss; it may do so again.
    pub(super) fn tell_loss(&self, loss: &LossNotice) {
        let cause = loss.cause().as_str_name();
        tracing::warn!(bridge = %self.name, lost = loss.lost, cause, "alerts were lost before they could be sent");
    }

    /// The target knows that so many alerts are gone.
    pub(super) fn lost(&self, alerts: u64) {
        self.change(|status| status.lost += alerts);
    }

    /// The subscription is open.
    pub(super) fn connected(&self) {
        let status = self.status();
        let away = |it: &BridgeStatus| {
            matches!(it.state, BridgeState::Disconnected | BridgeState::Standby)
        };
        if away(&status) {
            // What the target took before, it took.
            let state = match status.last_delivery {
                Some(_) => BridgeState::Delivering,
                None => BridgeState::Starting,
            };
            self.enter(state, "");
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

    fn enter(&self, state: BridgeState, detail: &str) {
        let now = clock::now();
        let mut is_news = false;
        self.change_entry(|Entry { status, told }| {
            let is_new = status.state != state;
            is_news = match state {
                BridgeState::Retrying | BridgeState::Disconnected | BridgeState::Standby => {
                    told.is_news(detail, now)
                }
                BridgeState::Stopped => is_new,
                // Of what comes and goes all the time the first trouble is told.
                BridgeState::Starting | BridgeState::Delivering => {
                    is_new && std::mem::take(&mut told.is_trouble)
                }
            };
            if is_new {
                status.state_time = now;
            }
            status.state = state;
            detail.clone_into(&mut status.detail);
            status.next_attempt = None;
        });
        if is_news {
            self.log(state, detail);
        }
    }

    fn log(&self, state: BridgeState, why: &str) {
        let bridge = &self.name;
        match state {
            BridgeState::Retrying => {
                tracing::warn!(%bridge, why, "the target takes nothing; alerts wait in the log");
            }
            BridgeState::Disconnected => {
                tracing::warn!(%bridge, why, "the bridge gets nothing from the gateway");
            }
            BridgeState::Standby => {
                tracing::warn!(%bridge, why, "another consumer has the bridge's subscription; it is taken again when that has left");
            }
            BridgeState::Delivering => tracing::info!(%bridge, "the target takes alerts again"),
            BridgeState::Starting => tracing::info!(%bridge, "the bridge has its subscription"),
            BridgeState::Stopped => tracing::info!(%bridge, "the bridge has ended"),
        }
    }

    fn change(&self, change: impl FnOnce(&mut BridgeStatus)) {
        self.change_entry(|entry| change(&mut entry.status));
    }

    fn change_entry(&self, change: impl FnOnce(&mut Entry)) {
        change(&mut self.entry());
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

    #[test]
    fn a_reason_is_told_once_in_a_while() {
        let mut told = Told::default();
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        assert!(told.is_news("a", at(0)) && told.is_news("b", at(1)));
        assert!(!told.is_news("a", at(2)) && !told.is_news("b", at(2)));
        assert!(told.is_news("a", at(10)));
        for reason in 0..100 {
            assert!(told.is_news(&reason.to_string(), at(11)));
        }
        assert_eq!(told.reasons.len(), REASONS);
    }
}
