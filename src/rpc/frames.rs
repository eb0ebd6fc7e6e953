//! The domain's frames on the wire.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{FEATURES, caller::Caller, convert, grpc};
use crate::{
    access::End,
    clock,
    delivery::{
        ClosingReason, Cursor, Delivery, Frame, FrameKind, Loss, LossCause, Opened, Overflow,
        StreamState, Subscription, View,
    },
    log::{Entry, Position},
    pb::{self, stream_frame::Kind},
    policy::Grant,
    source::{SourceState, SourceStatus},
    trace::{self, Trace},
};

/// How long a client should wait before it comes back after a restart.
const RESUME_DELAY: Duration = Duration::from_secs(1);

/// Writes the frames of one stream.
pub(super) struct Framer {
    delivery: Delivery,
    id: String,
    filter: String,
    view: View,
    overflow: Overflow,
    heartbeat: Duration,
    caller: Caller,
    sees_all: bool,
}

impl Framer {
    pub(super) fn new(delivery: &Delivery, subscription: &Subscription, caller: Caller) -> Self {
        let request = subscription.request();
        Self {
            delivery: delivery.clone(),
            id: subscription.id().to_owned(),
            filter: request.choice.filter().canonical().to_owned(),
            sees_all: request.choice.sees_all(),
            caller,
            view: request.view,
            overflow: request.overflow,
            heartbeat: request.heartbeat,
        }
    }

    /// The frame as a message of a gRPC stream.
    pub(super) fn message(&self, frame: Frame) -> Bytes {
        let kind = match frame.kind {
            FrameKind::Alerts(alerts) => {
                let _delivering = delivering(alerts.entries(), &self.id);
                return alerts.encoded(|position, entries| self.alerts(position, entries));
            }
            FrameKind::Opened(opened) => Kind::Opened(self.opened(&opened)),
            FrameKind::Heartbeat { head_time, lag } => Kind::Heartbeat(pb::Heartbeat {
                server_time: Some(convert::timestamp(clock::now())),
                head_time: head_time.map(convert::timestamp),
                lag,
            }),
            FrameKind::State(state) => Kind::StateChange(pb::StateChange {
                state: stream_state(state).into(),
            }),
            FrameKind::Loss(loss) => Kind::Loss(self::loss(&self.delivery, loss, self.sees_all)),
            FrameKind::Source(status) => Kind::Source(source_notice(status)),
            FrameKind::AckConfirmed(position) => Kind::AckConfirmed(pb::AckConfirmed {
                cursor: self.cursor(position),
            }),
            FrameKind::Closing(reason) => Kind::Closing(closing(reason)),
        };
        self.encode(frame.position, kind)
    }

    /// The same for all streams of a class: a cursor is of the log, not of its
    /// reader.
    fn alerts(&self, position: Position, entries: &[Arc<Entry>]) -> Bytes {
        let records = records(&self.delivery, entries, self.view);
        self.encode(position, Kind::Alerts(pb::AlertBatch { records }))
    }

    fn encode(&self, position: Position, kind: Kind) -> Bytes {
        let frame = pb::StreamFrame {
            cursor: self.cursor(position),
            kind: Some(kind),
        };
        grpc::message(&frame)
    }

    fn opened(&self, opened: &Opened) -> pb::Opened {
        let grant = self.caller.grant();
        let expires = self.caller.session().expires();
        pb::Opened {
            identity: self.caller.identity(),
            grant: grant.name.clone(),
            redacted_fields: redacted(grant),
            authorization_expire_time: expires.map(convert::timestamp),
            stream_id: self.id.clone(),
            effective_filter: self.filter.clone(),
            effective_scope: grant.sight.scope().canonical().to_owned(),
            view: alert_view(self.view).into(),
            overflow_policy: overflow_policy(self.overflow).into(),
            start_cursor: self.cursor(opened.start),
            earliest_cursor: self.cursor(opened.earliest),
            earliest_time: opened.earliest_time.map(convert::timestamp),
            heartbeat_interval: Some(convert::duration(self.heartbeat)),
            features: FEATURES.map(str::to_owned).to_vec(),
        }
    }

    fn cursor(&self, position: Position) -> String {
        self.delivery.cursor(position).to_string()
    }
}

/// What is followed of alerts that are handed out on a stream.
pub(super) fn delivering(entries: &[Arc<Entry>], stream: &str) -> Vec<Trace> {
    if !trace::is_on() {
        return Vec::new();
    }
    let followed = entries.iter().filter_map(|entry| entry.trace);
    followed
        .map(|alert| Trace::deliver(alert, stream))
        .collect()
}

