//! Shows a stream as lines of JSON: `follow ADDRESS [REQUEST]`
//!
//! REQUEST is a `StreamAlertsRequest` as JSON, or as much of it as this example knows:
//! `{"filter": "priority >= error", "last": 10}`

use std::process::ExitCode;

use falco_gateway::{
    client::{self, AlertStream, Error, Event},
    pb::{OverflowPolicy, StreamAlertsRequest, stream_alerts_request::Start},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Request {
    filter: String,
    after_cursor: Option<String>,
    last: Option<u32>,
    earliest: Option<Value>,
    stop_at_head: bool,
    overflow_policy: Option<String>,
    heartbeat_interval: Option<String>,
}

impl Request {
    fn message(self) -> StreamAlertsRequest {
        let start = match (self.after_cursor, self.last, self.earliest) {
            (Some(cursor), ..) => Some(Start::AfterCursor(cursor)),
            (_, Some(last), _) => Some(Start::Last(last)),
            (_, _, Some(_)) => Some(Start::Earliest(())),
            _ => None,
        };
        let policy = self.overflow_policy.unwrap_or_default();
        let seconds = self.heartbeat_interval;
        let seconds = seconds.and_then(|it| it.trim_end_matches('s').parse().ok());
        StreamAlertsRequest {
            filter: self.filter,
            start,
            stop_at_head: self.stop_at_head,
            overflow_policy: OverflowPolicy::from_str_name(&policy).map_or(0, Into::into),
            heartbeat_interval: seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            ..StreamAlertsRequest::default()
        }
    }
}

fn said(event: &Event) -> Value {
    let cursor = event.cursor();
    match event {
        Event::Opened { grant, .. } => {
            json!({"kind": "opened", "cursor": cursor, "filter": grant.effective_filter})
        }
        Event::Alert { alert, .. } => {
            json!({"kind": "alert", "cursor": cursor, "id": alert.id, "rule": alert.rule})
        }
        Event::Loss { notice, .. } => json!({
            "kind": "loss", "cursor": cursor, "lost": notice.lost,
            "lowerBound": notice.lower_bound, "cause": notice.cause().as_str_name(),
        }),
        Event::State { state, .. } => {
            json!({"kind": "state", "cursor": cursor, "state": state.as_str_name()})
        }
        Event::Source { notice, .. } => json!({
            "kind": "source", "cursor": cursor, "source": notice.source_id,
            "state": notice.state().as_str_name(),
        }),
        Event::Reconnecting { why, delay, .. } => json!({
            "kind": "reconnecting", "cursor": cursor, "why": why, "delay": delay.as_secs_f64(),
        }),
    }
}

fn failed(error: &Error) -> Value {
    // `InvalidArgument` to `INVALID_ARGUMENT`.
    let mut code = String::new();
    for letter in format!("{:?}", error.code()).chars() {
        if letter.is_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.push(letter.to_ascii_uppercase());
    }
    let violations = error.violations();
    let fields: Vec<_> = violations.iter().map(|(field, _)| field).collect();
    json!({
        "kind": "error", "code": code, "reason": error.reason(),
        "metadata": error.metadata(), "fields": fields,
    })
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("give the gateway's address")?;
    let request = arguments.next().unwrap_or_else(|| "{}".to_owned());
    let request: Request = serde_json::from_str(&request)?;
    let channel = client::endpoint(format!("http://{address}"))?.connect_lazy();
    let mut stream = AlertStream::new(channel, request.message());
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => println!("{}", said(&event)),
            Err(error) => {
                println!("{}", failed(&error));
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    println!("{}", json!({"kind": "end"}));
    Ok(ExitCode::SUCCESS)
}
