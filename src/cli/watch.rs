use std::io::Write;

use super::{
    CliError, Server,
    client::check_filter,
    render::{Output, Renderer},
    style,
    when::When,
};
use crate::{
    alert::Alert,
    client::{AlertStream, Event},
    pb::{self, stream_alerts_request::Start},
    rpc::convert,
};

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
    shown: u64,
}

/// How a stream ended.
enum End {
    /// There is nothing more to show.
    Done,
    /// The log that it was of is gone.
    NewLog,
}

impl Watch {
    pub(super) fn new(arguments: Arguments) -> Self {
        Self {
            renderer: Renderer::new(arguments.output),
            arguments,
            shown: 0,
        }
    }

    /// How many alerts were shown.
    pub(super) fn shown(&self) -> u64 {
        self.shown
    }

    /// Shows alerts until there is nothing more to show.
    pub(super) async fn follow(&mut self, server: &Server) -> Result<(), CliError> {
        // Somebody who mistyped the address wants to know at once.
        let channel = server.connect().await?;
        let mut request = self.request();
        loop {
            let mut stream = AlertStream::new(channel.clone(), request.clone());
            match self.show_all(&mut stream).await? {
                End::Done => return Ok(()),
                End::NewLog => {
                    tell(
                        "the gateway has begun its log anew: alerts of the old one may be missing",
                    );
                    // All that it has is new to us.
                    request.start = Some(Start::Earliest(()));
                }
            }
        }
    }

    async fn show_all(&mut self, stream: &mut AlertStream) -> Result<End, CliError> {
        let mut was_open = false;
        while let Some(next) = stream.next().await {
            match next {
                Ok(Event::Opened { .. }) => was_open = true,
                Ok(Event::Alert { alert, .. }) => {
                    if self.show(*alert)? {
                        return Ok(End::Done);
                    }
                }
                Ok(Event::Loss { notice, .. }) => tell_loss(&notice),
                Ok(Event::Source { notice, .. }) => self.note_source(&notice),
                Ok(Event::State { .. }) => {}
                Ok(Event::Reconnecting {
                    why, error, delay, ..
                }) => {
                    // It is no gateway, or does not want us.
                    if let Some(error) = error.filter(|it| !was_open && it.is_of_connection()) {
                        return Err(error.into_status().into());
                    }
                    self.note(&format!(
                        "{why}; reconnecting in {:.1} s",
                        delay.as_secs_f64()
                    ));
                }
                Err(error) if was_open && error.reason() == "CURSOR_FOREIGN_LOG" => {
                    return Ok(End::NewLog);
                }
                Err(error) => return Err(error.into_status().into()),
            }
        }
        Ok(End::Done)
    }

    fn request(&self) -> pb::StreamAlertsRequest {
        let arguments = &self.arguments;
        let start = if let Some(cursor) = &arguments.after {
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
            stop_at_head: arguments.stop_at_head,
            client_label: arguments.label.clone(),
            ..pb::StreamAlertsRequest::default()
        }
    }

    /// Shows an alert; says when there were enough.
    fn show(&mut self, alert: pb::Alert) -> Result<bool, CliError> {
        let alert = match Alert::try_from(alert) {
            Ok(alert) => alert,
            Err(error) => {
                tell(&format!(
                    "an alert cannot be shown: the gateway sent {error}"
                ));
                return Ok(false);
            }
        };
        writeln!(anstream::stdout(), "{}", self.renderer.alert(&alert))?;
        self.shown += 1;
        let enough = self.arguments.count;
        Ok(enough.is_some_and(|count| self.shown >= count))
    }

    fn note_source(&self, source: &pb::SourceNotice) {
        let state = source.state().as_str_name();
        let state = state.trim_start_matches("SOURCE_STATE_").to_lowercase();
        let mut text = format!("source {} is {state}", source.source_id);
        if !source.detail.is_empty() {
            text += ": ";
            text += &source.detail;
        }
        self.note(&text);
    }

    fn note(&self, text: &str) {
        if self.renderer.is_for_people() {
            let color = style::NOTE;
            anstream::eprintln!("{color}-- {}{color:#}", super::render::safe(text));
        }
    }
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