/// The fields that a grant hides.
pub(super) fn redacted(grant: &Grant) -> Vec<String> {
    let patterns = grant.sight.redaction().patterns();
    patterns.map(str::to_owned).collect()
}

/// A loss on the wire, for somebody who sees all of the log or not.
pub(super) fn loss(delivery: &Delivery, loss: Loss, sees_all: bool) -> pb::LossNotice {
    let cause = match loss.cause {
        LossCause::Retention => pb::LossCause::Retention,
        LossCause::SkippedByPolicy => pb::LossCause::SkippedByPolicy,
        LossCause::Corruption => pb::LossCause::LogCorruption,
        LossCause::IngestOverflow => pb::LossCause::IngestOverflow,
    };
    pb::LossNotice {
        after_cursor: delivery.cursor(loss.after).to_string(),
        through_cursor: delivery.cursor(loss.through).to_string(),
        lost: loss.lost,
        lower_bound: loss.lower_bound,
        examined: match sees_all {
            true => loss.through.since(loss.after),
            false => 0,
        },
        cause: cause.into(),
    }
}

/// Entries with their cursors, in a view.
pub(super) fn records(
    delivery: &Delivery,
    entries: &[Arc<Entry>],
    view: View,
) -> Vec<pb::AlertRecord> {
    entries
        .iter()
        .map(|entry| record(delivery.cursor(entry.position), entry, view))
        .collect()
}

/// An entry with its cursor, in a view.
pub(super) fn record(cursor: Cursor, entry: &Entry, view: View) -> pb::AlertRecord {
    pb::AlertRecord {
        cursor: cursor.to_string(),
        alert: convert::encode_view(entry, view),
    }
}

pub(super) fn alert_view(view: View) -> pb::AlertView {
    match view {
        View::Basic => pb::AlertView::Basic,
        View::Full => pb::AlertView::Full,
        View::Raw => pb::AlertView::Raw,
    }
}

pub(super) fn overflow_policy(policy: Overflow) -> pb::OverflowPolicy {
    match policy {
        Overflow::CatchUp => pb::OverflowPolicy::CatchUp,
        Overflow::SkipAhead => pb::OverflowPolicy::SkipAhead,
        Overflow::Disconnect => pb::OverflowPolicy::Disconnect,
    }
}

pub(super) fn stream_state(state: StreamState) -> pb::StreamState {
    match state {
        StreamState::CatchingUp => pb::StreamState::CatchingUp,
        StreamState::Live => pb::StreamState::Live,
    }
}

pub(super) fn source_state(state: SourceState) -> pb::SourceState {
    match state {
        SourceState::Connecting => pb::SourceState::Connecting,
        SourceState::Connected => pb::SourceState::Connected,
        SourceState::Disconnected => pb::SourceState::Disconnected,
        SourceState::Finished => pb::SourceState::Finished,
    }
}

fn source_notice(status: SourceStatus) -> pb::SourceNotice {
    pb::SourceNotice {
        source_id: status.origin.source_id.as_ref().to_owned(),
        state: source_state(status.state).into(),
        detail: status.detail,
        time: Some(convert::timestamp(status.state_time)),
        upstream_drops: status.upstream_drops,
    }
}

/// Why a stream ends whose session is over.
pub(super) fn reason_of(end: End) -> ClosingReason {
    match end {
        End::PolicyChanged => ClosingReason::PolicyChanged,
        End::Expired => ClosingReason::AuthorizationExpired,
    }
}

fn closing(reason: ClosingReason) -> pb::Closing {
    let (reason, resume_delay) = match reason {
        ClosingReason::Draining => (pb::ClosingReason::Draining, Some(RESUME_DELAY)),
        ClosingReason::ReachedHead => (pb::ClosingReason::ReachedHead, None),
        ClosingReason::SlowConsumer => (pb::ClosingReason::SlowConsumer, Some(RESUME_DELAY)),
        ClosingReason::SubscriptionChanged => (pb::ClosingReason::SubscriptionChanged, None),
        ClosingReason::PolicyChanged => (pb::ClosingReason::PolicyChanged, None),
        ClosingReason::AuthorizationExpired => (pb::ClosingReason::AuthorizationExpired, None),
    };
    pb::Closing {
        reason: reason.into(),
        resume_delay: resume_delay.map(convert::duration),
    }
}
