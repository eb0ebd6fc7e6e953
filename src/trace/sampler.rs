use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::{Fate, count};
use crate::alert::TraceParent;

/// How much is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// One in so many, of what comes in without a trace of its sender's; none with 0.
    pub one_in: u32,
    /// The most spans in a second, whoever asks for them.
    pub spans_per_second: NonZeroU32,
}

/// Chooses what is followed.
#[derive(Debug)]
pub struct Sampler {
    one_in: u32,
    room: DefaultDirectRateLimiter,
}

impl Sampler {
    /// Chooses so much.
    pub fn new(sampling: Sampling) -> Self {
        Self {
            one_in: sampling.one_in,
            room: RateLimiter::direct(Quota::per_second(sampling.spans_per_second)),
        }
    }

    /// Whether something that comes in is followed. What its sender says counts, as long as
    /// there is room.
    pub(super) fn chooses(&self, sender: Option<TraceParent>) -> bool {
        let is_wanted = match sender {
            Some(parent) => parent.is_sampled,
            None => self.one_in > 0 && fastrand::u32(0..self.one_in) == 0,
        };
        is_wanted && self.has_room()
    }

    /// Whether there may be one more span.
    pub(super) fn has_room(&self) -> bool {
        let has_room = self.room.check().is_ok();
        if !has_room {
            count(Fate::Skipped, 1);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(one_in: u32, most: u32) -> Sampler {
        let spans_per_second = NonZeroU32::new(most).unwrap();
        Sampler::new(Sampling {
            one_in,
            spans_per_second,
        })
    }

    fn sent(is_sampled: bool) -> Option<TraceParent> {
        Some(TraceParent {
            trace_id: 1,
            span_id: 1,
            is_sampled,
        })
    }

    #[test]
    fn a_sender_decides_for_its_own() {
        let none = sampler(0, 1000);
        let all = sampler(1, 1000);
        assert!(none.chooses(sent(true)) && !none.chooses(None));
        assert!(all.chooses(None) && !all.chooses(sent(false)));
        let some = sampler(10, 1_000_000);
        let chosen = (0..10_000).filter(|_| some.chooses(None)).count();
        assert!((500..2000).contains(&chosen), "{chosen} of 10,000");
    }

    #[test]
    fn there_is_room_for_so_many_in_a_second() {
        let few = sampler(1, 1);
        assert!(few.chooses(sent(true)));
        assert!((0..1000).any(|_| !few.chooses(sent(true))));
    }
}
