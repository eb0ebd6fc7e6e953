//! Load on a gateway, and what it costs.

mod gateway;
mod payload;
mod report;
mod subscribers;

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, interval};

use self::{
    gateway::Child,
    payload::{documents, matching},
    report::{Report, Usage},
    subscribers::{Subscribers, Wanted},
};
use super::{CliError, Server, client::check_filter};
use crate::pb::{self, ingest_service_client::IngestServiceClient};

/// How long the subscribers may take to get what was published.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Start a gateway for the measurement, in a process of its own and with a log
    /// that is thrown away; else the one of --server is loaded
    #[arg(long)]
    own: bool,

    /// Streams
    #[arg(long, default_value_t = 100)]
    subscribers: usize,

    /// Connections that they share
    #[arg(long, default_value_t = 100)]
    connections: usize,

    /// Alerts
    #[arg(long, default_value_t = 6400)]
    alerts: usize,

    /// Alerts in one call; the next call comes when everyone has them
    #[arg(long, default_value_t = 64)]
    burst: usize,

    /// Calls a second instead
    #[arg(long)]
    rate: Option<f64>,

    /// Bytes that each document is longer than it need be
    #[arg(long, default_value_t = 0)]
    padding: usize,

    /// What the subscribers want; {} is each one's number, and one in so many
    /// alerts has it as proc.pid
    #[arg(short, long, default_value = "", hide_default_value = true)]
    filter: String,

    /// JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(server: &Server, arguments: Arguments) -> Result<(), CliError> {
    check_filter(&arguments.filter.replace("{}", "0"))?;
    if arguments.subscribers == 0 || arguments.connections == 0 || arguments.burst == 0 {
        let message = "--subscribers, --connections and --burst are at least 1";
        return Err(CliError::Argument(message.to_owned()));
    }
    let child = match arguments.own {
        true => Some(Child::start().await?),
        false => None,
    };
    let server = child.as_ref().map_or(server, Child::server);
    let usage = || child.as_ref().map(Child::usage).transpose();
    let before_streams = usage()?;
    let documents = documents(arguments.burst, arguments.padding);
    let wanted = |index: usize| {
        let filter = arguments.filter.replace("{}", &index.to_string());
        let matching = matching(&documents, &filter)?;
        Ok(Wanted { filter, matching })
    };
    let wanted = (0..arguments.subscribers)
        .map(wanted)
        .collect::<Result<Vec<_>, CliError>>()?;
    let subscribers = Subscribers::open(server, arguments.connections, wanted).await?;
    let idle = usage()?;
    let started = Instant::now();
    publish(server, &subscribers, &documents, &arguments).await?;
    let seconds = started.elapsed().as_secs_f64();
    let report = Report {
        subscribers: arguments.subscribers,
        connections: arguments.connections.min(arguments.subscribers),
        alerts: arguments.alerts,
        burst: arguments.burst,
        seconds,
        deliveries: subscribers.received(),
        latencies: subscribers.latencies(),
        stream_bytes: idle.zip(before_streams).map(|(idle, before)| {
            idle.resident_bytes.saturating_sub(before.resident_bytes) / arguments.subscribers as u64
        }),
        cpu_seconds: usage()?
            .zip(idle)
            .map(|(after, idle): (Usage, Usage)| after.cpu_seconds - idle.cpu_seconds),
    };
    report.print(arguments.json)
}

/// Publishes everything, one burst after the other.
async fn publish(
    server: &Server,
    subscribers: &Subscribers,
    documents: &[Bytes],
    arguments: &Arguments,
) -> Result<(), CliError> {
    let mut client = IngestServiceClient::new(server.connect().await?);
    let mut pace = arguments
        .rate
        .map(|rate| interval(Duration::from_secs_f64(1.0 / rate.max(0.001))));
    let bursts = arguments.alerts.div_ceil(arguments.burst);
    for burst in 1..=bursts {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        subscribers.sending();
        let request = pb::PublishRequest {
            documents: documents.to_vec(),
        };
        client.publish(request).await?;
        if pace.is_none() || burst == bursts {
            subscribers.wait(PATIENCE).await?;
        }
    }
    Ok(())
}
