use std::time::Duration;

use super::Error;
use crate::pb;

/// What a stream says. Resuming after its cursor neither repeats nor skips.
#[derive(Debug, Clone)]
pub enum Event {
    /// A stream was opened, for the first time or anew.
    Opened {
        /// The position that it starts after.
        cursor: String,
        /// What the gateway granted.
        grant: Box<pb::Opened>,
    },
    /// An alert that matches.
    Alert {
        /// The alert's position.
        cursor: String,
        /// The alert.
        alert: Box<pb::Alert>,
    },
    /// Alerts that match and will not come.
    Loss {
        /// The position after the gap.
        cursor: String,
        /// How many, and why.
        notice: pb::LossNotice,
    },
    /// The stream catches up, or is live.
    State {
        /// The position of the change.
        cursor: String,
        /// Which of the two.
        state: pb::StreamState,
    },
    /// A source of alerts came, went or reported losses of its own.
    Source {
        /// The position of the notice.
        cursor: String,
        /// Which, and what.
        notice: pb::SourceNotice,
    },
    /// The stream broke, and is opened anew.
    Reconnecting {
        /// The position after what was handed out.
        cursor: String,
        /// For people.
        why: String,
        /// The gateway's or the connection's word, if there was one.
        error: Option<Error>,
        /// After how long it is opened.
        delay: Duration,
    },
}

impl Event {
    /// Its position.
    pub fn cursor(&self) -> &str {
        match self {
            Self::Opened { cursor, .. }
            | Self::Alert { cursor, .. }
            | Self::Loss { cursor, .. }
            | Self::State { cursor, .. }
            | Self::Source { cursor, .. }
            | Self::Reconnecting { cursor, .. } => cursor,
        }
    }
}
