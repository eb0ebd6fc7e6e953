use std::io::Write;

use super::super::{
    CliError, Server,
    render::{Output, Renderer, safe},
    style,
};
use crate::{
    alert::Alert,
    client::{Consumed, Consumer},
    pb,
};

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

pub(in crate::cli) async fn run(server: &Server, arguments: Arguments) -> Result<(), CliError> {
    let channel = server.connect().await?;
    let mut consume = Consume {
        renderer: Renderer::new(arguments.output),
        consumer: Consumer::new(channel, arguments.open()),
        arguments,
        shown: 0,
    };
    tokio::select! {
        ended = consume.follow() => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

impl Arguments {
    fn open(&self) -> pb::ConsumeOpen {
        pb::ConsumeOpen {
            name: self.name.clone(),
            window_alerts: self.window,
            client_label: self.label.clone(),
            ..pb::ConsumeOpen::default()
        }
    }
}

struct Consume {
    arguments: Arguments,
    renderer: Renderer,
    consumer: Consumer,
    shown: u64,
}

impl Consume {
    async fn follow(&mut self) -> Result<(), CliError> {
        while let Some(next) = self.consumer.next().await {
            match next.map_err(|error| error.into_status())? {
                Consumed::Alerts(records) => {
                    let dealt_with = self.show(records)?;
                    self.acknowledge(&dealt_with);
                    if Some(self.shown) == self.arguments.count {
                        return self.settle(&dealt_with).await;
                    }
                }
                Consumed::Loss(loss) => {
                    tell(&format!("{} alerts lost", loss.lost));
                    self.acknowledge(&loss.through_cursor);
                }
                Consumed::Reconnecting { why, delay, .. } => {
                    tell(&format!(
                        "{why}; coming back in {:.1} s",
                        delay.as_secs_f64()
                    ));
                }
                Consumed::Opened | Consumed::Confirmed(_) => {}
            }
        }
        Ok(())
    }

    /// Shows alerts, until there are enough; says up to where.
    fn show(&mut self, records: Vec<pb::AlertRecord>) -> Result<String, CliError> {
        let mut out = anstream::stdout().lock();
        let mut dealt_with = String::new();
        for record in records {
            let alert = record.decode_alert().ok().map(Alert::try_from);
            match alert {
                Some(Ok(alert)) => writeln!(out, "{}", self.renderer.alert(&alert))?,
                Some(Err(_)) | None => tell("an alert cannot be shown"),
            }
            dealt_with = record.cursor;
            self.shown += 1;
            if Some(self.shown) == self.arguments.count {
                break;
            }
        }
        out.flush()?;
        Ok(dealt_with)
    }

    fn acknowledge(&self, cursor: &str) {
        if !self.arguments.no_ack {
            self.consumer.acknowledge(cursor);
        }
    }

    /// Waits until what was shown is acknowledged for good.
    async fn settle(&mut self, dealt_with: &str) -> Result<(), CliError> {
        while !self.arguments.no_ack
            && let Some(next) = self.consumer.next().await
        {
            match next.map_err(|error| error.into_status())? {
                Consumed::Confirmed(cursor) if cursor == dealt_with => break,
                Consumed::Reconnecting { why, .. } => return Err(CliError::HungUp(why)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn tell(text: &str) {
    let color = style::LOSS;
    anstream::eprintln!("{color}-- {}{color:#}", safe(text));
}
