use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// What the time brings to a stream: heartbeats, and the end of waiting for more
/// alerts to be sent together.
#[derive(Debug)]
pub(super) struct Timing {
    heartbeat: Duration,
    max_delay: Duration,
    heartbeat_at: Instant,
    /// When alerts are sent that wait for more.
    held_until: Option<Instant>,
    /// Rings at the next of both, or earlier.
    alarm: Pin<Box<Sleep>>,
    /// Whom the alarm wakes.
    woken: Option<Waker>,
}

impl Timing {
    pub(super) fn new(heartbeat: Duration, max_delay: Duration) -> Self {
        let heartbeat_at = Instant::now() + heartbeat;
        Self {
            heartbeat,
            max_delay,
            heartbeat_at,
            held_until: None,
            alarm: Box::pin(sleep_until(heartbeat_at)),
            woken: None,
        }
    }

    /// The next heartbeat is a whole interval away.
    pub(super) fn said_something(&mut self) {
        self.heartbeat_at = Instant::now() + self.heartbeat;
    }

    /// Whether nothing was said for the whole interval.
    pub(super) fn is_silent(&self) -> bool {
        Instant::now() >= self.heartbeat_at
    }

    /// Whether alerts that are there and would like company have to wait.
    pub(super) fn holds_back(&mut self, want_company: bool) -> bool {
        if self.max_delay.is_zero() || !want_company {
            self.held_until = None;
            return false;
        }
        let now = Instant::now();
        let until = *self.held_until.get_or_insert(now + self.max_delay);
        if until <= now {
            self.held_until = None;
        }
        self.held_until.is_some()
    }

    /// Waits for what comes first; at times for less.
    pub(super) async fn wait(&mut self) {
        let next = self
            .held_until
            .map_or(self.heartbeat_at, |held| held.min(self.heartbeat_at));
        // Moved only when it must ring earlier: to move it with every frame would
        // cost more than a ring too many.
        if self.alarm.is_elapsed() || self.alarm.deadline() > next {
            self.alarm.as_mut().reset(next);
            self.woken = None;
        }
        poll_fn(|cx| self.poll_alarm(cx)).await;
    }

    /// Sets whom the alarm wakes only when that is another: it is waited for with
    /// every frame, and rings with few of them.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_set = |waker: &Waker| waker.will_wake(cx.waker());
        if !self.alarm.is_elapsed() && self.woken.as_ref().is_some_and(is_set) {
            return Poll::Pending;
        }
        self.woken = Some(cx.waker().clone());
        self.alarm.as_mut().poll(cx)
    }
}
