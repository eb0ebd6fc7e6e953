//! How much of the gateway anybody can take before it is known who he is.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::units::{Size, Span};

/// So many calls may wait for the rest of their requests, in all and from one address. A
/// message that is announced takes memory before it comes.
const MOST_WAITING: usize = 1000;
const MOST_WAITING_PER_ADDRESS: usize = 250;

/// The bounds of connections to the gRPC services, on all listeners together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time; further ones are closed at once.
    pub connections: usize,
    /// Of them, from one address. Unix sockets have none.
    pub connections_per_address: usize,
    /// Calls at a time, streams among them; further ones are refused.
    pub calls: usize,
    /// Of them, from one address.
    pub calls_per_address: usize,
    /// And on one connection; further ones wait, since clients know it beforehand.
    pub calls_per_connection: u32,
    /// A call's headers together.
    pub header_bytes: Size,
    /// What all requests may take that are not whole yet.
    pub request_memory: Size,
    /// How long a connection may take to say what it speaks.
    pub greeting_time: Span,
    /// How long a call may take to send its request, unless it is a stream.
    pub request_time: Span,
    /// After how much silence a connection is asked whether it is still there, and how
    /// long it may take to answer.
    pub keep_alive: Span,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = |seconds| Span(Duration::from_secs(seconds));
        Self {
            connections: 10_000,
            connections_per_address: 1000,
            calls: 40_000,
            calls_per_address: 20_000,
            calls_per_connection: 10_000,
            header_bytes: Size(16 << 10),
            request_memory: Size(64 << 20),
            greeting_time: seconds(10),
            request_time: seconds(30),
            keep_alive: seconds(60),
        }
    }
}

impl Limits {
    /// Checks the values.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn check(&self) -> Result<(), String> {
        for (key, number) in [
            ("connections", self.connections),
            ("connections_per_address", self.connections_per_address),
            ("calls", self.calls),
            ("calls_per_address", self.calls_per_address),
            ("calls_per_connection", self.calls_per_connection as usize),
        ] {
            if number == 0 {
                return Err(format!("{key} must be at least 1"));
            }
        }
        if !(1 << 10..=1 << 20).contains(&self.header_bytes.0) {
            return Err("header_bytes must be between 1KiB and 1MiB".to_owned());
        }
        if !(1 << 20..=1 << 31).contains(&self.request_memory.0) {
            return Err("request_memory must be between 1MiB and 2GiB".to_owned());
        }
        let shortest = Duration::from_millis(100);
        for (key, span) in [
            ("greeting_time", self.greeting_time),
            ("request_time", self.request_time),
            ("keep_alive", self.keep_alive),
        ] {
            if span.0 < shortest || span.0 > Duration::from_secs(24 * 3600) {
                return Err(format!("{key} must be between 100ms and 1d"));
            }
        }
        Ok(())
    }
}

/// How often something was refused, by why. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    counts: Arc<[AtomicU64; Reason::ALL.len()]>,
}

/// Why a connection or a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Connections,
    ConnectionsPerAddress,
    Calls,
    CallsPerAddress,
    Requests,
    Handshake,
    Greeting,
    SlowRequest,
    Flood,
}

impl Reason {
    const ALL: [Self; 9] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::Calls,
        Self::CallsPerAddress,
        Self::Requests,
        Self::Handshake,
        Self::Greeting,
        Self::SlowRequest,
        Self::Flood,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "CONNECTIONS",
            Self::ConnectionsPerAddress => "CONNECTIONS_PER_ADDRESS",
            Self::Calls => "CALLS",
            Self::CallsPerAddress => "CALLS_PER_ADDRESS",
            Self::Requests => "REQUESTS",
            Self::Handshake => "HANDSHAKE",
            Self::Greeting => "GREETING",
            Self::SlowRequest => "SLOW_REQUEST",
            Self::Flood => "FLOOD",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Connections => "there are as many connections as limits.connections allows",
            Self::ConnectionsPerAddress => {
                "an address has as many connections as limits.connections_per_address allows"
            }
            Self::Calls => "there are as many calls as limits.calls allows",
            Self::CallsPerAddress => {
                "an address has as many calls as limits.calls_per_address allows"
            }
            Self::Requests => "too much of requests is not whole yet, in number or in memory",
            Self::Handshake => "a TLS handshake did not come about",
            Self::Greeting => "a connection did not say what it speaks",
            Self::SlowRequest => "a request was not sent in limits.request_time",
            Self::Flood => "a connection broke HTTP/2's rules or asked too much of them",
        }
    }
}

