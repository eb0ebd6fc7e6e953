//! What is known about each source: its state for operators, its counters, and
//! the changes that subscribers are told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::Receipt;
use crate::alert::Origin;

/// All sources of a gateway. Cheap to clone.
///
/// Changes are numbered: whoever remembers the number of the last one it saw
/// asks [`Sources::changed_since`] and gets each changed source once, as it is
/// now. There is no queue of notices to overflow.
#[derive(Debug, Clone)]
pub struct Sources {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    // A std mutex, held for the copy of a few words only.
    entries: Mutex<Vec<SourceStatus>>,
    version: watch::Sender<u64>,
}

/// One source, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// Its id, transport, cluster and labels.
    pub origin: Origin,
    /// Where it reads from or listens on.
    pub address: String,
    /// Whether alerts can arrive.
    pub state: SourceState,
    /// The peer's version while it is up, the error while it is not.
    pub detail: String,
    /// Since when it is in this state.
    pub state_time: Timestamp,
    /// When the last alert came.
    pub last_alert_time: Option<Timestamp>,
    /// Documents that came.
    pub received: u64,
    /// Documents that the log has.
    pub accepted: u64,
    /// Documents refused, and lines skipped, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// System calls that Falco says it lost, in all its drop notices.
    pub upstream_drops: u64,
    changed: u64,
}

/// Whether alerts can arrive from a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceState {
    /// Not yet.
    Connecting,
    /// Yes.
    Connected,
    /// No; the gateway keeps trying.
    Disconnected,
    /// No more, and rightly so: standard input was closed, for instance.
    Finished,
}

impl Sources {
    /// None yet.
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                entries: Mutex::default(),
                version: watch::Sender::new(0),
            }),
        }
    }

    /// Adds a source, and returns the handle with which it reports.
    pub fn register(&self, origin: Origin, address: String, now: Timestamp) -> SourceHandle {
        let mut entries = self.entries();
        let index = entries.len();
        entries.push(SourceStatus {
            origin: origin.clone(),
            address,
            state: SourceState::Connecting,
            detail: String::new(),
            state_time: now,
            last_alert_time: None,
            received: 0,
            accepted: 0,
            rejected: BTreeMap::new(),
            upstream_drops: 0,
            changed: 0,
        });
        drop(entries);
        SourceHandle {
            sources: self.clone(),
            index,
            origin,
        }
    }

    /// All sources, in the order of registration.
    pub fn list(&self) -> Vec<SourceStatus> {
        self.entries().clone()
    }

    /// A number that grows with every change of state or report of drops.
    pub fn version(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// The sources that changed after `version`.
    pub fn changed_since(&self, version: u64) -> Vec<SourceStatus> {
        self.entries()
            .iter()
            .filter(|status| status.changed > version)
            .cloned()
            .collect()
    }

    /// Falco says, through the source `id`, that it lost so many system calls
    /// since its last notice.
    pub fn report_drops(&self, id: &str, drops: u64) {
        let index = self
            .entries()
            .iter()
            .position(|status| status.origin.source_id.as_ref() == id);
        if let Some(index) = index {
            self.announce(index, |status| status.upstream_drops += drops);
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<SourceStatus>> {
        self.shared
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, index: usize, change: impl FnOnce(&mut SourceStatus)) {
        // The version is raised under the lock, so that whoever sees the new
        // version also sees the change.
        let mut entries = self.entries();
        self.shared.version.send_modify(|version| {
            *version += 1;
            if let Some(status) = entries.get_mut(index) {
                change(status);
                status.changed = *version;
            }
        });
    }

    fn count(&self, index: usize, change: impl FnOnce(&mut SourceStatus)) {
        if let Some(status) = self.entries().get_mut(index) {
            change(status);
        }
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self::new()
    }
}

/// With this a source reports about itself. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SourceHandle {
    sources: Sources,
    index: usize,
    origin: Origin,
}

impl SourceHandle {
    /// What the source's alerts carry as their origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The source is in this state from `now` on. Subscribers are told when the
    /// state or the detail is a new one.
    pub fn enter(&self, state: SourceState, detail: impl Into<String>, now: Timestamp) {
        let detail = detail.into();
        let same = self
            .sources
            .entries()
            .get(self.index)
            .is_some_and(|status| status.state == state && status.detail == detail);
        if same {
            return;
        }
        self.sources.announce(self.index, |status| {
            if status.state != state {
                status.state_time = now;
            }
            status.state = state;
            status.detail = detail;
        });
    }

    /// Where the source listens, once that is known.
    pub fn set_address(&self, address: impl Into<String>) {
        let address = address.into();
        self.sources
            .count(self.index, |status| status.address = address);
    }

    /// Something was submitted at `now` and answered with `receipt`.
    pub fn count(&self, receipt: &Receipt, now: Timestamp) {
        let refused = receipt.refusals_by_reason();
        self.sources.count(self.index, |status| {
            let accepted = receipt.accepted.len() as u64;
            status.received += accepted + receipt.refusals.len() as u64;
            status.accepted += accepted;
            if accepted > 0 {
                status.last_alert_time = Some(now);
            }
            for (reason, count) in refused {
                *status.rejected.entry(reason).or_default() += count;
            }
        });
    }

    /// `count` inputs were refused before they became a [`super::Raw`].
    pub fn count_refused(&self, reason: &'static str, count: u64) {
        self.sources.count(self.index, |status| {
            status.received += count;
            *status.rejected.entry(reason).or_default() += count;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Transport;

    fn handle(sources: &Sources, id: &str) -> SourceHandle {
        sources.register(
            Origin::new(id, Transport::Http),
            String::new(),
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_change_is_told_once_and_as_it_is_now() {
        let sources = Sources::new();
        let (a, b) = (handle(&sources, "a"), handle(&sources, "b"));
        a.enter(SourceState::Connected, "0.43.1", Timestamp::UNIX_EPOCH);
        b.enter(SourceState::Connected, "", Timestamp::UNIX_EPOCH);
        a.enter(SourceState::Disconnected, "refused", Timestamp::UNIX_EPOCH);
        let seen = *sources.version().borrow();
        let changed = sources.changed_since(0);
        assert_eq!(changed.len(), 2);
        assert_eq!(changed[0].state, SourceState::Disconnected);
        a.enter(SourceState::Disconnected, "refused", Timestamp::UNIX_EPOCH);
        assert!(sources.changed_since(seen).is_empty());
        sources.report_drops("b", 3);
        assert_eq!(sources.changed_since(seen)[0].upstream_drops, 3);
    }
}
