//! Who gets which alert, and when.
//!
//! A [`Subscription`] is a filter and a position that moves along the log.
//! History and live alerts are one loop: it reads until it is at the head, and
//! then waits until it is told that there may be more for it. There is no queue
//! per subscriber, so there is nobody to block and nothing to overflow; who falls
//! behind the log's retention finds a gap and is told how many of its alerts were
//! in it.
//!
//! Nothing here knows gRPC: a bridge subscribes in the same way.

mod choice;
mod class;
mod classes;
mod cursor;
mod durable;
mod frame;
mod history;
mod live;
mod registry;
mod request;
mod skip;
mod subscription;
mod timing;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

#[cfg(any(test, fuzzing))]
pub(crate) use self::cursor::fuzzing;
use self::{choice::Shower, history::History, live::Live, registry::Streams};
pub use self::{
    choice::{Choice, Encode},
    class::AlertFrame,
    cursor::{Cursor, CursorError},
    durable::{
        ConsumeRequest, Consumer, ConsumerStatus, Keeper, NewSubscription, PullRequest, Pulled,
        SubscriptionError, SubscriptionStatus, Subscriptions, checked_name, owner_of,
    },
    frame::{ClosingReason, Frame, FrameKind, Loss, LossCause, Opened, StreamState},
    history::{Page, PageRequest},
    registry::StreamStatus,
    request::{Batching, OnExpired, Overflow, Request, Start},
    subscription::{SlowConsumer, Subscription},
};
pub use crate::alert::View;
use crate::{log::Log, source::Sources};

/// What bounds the subscribers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many streams may be open; a further one is refused.
    pub max_streams: usize,
    /// A live stream that lags by more alerts than this skips ahead or is
    /// disconnected, if it asked for that.
    pub overflow_lag: u64,
    /// How many durable subscriptions there may be.
    pub max_subscriptions: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_streams: 10_000,
            overflow_lag: 10_000,
            max_subscriptions: 1000,
        }
    }
}

/// Opens subscriptions and reads history. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Delivery {
    config: Config,
    log: Log,
    shower: Shower,
    sources: Sources,
    streams: Streams,
    live: Live,
    shutdown: CancellationToken,
}

/// Why a subscription was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The cursor does not lead anywhere.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The gateway is at its limit.
    #[error("{0} streams are open, and no more are allowed")]
    TooManyStreams(usize),
    /// The gateway is going down.
    #[error("the gateway is shutting down")]
    Draining,
}

impl Delivery {
    /// Serves `log` until `shutdown`, when every subscription ends at the head. To be
    /// called on a runtime.
    pub fn new(
        config: Config,
        log: Log,
        sources: Sources,
        encode: Encode,
        shutdown: CancellationToken,
    ) -> Self {
        let shower = Shower {
            log: log.clone(),
            encode,
        };
        Self {
            live: Live::new(shower.clone(), &sources, shutdown.clone()),
            shower,
            config,
            log,
            sources,
            streams: Streams::default(),
            shutdown,
        }
    }

    /// Opens a subscription.
    ///
    /// # Errors
    /// When the start cannot be honoured or the gateway takes no more streams.
    pub async fn open(&self, request: Request, now: Timestamp) -> Result<Subscription, OpenError> {
        if self.shutdown.is_cancelled() {
            return Err(OpenError::Draining);
        }
        let origin = self
            .resolve(
                request.start,
                request.on_expired,
                &request.choice,
                request.since,
            )
            .await?;
        let class = self.live.classes().of(&request);
        let status = self
            .streams
            .register(&request, &class, origin.after, now, self.config.max_streams)
            .ok_or(OpenError::TooManyStreams(self.config.max_streams))?;
        Ok(Subscription::new(self, request, origin, class, status))
    }

    /// Everything that is read page by page.
    pub fn history(&self) -> History<'_> {
        History {
            log: &self.log,
            shower: &self.shower,
        }
    }

    /// All open streams, the oldest first.
    pub fn streams(&self) -> Vec<StreamStatus> {
        self.streams.list(self.log.bounds().head, self.live.told())
    }

    /// Whether another stream may be opened.
    pub fn has_room(&self) -> bool {
        self.streams.len() < self.config.max_streams
    }

    /// Waits until the gateway is going down.
    pub async fn draining(&self) {
        self.shutdown.cancelled().await;
    }

    /// The bounds of this delivery.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The log that is served.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The cursor of a position in this log.
    pub fn cursor(&self, position: crate::log::Position) -> Cursor {
        Cursor::new(&self.log, position)
    }
}

#[cfg(test)]
mod tests;
