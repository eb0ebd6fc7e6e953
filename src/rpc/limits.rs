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

use crate::units::{Size, Span};

/// The bounds of connections to the gRPC services, on all listeners together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time; further ones are closed at once.
    pub connections: usize,
    /// Of them, from one address. Unix sockets have none.
    pub connections_per_address: usize,
    /// Calls at a time on one connection; further ones are refused, which clients know
    /// beforehand.
    pub calls_per_connection: u32,
    /// A call's headers together.
    pub header_bytes: Size,
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
            calls_per_connection: 10_000,
            header_bytes: Size(16 << 10),
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
        if self.connections == 0 || self.connections_per_address == 0 {
            return Err("connections and connections_per_address must be at least 1".to_owned());
        }
        if self.calls_per_connection == 0 {
            return Err("calls_per_connection must be at least 1".to_owned());
        }
        if !(1 << 10..=1 << 20).contains(&self.header_bytes.0) {
            return Err("header_bytes must be between 1KiB and 1MiB".to_owned());
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
    Handshake,
    Greeting,
    SlowRequest,
    Flood,
}

impl Reason {
    const ALL: [Self; 6] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::Handshake,
        Self::Greeting,
        Self::SlowRequest,
        Self::Flood,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "CONNECTIONS",
            Self::ConnectionsPerAddress => "CONNECTIONS_PER_ADDRESS",
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

/// Admits connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Door {
    limits: Limits,
    refused: Refused,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection that was admitted, until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    door: Door,
    address: Option<IpAddr>,
}

impl Door {
    pub(super) fn new(limits: Limits, refused: Refused) -> Self {
        Self {
            limits,
            refused,
            open: Arc::default(),
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
    pub(super) fn admit(&self, address: Option<IpAddr>) -> Option<Admitted> {
        let mut open = self.open();
        if open.all >= self.limits.connections {
            self.refused.count(Reason::Connections);
            return None;
        }
        if let Some(address) = address {
            let of_address = open.by_address.entry(address).or_default();
            if *of_address >= self.limits.connections_per_address {
                self.refused.count(Reason::ConnectionsPerAddress);
                return None;
            }
            *of_address += 1;
        }
        open.all += 1;
        Some(Admitted {
            door: self.clone(),
            address,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.door.open();
        open.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = open.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
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
        assert!(door.admit(one).is_some());
        drop(other);
        assert!(door.open().by_address.is_empty());
    }
}