impl Refused {
    /// How often, by why.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = Reason::ALL.into_iter().zip(self.counts.iter());
        all.map(|(reason, count)| (reason.as_str(), count.load(Ordering::Relaxed)))
    }

    /// Something was refused; the first time for each reason that is told aloud.
    pub(super) fn count(&self, reason: Reason) {
        let place = Reason::ALL.into_iter().zip(self.counts.iter());
        for (_, count) in place.filter(|(it, _)| *it == reason) {
            if count.fetch_add(1, Ordering::Relaxed) == 0 {
                let (reason, why) = (reason.as_str(), reason.told());
                tracing::warn!(
                    reason,
                    why,
                    "refused; told once, and counted in falco_gateway_refused_total"
                );
            }
        }
    }
}

/// Admits connections, and calls on them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Door {
    limits: Limits,
    refused: Refused,
    connections: Places,
    calls: Places,
    /// Of calls whose requests are not whole, when they have to wait for the rest.
    waiting: Places,
    /// The bytes of those requests.
    request_memory: Arc<Semaphore>,
}

/// What is taken, in all and from each address. Cheap to clone.
#[derive(Debug, Clone, Default)]
struct Places {
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place that was taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: Option<IpAddr>,
}

impl Door {
    pub(super) fn new(limits: Limits, refused: Refused) -> Self {
        let request_memory = usize::try_from(limits.request_memory.0);
        let request_memory = request_memory.unwrap_or(usize::MAX);
        Self {
            limits,
            refused,
            connections: Places::default(),
            calls: Places::default(),
            waiting: Places::default(),
            request_memory: Arc::new(Semaphore::new(request_memory.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// How much there may be.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where it is counted what there is too much of.
    pub(super) fn refused(&self) -> &Refused {
        &self.refused
    }

    /// A connection from `address`; none if there are too many.
    pub(super) fn admit(&self, address: Option<IpAddr>) -> Option<Place> {
        let most = (self.limits.connections, self.limits.connections_per_address);
        let reasons = (Reason::Connections, Reason::ConnectionsPerAddress);
        self.take(&self.connections, address, most, reasons)
    }

    /// A call from `address`; none if there are too many.
    pub(super) fn call(&self, address: Option<IpAddr>) -> Option<Place> {
        let most = (self.limits.calls, self.limits.calls_per_address);
        let reasons = (Reason::Calls, Reason::CallsPerAddress);
        self.take(&self.calls, address, most, reasons)
    }

    /// A call from `address` whose request is not whole and has to be waited for; none if
    /// there are too many.
    pub(super) fn wait(&self, address: Option<IpAddr>) -> Option<Place> {
        let reasons = (Reason::Requests, Reason::Requests);
        let most = (MOST_WAITING, MOST_WAITING_PER_ADDRESS);
        self.take(&self.waiting, address, most, reasons)
    }

    /// Room for more of a request, until it is dropped; none if there is none.
    pub(super) fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).ok()?;
        let room = Arc::clone(&self.request_memory).try_acquire_many_owned(bytes);
        room.inspect_err(|_| self.refused.count(Reason::Requests))
            .ok()
    }

    fn take(
        &self,
        places: &Places,
        address: Option<IpAddr>,
        (most, most_of_address): (usize, usize),
        (all_taken, all_of_address_taken): (Reason, Reason),
    ) -> Option<Place> {
        let mut taken = places.taken();
        if taken.all >= most {
            self.refused.count(all_taken);
            return None;
        }
        if let Some(address) = address {
            let of_address = taken.by_address.entry(address).or_default();
            if *of_address >= most_of_address {
                self.refused.count(all_of_address_taken);
                return None;
            }
            *of_address += 1;
        }
        taken.all += 1;
        Some(Place {
            places: places.clone(),
            address,
        })
    }
}

impl Places {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = taken.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_take_all_places() {
        let limits = Limits {
            connections: 3,
            connections_per_address: 2,
            ..Limits::default()
        };
        let door = Door::new(limits, Refused::default());
        let one = Some(IpAddr::from([1, 2, 3, 4]));
        let held = [door.admit(one), door.admit(one)];
        assert!(held.iter().all(Option::is_some) && door.admit(one).is_none());
        let other = door.admit(Some(IpAddr::from([1, 2, 3, 5])));
        assert!(other.is_some() && door.admit(None).is_none());
        let counts: Vec<_> = door.refused().counts().take(2).collect();
        assert_eq!(counts, [("CONNECTIONS", 1), ("CONNECTIONS_PER_ADDRESS", 1)]);
        drop(held);
        // Calls have places of their own.
        assert!(door.admit(one).is_some() && door.call(one).is_some());
        drop(other);
        assert!(door.connections.taken().by_address.is_empty());
    }
}
