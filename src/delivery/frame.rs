use std::sync::Arc;

use jiff::Timestamp;

use super::AlertFrame;
use crate::{log::Position, source::SourceStatus};

/// What a subscription says next.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The position after it: whoever resumes after it repeats and skips
    /// nothing.
    pub position: Position,
    /// What is said.
    pub kind: FrameKind,
}

/// The kinds of [`Frame`].
#[derive(Debug, Clone)]
pub enum FrameKind {
    /// First of all.
    Opened(Opened),
    /// The next alerts that match.
    Alerts(Arc<AlertFrame>),
    /// Nothing was said for the heartbeat interval.
    Heartbeat {
        /// The receive time of the newest alert in the log; none also for those who do not
        /// see all.
        head_time: Option<Timestamp>,
        /// How many alerts of the log were not looked at yet; none for those who do not
        /// see all.
        lag: Option<u64>,
    },
    /// Catching up, or live.
    State(StreamState),
    /// Alerts that match and will not come.
    Loss(Loss),
    /// A source changed.
    Source(SourceStatus),
    /// Everything up to here is acknowledged, on disk.
    AckConfirmed(Position),
    /// The last frame.
    Closing(ClosingReason),
}

/// What a subscription was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The position that it starts after.
    pub start: Position,
    /// The oldest position that can still be resumed after.
    pub earliest: Position,
    /// The receive time of the oldest alert; none while there is none, and for those who
    /// do not see all.
    pub earliest_time: Option<Timestamp>,
}

/// Where a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StreamState {
    /// Reading history.
    #[default]
    CatchingUp,
    /// At the head of the log.
    Live,
}

/// Alerts that a subscription should have got and will not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// The gap is after this position,
    pub after: Position,
    /// and up to and with this one.
    pub through: Position,
    /// How many that match were lost.
    pub lost: u64,
    /// `lost` is a lower bound: part of the gap was gone before this
    /// subscription was there to ask its filter.
    pub lower_bound: bool,
    /// Why.
    pub cause: LossCause,
}

/// Why alerts were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossCause {
    /// The log's retention.
    Retention,
    /// The subscription asked to skip.
    SkippedByPolicy,
    /// A part of the log is damaged.
    Corruption,
    /// They were refused at the way in for lack of room.
    IngestOverflow,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosingReason {
    /// The gateway is going down.
    Draining,
    /// It was asked to stop at the head.
    ReachedHead,
    /// It fell too far behind and had asked to be disconnected then.
    SlowConsumer,
    /// The durable subscription has another filter or position now.
    SubscriptionChanged,
    /// What the subscriber may see is another now, or nothing.
    PolicyChanged,
    /// The subscriber's credentials have expired.
    AuthorizationExpired,
}
