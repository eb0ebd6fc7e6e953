//! Requests of clients as the domain's.

use std::time::Duration;

use jiff::Timestamp;
use tonic::Status;

use super::{FEATURES, caller::Caller, convert, status};
use crate::{
    alert::AlertId,
    delivery::{Batching, Cursor, OnExpired, Overflow, Request, Start},
    filter::Filter,
    pb::{self, stream_alerts_request},
};

/// The longest label that is kept.
const LONGEST_LABEL: usize = 128;

/// What a client may ask for between heartbeats, and what it gets unasked.
const HEARTBEAT: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(60);
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(10);

/// Reads a request to stream.
pub(super) fn stream(message: pb::StreamAlertsRequest, caller: &Caller) -> Result<Request, Status> {
    let missing: Vec<_> = message
        .required_features
        .iter()
        .filter(|feature| !FEATURES.contains(&feature.as_str()))
        .cloned()
        .collect();
    if !missing.is_empty() {
        return Err(status::unsupported(&missing));
    }
    Ok(Request {
        choice: caller.choice(caller.filter(&message.filter)?),
        since: caller.since(),
        on_expired: on_expired(message.on_expired_cursor()),
        stop_at_head: message.stop_at_head,
        overflow: overflow(message.overflow_policy()),
        view: caller.view(message.view())?,
        batching: batching(message.batch.unwrap_or_default())?,
        heartbeat: heartbeat(message.heartbeat_interval)?,
        start: start(message.start)?,
        label: label(message.client_label)?,
        peer: caller.peer(),
        identity: caller.identity(),
    })
}

/// Reads a client's name for itself.
pub(super) fn label(label: String) -> Result<String, Status> {
    if label.len() > LONGEST_LABEL {
        let message = format!("client_label is longer than {LONGEST_LABEL} bytes");
        return Err(status::bad_field("BAD_REQUEST", "client_label", message));
    }
    Ok(label)
}

/// Reads a filter.
pub(super) fn filter(text: &str) -> Result<Filter, Status> {
    Filter::parse(text).map_err(|problem| status::bad_filter(&problem))
}

/// Reads the id of an alert.
pub(super) fn alert_id(text: &str) -> Result<AlertId, Status> {
    let read = text.parse::<AlertId>();
    read.map_err(|error| status::bad_field("BAD_REQUEST", "id", error.to_string()))
}

/// Reads a cursor.
pub(super) fn cursor(text: &str) -> Result<Cursor, Status> {
    text.parse().map_err(|error| status::bad_cursor(&error))
}

/// Reads a time.
pub(super) fn time(
    field: &str,
    timestamp: Option<prost_types::Timestamp>,
) -> Result<Option<Timestamp>, Status> {
    timestamp
        .map(|timestamp| {
            convert::time(&timestamp).ok_or_else(|| {
                status::bad_field("BAD_REQUEST", field, format!("{field} is out of range"))
            })
        })
        .transpose()
}

/// Reads a number that has a default for 0 and bounds.
pub(super) fn bounded(
    field: &str,
    number: u32,
    default: usize,
    most: usize,
) -> Result<usize, Status> {
    let number = number as usize;
    if number > most {
        let message = format!("{field} is {number}, and at most {most} are allowed");
        return Err(status::bad_field("BAD_WINDOW", field, message));
    }
    Ok(if number == 0 { default } else { number })
}

fn start(start: Option<stream_alerts_request::Start>) -> Result<Start, Status> {
    use stream_alerts_request::Start as Wire;
    Ok(match start {
        None | Some(Wire::Latest(())) => Start::Latest,
        Some(Wire::Earliest(())) => Start::Earliest,
        Some(Wire::Last(count)) => Start::Last(count),
        Some(Wire::AfterCursor(text)) => Start::After(cursor(&text)?),
        Some(Wire::Since(timestamp)) => {
            time("since", Some(timestamp))?.map_or(Start::Latest, Start::Since)
        }
    })
}

fn on_expired(policy: pb::OnExpiredCursor) -> OnExpired {
    match policy {
        pb::OnExpiredCursor::Unspecified | pb::OnExpiredCursor::Fail => OnExpired::Fail,
        pb::OnExpiredCursor::Earliest => OnExpired::Earliest,
        pb::OnExpiredCursor::Latest => OnExpired::Latest,
    }
}

fn overflow(policy: pb::OverflowPolicy) -> Overflow {
    match policy {
        pb::OverflowPolicy::Unspecified | pb::OverflowPolicy::CatchUp => Overflow::CatchUp,
        pb::OverflowPolicy::SkipAhead => Overflow::SkipAhead,
        pb::OverflowPolicy::Disconnect => Overflow::Disconnect,
    }
}

fn batching(options: pb::BatchOptions) -> Result<Batching, Status> {
    let default = Batching::default();
    let max_delay = options
        .max_delay
        .map_or(Some(Duration::ZERO), convert::span);
    Ok(Batching {
        max_alerts: bounded(
            "batch.max_alerts",
            options.max_alerts,
            default.max_alerts,
            Batching::MOST_ALERTS,
        )?,
        max_bytes: bounded(
            "batch.max_bytes",
            options.max_bytes,
            default.max_bytes,
            Batching::MOST_BYTES,
        )?,
        max_delay: max_delay
            .filter(|delay| *delay <= Batching::LONGEST_DELAY)
            .ok_or_else(|| {
                let message = "batch.max_delay must be between 0 and 5 seconds";
                status::bad_field("BAD_WINDOW", "batch.max_delay", message)
            })?,
    })
}

/// Reads how long a silence may be; absent, the default.
pub(super) fn heartbeat(interval: Option<prost_types::Duration>) -> Result<Duration, Status> {
    let Some(interval) = interval else {
        return Ok(DEFAULT_HEARTBEAT);
    };
    let interval = convert::span(interval).ok_or_else(|| {
        let message = "heartbeat_interval is negative";
        status::bad_field("BAD_REQUEST", "heartbeat_interval", message)
    })?;
    Ok(interval.clamp(*HEARTBEAT.start(), *HEARTBEAT.end()))
}
