//! What a later reader must be able to find out: who was let in, who was not, and when the
//! rules changed. Events of one tracing target, so that they can be kept apart.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::{Denied, Peer, Session};
use crate::policy::Identity;

/// So many denials are written in a second.
const MOST_DENIALS: NonZeroU32 = match NonZeroU32::new(20) {
    Some(most) => most,
    None => NonZeroU32::MIN,
};

/// The target of all these events.
pub const TARGET: &str = "falco_gateway::audit";

pub(super) fn entered(peer: &Peer, session: &Session, method: &str) {
    tracing::info!(
        target: TARGET,
        // As text, which is escaped: names are an issuer's to choose.
        identity = session.identity().to_string(),
        grant = session.grant().name,
        peer = peer.address(),
        method,
        "allowed"
    );
}

/// What was denied, and how often.
#[derive(Debug)]
pub(super) struct Denials {
    counts: Mutex<BTreeMap<&'static str, u64>>,
    limiter: DefaultDirectRateLimiter,
    /// Denied and not written.
    untold: AtomicU64,
}

impl Default for Denials {
    fn default() -> Self {
        Self {
            // All of them from the beginning: a counter that appears at 1 hides the first.
            counts: Mutex::new(Denied::REASONS.map(|reason| (reason, 0)).into()),
            limiter: RateLimiter::direct(Quota::per_second(MOST_DENIALS)),
            untold: AtomicU64::new(0),
        }
    }
}

impl Denials {
    /// Somebody was denied something. Whoever is can be again and again, so not more is
    /// written than a disk can bear, and how much was left out is said.
    pub(super) fn tell(
        &self,
        peer: &Peer,
        identity: Option<&Identity>,
        method: &str,
        denied: &Denied,
    ) {
        let reason = denied.reason();
        *self.counted().entry(reason).or_default() += 1;
        if self.limiter.check().is_err() {
            self.untold.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let untold = self.untold.swap(0, Ordering::Relaxed);
        if untold > 0 {
            tracing::warn!(target: TARGET, untold, "more was denied than is written here");
        }
        tracing::warn!(
            target: TARGET,
            identity = identity.map(ToString::to_string),
            peer = peer.address(),
            method,
            reason,
            why = %denied,
            "denied"
        );
    }

    /// How often, by why.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = self.counted();
        counts
            .iter()
            .map(|(reason, count)| (*reason, *count))
            .collect()
    }

    fn counted(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn policy_changed(grants: usize, ended: usize) {
    tracing::info!(target: TARGET, grants, ended, "the policy was read anew");
}
