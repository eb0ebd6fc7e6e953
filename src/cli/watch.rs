use std::{io::Write, time::Duration};

use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use super::{
    CliError, Server,
    client::{LARGEST_MESSAGE, check_filter},
    render::{Output, Renderer},
    style,
    when::When,
};
use crate::{
    pb::{
        self, alert_service_client::AlertServiceClient, stream_alerts_request::Start,
        stream_frame::Kind,
    },
    rpc::convert,
};

/// Missing this many heartbeats, the stream is dead though nobody said so.
const MISSED_HEARTBEATS: u32 = 3;

/// The first and the longest wait before trying again.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  falco-gateway watch --last 20
  falco-gateway watch -f 'priority >= error and k8s.ns.name = payments'
  falco-gateway watch -f 'tags intersects (T1059)' -o json | jq .rule")]
pub(super) struct Arguments {
    /// Only alerts that match, in the language of Falco's conditions
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub(super) filter: String,

    /// Start with what was received since then: 10m, or 2026-11-25T10:00:00Z
    #[arg(long, group = "start")]
    pub(super) since: Option<When>,

    /// Start with the newest so many that match
    #[arg(long, group = "start")]
    pub(super) last: Option<u32>,

    /// Start with the oldest there is
    #[arg(long, group = "start")]
    pub(super) all: bool,

    /// Start after this cursor
    #[arg(long, group = "start")]
    pub(super) after: Option<String>,

    /// How alerts are shown
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Output,

    /// End after so many alerts
    #[arg(short = 'n', long)]
    pub(super) count: Option<u64>,

    /// End once everything that is in the log was shown
    #[arg(long)]
    pub(super) stop_at_head: bool,

    /// A name for this client, shown by `status`
    #[arg(long, default_value = "watch")]
    pub(super) label: String,
}

