//! How long to pause before the next try.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);

/// Exponential, with full jitter: any number of gateways that lost the same
/// peer do not come back to it in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    ceiling: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(max: Duration) -> Self {
        Self {
            ceiling: FIRST.min(max),
            max,
        }
    }

    /// The next pause: the given part, between 0 and 1, of a ceiling that
    /// doubles each time.
    pub(crate) fn next(&mut self, part: f64) -> Duration {
        let pause = self.ceiling.mul_f64(part.clamp(0.0, 1.0));
        self.ceiling = self.ceiling.saturating_mul(2).min(self.max);
        pause
    }

    /// The last try was a good one.
    pub(crate) fn reset(&mut self) {
        self.ceiling = FIRST.min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_its_bound_and_starts_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(15));
        let pauses: Vec<_> = (0..8).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
        assert_eq!(backoff.next(0.5), Duration::from_millis(7500));
        backoff.reset();
        assert_eq!(backoff.next(1.0), Duration::from_millis(250));
        assert_eq!(backoff.next(0.0), Duration::ZERO);
    }

    #[test]
    fn a_small_bound_holds_from_the_start() {
        let mut backoff = Backoff::new(Duration::from_millis(20));
        assert_eq!(backoff.next(1.0), Duration::from_millis(20));
    }
}
