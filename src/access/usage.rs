use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _};

use super::Denied;
use crate::policy::Identity;

/// So many identities are remembered besides those that are at it.
const REMEMBERED: usize = 4096;

/// What everybody takes.
#[derive(Debug, Default)]
pub(super) struct Users {
    by_identity: Mutex<HashMap<Identity, Arc<Usage>>>,
}

/// What one identity takes.
#[derive(Debug, Default)]
pub(super) struct Usage {
    streams: AtomicUsize,
    rate: Mutex<Option<Rate>>,
}

#[derive(Debug)]
struct Rate {
    limit: NonZeroU32,
    limiter: DefaultDirectRateLimiter,
}

impl Users {
    /// What `identity` takes.
    pub(super) fn of(&self, identity: &Identity) -> Arc<Usage> {
        let users = &self.by_identity;
        let mut users = users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(usage) = users.get(identity) {
            return Arc::clone(usage);
        }
        if users.len() >= REMEMBERED {
            users.retain(|_, usage| Arc::strong_count(usage) > 1);
        }
        let usage = Arc::<Usage>::default();
        users.insert(identity.clone(), Arc::clone(&usage));
        usage
    }
}

impl Usage {
    /// Another call, of which `limit` may be made in a second.
    pub(super) fn count_call(&self, limit: Option<NonZeroU32>) -> Result<(), Denied> {
        let Some(limit) = limit else {
            return Ok(());
        };
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let is_other = rate.as_ref().is_none_or(|rate| rate.limit != limit);
        if is_other {
            let limiter = RateLimiter::direct(Quota::per_second(limit));
            *rate = Some(Rate { limit, limiter });
        }
        let Some(rate) = rate.as_ref() else {
            return Ok(());
        };
        rate.limiter.check().map_err(|not_until| Denied::Rate {
            limit: limit.get(),
            wait: not_until.wait_time_from(rate.limiter.clock().now()),
        })
    }

    /// Another stream, of which `limit` may be open.
    pub(super) fn begin_stream(&self, limit: Option<usize>) -> Result<(), Denied> {
        let open = self.streams.fetch_add(1, Ordering::Relaxed);
        match limit.filter(|limit| open >= *limit) {
            None => Ok(()),
            Some(limit) => {
                self.end_stream();
                Err(Denied::Streams(limit))
            }
        }
    }

    pub(super) fn end_stream(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_calls_too_often_is_told_when_to_come_again() {
        let usage = Usage::default();
        let limit = NonZeroU32::new(3);
        let taken = (0..10).filter(|_| usage.count_call(limit).is_ok()).count();
        assert!((3..6).contains(&taken), "{taken}");
        let denied = usage
            .count_call(NonZeroU32::new(1))
            .and_then(|()| usage.count_call(NonZeroU32::new(1)));
        match denied {
            Err(Denied::Rate { limit: 1, wait }) => assert!(wait.as_millis() > 0),
            other => panic!("{other:?}"),
        }
        usage.count_call(None).unwrap();
    }

    #[test]
    fn streams_are_counted_while_they_are_open() {
        let usage = Usage::default();
        usage.begin_stream(Some(2)).unwrap();
        usage.begin_stream(Some(2)).unwrap();
        assert_eq!(usage.begin_stream(Some(2)), Err(Denied::Streams(2)));
        usage.end_stream();
        usage.begin_stream(Some(2)).unwrap();
        usage.begin_stream(None).unwrap();
    }

    #[test]
    fn those_who_are_at_it_are_not_forgotten() {
        let users = Users::default();
        let name = |number: usize| Identity::Unix(number.to_string());
        let busy = users.of(&name(0));
        busy.begin_stream(None).unwrap();
        for number in 1..3 * REMEMBERED {
            users.of(&name(number));
        }
        assert!(Arc::ptr_eq(&users.of(&name(0)), &busy));
        assert!(users.by_identity.lock().unwrap().len() <= REMEMBERED + 1);
    }
}
