//! When to poll Falco.

use std::time::Duration;

use tokio::time::Instant;

/// Polls at the configured interval while Falco is quiet, and sooner while
/// alerts flow: then slower by and by, as nothing comes any more.
#[derive(Debug)]
pub(super) struct Rhythm {
    interval: Duration,
    gap: Duration,
    due: Instant,
}

/// From an alert to the next poll.
const FLOWING: Duration = Duration::from_millis(10);

impl Rhythm {
    /// The first poll was sent at `now`.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            gap: interval,
            due: now + interval,
        }
    }

    /// When the next poll is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// A poll was sent at `now`.
    pub(super) fn polled(&mut self, now: Instant) {
        self.gap = self.gap.saturating_mul(2).min(self.interval);
        self.due = now + self.gap;
    }

    /// Alerts came, and are appended at `now`.
    pub(super) fn delivered(&mut self, now: Instant) {
        self.gap = FLOWING.min(self.interval);
        self.due = now + self.gap;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn polls_come_sooner_while_alerts_flow() {
        let now = Instant::now();
        let mut rhythm = Rhythm::new(Duration::from_millis(200), now);
        let gap = |rhythm: &Rhythm| (rhythm.due() - now).as_millis();
        assert_eq!(gap(&rhythm), 200);
        rhythm.delivered(now);
        let mut gaps = vec![gap(&rhythm)];
        for _ in 0..6 {
            rhythm.polled(now);
            gaps.push(gap(&rhythm));
        }
        assert_eq!(gaps, [10, 20, 40, 80, 160, 200, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_interval_is_kept() {
        let now = Instant::now();
        let mut rhythm = Rhythm::new(Duration::from_millis(2), now);
        rhythm.delivered(now);
        assert_eq!(rhythm.due() - now, Duration::from_millis(2));
    }
}
