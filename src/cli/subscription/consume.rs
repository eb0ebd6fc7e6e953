use std::{io::Write, time::Duration};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};

use super::super::{
    CliError, Server,
    client::LARGEST_MESSAGE,
    render::{Output, Renderer, safe},
    style,
};
use crate::{
    alert::Alert,
    client::Error,
    pb::{
        self, ConsumeSubscriptionRequest, consume_subscription_request::Kind as Ask,
        stream_frame::Kind, subscription_service_client::SubscriptionServiceClient,
    },
};

/// The first and the longest wait before trying again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// For the first frame, and then for three heartbeats.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The subscription's name
    name: String,

    /// How alerts are shown
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,

    /// End after so many alerts
    #[arg(short = 'n', long)]
    count: Option<u64>,

    /// How many alerts may be delivered and not acknowledged
    #[arg(long, default_value_t = 1000)]
    window: u32,

    /// Only look: acknowledge nothing, so that all of it comes again
    #[arg(long)]
    no_ack: bool,

    /// A name for this client, shown by `subscription show`
    #[arg(long, default_value = "consume")]
    label: String,
}

/// How a stream ended.
enum End {
    /// There is nothing more to show.
    Done,
    /// It broke, or the gateway closed it.
    Broken(String),
}

pub(in crate::cli) async fn run(server: &Server, arguments: Arguments) -> Result<(), CliError> {
    let channel = server.connect().await?;
    let mut consume = Consume {
        renderer: Renderer::new(arguments.output),
        arguments,
        shown: 0,
        wait: FIRST_WAIT,
    };
    tokio::select! {
        ended = consume.follow(channel) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

struct Consume {
    arguments: Arguments,
    renderer: Renderer,
    shown: u64,
    wait: Duration,
}

/// An open stream.
struct Call {
    requests: mpsc::Sender<ConsumeSubscriptionRequest>,
    frames: Streaming<pb::StreamFrame>,
}

impl Consume {
    async fn follow(&mut self, channel: Channel) -> Result<(), CliError> {
        loop {
            let why = match self.once(channel.clone()).await {
                Ok(End::Done) => return Ok(()),
                Ok(End::Broken(why)) => why,
                Err(CliError::Refused(status)) => {
                    let error = Error::from(*status);
                    // Whoever has taken it over is not to be fought.
                    if error.is_final() || error.reason() == "CONSUMER_SUPERSEDED" {
                        return Err(error.into_status().into());
                    }
                    error.to_string()
                }
                Err(error) => return Err(error),
            };
            let wait = self.wait.mul_f64(1.0 + fastrand::f64() / 2.0);
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
            tell(&format!(
                "{why}; coming back in {:.1} s",
                wait.as_secs_f64()
            ));
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(&mut self, channel: Channel) -> Result<End, CliError> {
        let mut call = self.open(channel).await?;
        loop {
            let Ok(next) = tokio::time::timeout(PATIENCE, call.frames.message()).await else {
                return Ok(End::Broken("the gateway fell silent".to_owned()));
            };
            let Some(frame) = next? else {
                return Ok(End::Broken("the gateway ended the stream".to_owned()));
            };
            self.wait = FIRST_WAIT;
            match frame.kind {
                Some(Kind::Alerts(batch)) => {
                    let (dealt_with, is_enough) = self.show(batch)?;
                    self.acknowledge(&call, dealt_with.clone()).await;
                    if is_enough {
                        return self.settle(call, &dealt_with).await;
                    }
                }
                Some(Kind::Loss(loss)) => {
                    tell(&format!("{} alerts lost", loss.lost));
                    self.acknowledge(&call, loss.through_cursor).await;
                }
                _ => {}
            }
        }
    }

    async fn open(&self, channel: Channel) -> Result<Call, Status> {
        let (requests, outgoing) = mpsc::channel(16);
        let open = pb::ConsumeOpen {
            name: self.arguments.name.clone(),
            window_alerts: self.arguments.window,
            client_label: self.arguments.label.clone(),
            ..pb::ConsumeOpen::default()
        };
        let kind = Some(Ask::Open(open));
        // There is room, and the other end is here.
        let _ = requests.send(ConsumeSubscriptionRequest { kind }).await;
        let mut client =
            SubscriptionServiceClient::new(channel).max_decoding_message_size(LARGEST_MESSAGE);
        let frames = client.consume_subscription(ReceiverStream::new(outgoing));
        Ok(Call {
            frames: frames.await?.into_inner(),
            requests,
        })
    }

    /// Shows alerts; says up to where, and whether there were enough.
    fn show(&mut self, batch: pb::AlertBatch) -> Result<(String, bool), CliError> {
        let mut out = anstream::stdout().lock();
        let mut dealt_with = String::new();
        for record in batch.records {
            let alert = record.decode_alert().ok().map(Alert::try_from);
            match alert {
                Some(Ok(alert)) => writeln!(out, "{}", self.renderer.alert(&alert))?,
                Some(Err(_)) | None => tell("an alert cannot be shown"),
            }
            dealt_with = record.cursor;
            self.shown += 1;
            if Some(self.shown) == self.arguments.count {
                return Ok((dealt_with, true));
            }
        }
        out.flush()?;
        Ok((dealt_with, false))
    }

    async fn acknowledge(&self, call: &Call, cursor: String) {
        if !self.arguments.no_ack {
            let kind = Some(Ask::Ack(pb::ConsumeAck { cursor }));
            // A stream that has ended says so with its next frame.
            let _ = call
                .requests
                .send(ConsumeSubscriptionRequest { kind })
                .await;
        }
    }

    /// Waits until what was shown is acknowledged for good.
    async fn settle(&self, mut call: Call, dealt_with: &str) -> Result<End, CliError> {
        if self.arguments.no_ack {
            return Ok(End::Done);
        }
        loop {
            match call.frames.message().await? {
                Some(pb::StreamFrame {
                    kind: Some(Kind::AckConfirmed(confirmed)),
                    ..
                }) if confirmed.cursor == dealt_with => return Ok(End::Done),
                Some(_) => {}
                None => return Ok(End::Broken("the gateway ended the stream".to_owned())),
            }
        }
    }
}

fn tell(text: &str) {
    let color = style::LOSS;
    anstream::eprintln!("{color}-- {}{color:#}", safe(text));
}
