//! Whether a silent Falco still lives.

use std::fmt;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::{failure::Failure, link::Link, wire::Version};
use crate::units::Span;

/// Asks Falco for its version when nothing was heard for a while. A connection
/// of which the other end is gone is silent, and so is a quiet Falco: this tells
/// them apart.
pub(super) struct Liveness {
    link: Link,
    interval: Span,
    due: Instant,
    question: Option<BoxFuture<'static, Result<Version, Failure>>>,
    failures: u32,
}

/// Unanswered questions after which the connection is given up. One may get lost
/// in a Falco that is loading its rules.
const GIVE_UP_AFTER: u32 = 2;

impl Liveness {
    pub(super) fn new(link: Link, interval: Span) -> Self {
        Self {
            link,
            interval,
            due: Instant::now() + interval.0,
            question: None,
            failures: 0,
        }
    }

    /// Falco gave a sign of life.
    pub(super) fn heard(&mut self) {
        self.due = Instant::now() + self.interval.0;
        self.question = None;
        self.failures = 0;
    }

    /// Waits until Falco is to be given up, and tells why. Nothing is lost when
    /// the future is dropped.
    pub(super) async fn lost(&mut self) -> Failure {
        loop {
            let Some(question) = &mut self.question else {
                sleep_until(self.due).await;
                let link = self.link.clone();
                self.question = Some(Box::pin(async move { link.version().await }));
                continue;
            };
            let answer = question.await;
            self.question = None;
            let Err(failure) = answer else {
                self.heard();
                continue;
            };
            self.failures += 1;
            if self.failures >= GIVE_UP_AFTER {
                return failure;
            }
        }
    }
}

impl fmt::Debug for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Liveness")
            .field("interval", &self.interval)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}
