use std::time::Duration;

use jiff::Timestamp;

use super::{Choice, Cursor, CursorError, Delivery};
use crate::{
    alert::View,
    log::{Entry, Position},
};

/// What a subscriber asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which alerts, and what of them.
    pub choice: Choice,
    /// Nothing that was received before this is to be had.
    pub since: Option<Timestamp>,
    /// From where on.
    pub start: Start,
    /// What if the cursor of [`Start::After`] is too old.
    pub on_expired: OnExpired,
    /// End once everything that was in the log is delivered.
    pub stop_at_head: bool,
    /// What if it falls behind.
    pub overflow: Overflow,
    /// How much of each alert.
    pub view: View,
    /// How alerts are put together.
    pub batching: Batching,
    /// After how much silence a heartbeat comes.
    pub heartbeat: Duration,
    /// The client's name for itself.
    pub label: String,
    /// The client's address.
    pub peer: String,
    /// Who the client is.
    pub identity: String,
}

/// Where a subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// After this position.
    After(Cursor),
    /// With the first alert received at or after this time.
    Since(Timestamp),
    /// With the newest so many that match.
    Last(u32),
    /// With the oldest there is.
    Earliest,
    /// With the next to come.
    Latest,
}

/// What to do with a cursor that is older than the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExpired {
    /// Refuse.
    #[default]
    Fail,
    /// Tell the loss and start with the oldest there is.
    Earliest,
    /// Tell the loss and start with the next to come.
    Latest,
}

/// What to do with a stream that falls behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Nothing: it catches up from the log.
    #[default]
    CatchUp,
    /// Jump to the head and tell how many were skipped.
    SkipAhead,
    /// End it.
    Disconnect,
}

/// What `entry` takes on the wire in `view`, roughly and at most.
pub(super) fn bytes_of(view: View, entry: &Entry) -> usize {
    match view {
        View::Basic | View::Full => entry.encoded.len(),
        View::Raw => entry.encoded.len() + entry.raw.len(),
    }
}

/// How alerts are put together into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// At most so many in a frame.
    pub max_alerts: usize,
    /// At most about so many bytes in a frame; one alert always fits.
    pub max_bytes: usize,
    /// Hold back a frame that is not full for so long.
    pub max_delay: Duration,
}

impl Batching {
    /// The most alerts that a client may ask for in a frame.
    pub const MOST_ALERTS: usize = 1000;

    /// The most bytes that a client may ask for in a frame.
    pub const MOST_BYTES: usize = 1 << 20;

    /// The longest that a client may have a frame held back.
    pub const LONGEST_DELAY: Duration = Duration::from_secs(5);
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            max_alerts: 256,
            max_bytes: 256 << 10,
            max_delay: Duration::ZERO,
        }
    }
}

/// A start that has become a position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    /// Start after this.
    pub(super) after: Position,
    /// Skip up to and with this, and tell how many that were.
    pub(super) skip_through: Option<Position>,
    /// Nothing before this can be had.
    pub(super) earliest: Position,
}

impl Delivery {
    /// Where a subscription of `choice` starts that may have what was received at or after
    /// `since`.
    pub(super) async fn resolve(
        &self,
        start: Start,
        on_expired: OnExpired,
        choice: &Choice,
        since: Option<Timestamp>,
    ) -> Result<Origin, CursorError> {
        let bounds = self.log.bounds();
        let earliest = match since {
            Some(since) => self.log.before_time(since).await.max(bounds.start),
            None => bounds.start,
        };
        let after = match start {
            Start::Earliest => earliest,
            Start::Latest => bounds.head,
            Start::Since(time) => self.log.before_time(time).await,
            Start::Last(count) => self.history().before_last(count, choice).await,
            Start::After(cursor) => {
                let position = cursor.position_in(&self.log)?;
                if position < earliest {
                    return self.resolve_expired(position, earliest, on_expired, choice);
                }
                position
            }
        };
        Ok(Origin {
            after: after.max(earliest),
            skip_through: None,
            earliest,
        })
    }

    fn resolve_expired(
        &self,
        position: Position,
        earliest: Position,
        on_expired: OnExpired,
        choice: &Choice,
    ) -> Result<Origin, CursorError> {
        let bounds = self.log.bounds();
        let is_log_start = earliest == bounds.start;
        match on_expired {
            OnExpired::Fail => Err(CursorError::Expired {
                earliest: self.cursor(earliest),
                earliest_time: bounds
                    .earliest_time
                    .filter(|_| is_log_start && choice.sees_all()),
            }),
            // What is only out of reach is not lost, and is not counted.
            OnExpired::Earliest => Ok(Origin {
                after: if is_log_start { position } else { earliest },
                skip_through: None,
                earliest,
            }),
            OnExpired::Latest => Ok(Origin {
                after: if is_log_start { position } else { earliest },
                skip_through: Some(bounds.head),
                earliest,
            }),
        }
    }
}