pub(super) async fn run(server: &Server, arguments: Arguments) -> Result<(), CliError> {
    check_filter(&arguments.filter)?;
    let mut watch = Watch::new(arguments);
    tokio::select! {
        ended = watch.follow(server) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// A subscriber that shows what it gets and comes back by itself.
#[derive(Debug)]
pub(super) struct Watch {
    arguments: Arguments,
    renderer: Renderer,
    /// Where to go on; none before the first frame.
    cursor: Option<String>,
    /// The log that the cursor was of is gone.
    is_new_log: bool,
    shown: u64,
    wait: Duration,
}

/// How a stream ended.
enum End {
    /// There is nothing more to show.
    Done,
    /// It broke or the gateway closed it: come back after so long.
    Broken(String, Option<Duration>),
}

impl Watch {
    pub(super) fn new(arguments: Arguments) -> Self {
        Self {
            renderer: Renderer::new(arguments.output),
            arguments,
            cursor: None,
            is_new_log: false,
            shown: 0,
            wait: FIRST_WAIT,
        }
    }

    /// How many alerts were shown.
    pub(super) fn shown(&self) -> u64 {
        self.shown
    }

    /// Shows alerts until there is nothing more to show.
    pub(super) async fn follow(&mut self, server: &Server) -> Result<(), CliError> {
        let mut first = true;
        loop {
            let end = match self.stream(server).await {
                Ok(end) => end,
                // Somebody who mistyped the address wants to know at once.
                Err(error @ CliError::Unreachable { .. }) if first => return Err(error),
                Err(CliError::Unreachable { reason, .. }) => End::Broken(reason, None),
                Err(CliError::Refused(status)) if self.cursor.is_some() && is_foreign(&status) => {
                    self.turn_to_new_log();
                    continue;
                }
                Err(CliError::Refused(status)) if is_passing(&status) => {
                    End::Broken(status.message().to_owned(), None)
                }
                Err(error) => return Err(error),
            };
            first = false;
            match end {
                End::Done => return Ok(()),
                End::Broken(reason, wait) => self.pause(&reason, wait).await,
            }
        }
    }

    /// All that a log has that was begun while we were away is new to us.
    fn turn_to_new_log(&mut self) {
        self.cursor = None;
        self.is_new_log = true;
        tell("the gateway has begun its log anew: alerts of the old one may be missing");
    }

    async fn pause(&mut self, reason: &str, asked: Option<Duration>) {
        let jitter = 0.5 + fastrand::f64();
        let wait = asked.unwrap_or(self.wait).mul_f64(jitter);
        self.note(&format!(
            "{reason}; reconnecting in {:.1} s",
            wait.as_secs_f64()
        ));
        tokio::time::sleep(wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    async fn stream(&mut self, server: &Server) -> Result<End, CliError> {
        let channel = server.connect().await?;
        let mut frames = AlertServiceClient::new(channel)
            .max_decoding_message_size(LARGEST_MESSAGE)
            .stream_alerts(self.request())
            .await?
            .into_inner();
        let mut patience = Duration::from_secs(30);
        loop {
            let Ok(next) = tokio::time::timeout(patience, frames.message()).await else {
                return Ok(End::Broken("the gateway fell silent".to_owned(), None));
            };
            let Some(frame) = next? else {
                return Ok(self.ended("the gateway ended the stream"));
            };
            self.wait = FIRST_WAIT;
            self.cursor = Some(frame.cursor);
            if let Some(Kind::Opened(opened)) = &frame.kind {
                patience = patience_for(opened);
            }
            if let Some(end) = self.take(frame.kind, &mut frames).await? {
                return Ok(end);
            }
        }
    }

    fn request(&self) -> pb::StreamAlertsRequest {
        let arguments = &self.arguments;
        let mut on_expired = pb::OnExpiredCursor::Fail;
        let start = if let Some(cursor) = &self.cursor {
            // We were away for too long: on with what there is, and be told what is not.
            on_expired = pb::OnExpiredCursor::Earliest;
            Start::AfterCursor(cursor.clone())
        } else if self.is_new_log {
            Start::Earliest(())
        } else if let Some(cursor) = &arguments.after {
            Start::AfterCursor(cursor.clone())
        } else if let Some(When(time)) = arguments.since {
            Start::Since(convert::timestamp(time))
        } else if let Some(last) = arguments.last {
            Start::Last(last)
        } else if arguments.all {
            Start::Earliest(())
        } else {
            Start::Latest(())
        };
        pb::StreamAlertsRequest {
            filter: arguments.filter.clone(),
            start: Some(start),
            on_expired_cursor: on_expired.into(),
            stop_at_head: arguments.stop_at_head,
            client_label: arguments.label.clone(),
            ..pb::StreamAlertsRequest::default()
        }
    }

    /// Shows one frame; says when the stream is over.
    async fn take(
        &mut self,
        kind: Option<Kind>,
        frames: &mut Streaming<pb::StreamFrame>,
    ) -> Result<Option<End>, CliError> {
        match kind {
            Some(Kind::Alerts(batch)) => return self.show(batch),
            Some(Kind::Loss(loss)) => tell_loss(&loss),
            Some(Kind::Source(source)) => self.note(&format!(
                "source {} is {}{}",
                source.source_id,
                source
                    .state()
                    .as_str_name()
                    .trim_start_matches("SOURCE_STATE_")
                    .to_lowercase(),
                if source.detail.is_empty() {
                    String::new()
                } else {
                    format!(": {}", source.detail)
                }
            )),
            Some(Kind::Closing(closing)) => {
                // The status comes behind it, if there is one.
                frames.message().await?;
                let delay = closing.resume_delay.and_then(|delay| delay.try_into().ok());
                return Ok(Some(match closing.reason() {
                    pb::ClosingReason::ReachedHead => End::Done,
                    _ => End::Broken("the gateway is going down".to_owned(), delay),
                }));
            }
            // A frame of a later version: its cursor is taken already.
            None | Some(Kind::Opened(_) | Kind::Heartbeat(_) | Kind::StateChange(_)) => {}
        }
        Ok(None)
    }

    fn show(&mut self, batch: pb::AlertBatch) -> Result<Option<End>, CliError> {
        let mut out = anstream::stdout().lock();
        for record in batch.records {
            let alert = convert::decode(&record.alert)
                .map_err(|error| CliError::Failed(format!("the gateway sent {error}")))?;
            writeln!(out, "{}", self.renderer.alert(&alert))?;
            self.cursor = Some(record.cursor);
            self.shown += 1;
            if self
                .arguments
                .count
                .is_some_and(|count| self.shown >= count)
            {
                out.flush()?;
                return Ok(Some(End::Done));
            }
        }
        out.flush()?;
        Ok(None)
    }

    fn ended(&self, reason: &str) -> End {
        if self.arguments.stop_at_head {
            End::Done
        } else {
            End::Broken(reason.to_owned(), None)
        }
    }

    fn note(&self, text: &str) {
        if self.renderer.is_for_people() {
            let color = style::NOTE;
            anstream::eprintln!("{color}-- {}{color:#}", super::render::safe(text));
        }
    }
}

fn patience_for(opened: &pb::Opened) -> Duration {
    opened
        .heartbeat_interval
        .and_then(|interval| Duration::try_from(interval).ok())
        .unwrap_or(Duration::from_secs(10))
        * MISSED_HEARTBEATS
}

/// Whether trying again can help.
fn is_passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::ResourceExhausted
            | Code::Unknown
            | Code::Internal
            | Code::Cancelled
            | Code::Aborted
    )
}

/// Whether the cursor is of a log that the gateway no longer has.
fn is_foreign(status: &Status) -> bool {
    status
        .get_details_error_info()
        .is_some_and(|info| info.reason == "CURSOR_FOREIGN_LOG")
}

fn tell_loss(loss: &pb::LossNotice) {
    let cause = loss
        .cause()
        .as_str_name()
        .trim_start_matches("LOSS_CAUSE_")
        .to_lowercase();
    let least = if loss.lower_bound { "at least " } else { "" };
    tell(&format!("{least}{} alerts lost ({cause})", loss.lost));
}

/// Said whatever the output: a loss is never to be overlooked.
fn tell(text: &str) {
    let color = style::LOSS;
    anstream::eprintln!("{color}-- {text}{color:#}");
}
