//! Load on a gateway, and what it costs.

mod gateway;
mod payload;
mod report;
mod subscribers;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::time::{Instant, interval};

use self::{
    gateway::Child,
    payload::{SORTS, alerts, documents, matching},
    report::{Report, Usage},
    subscribers::{Stalled, Subscribers, Wanted, WantedStream},
};
use super::{CliError, Server, client::check_filter};
use crate::{
    client::Connection,
    pb::{self, ingest_service_client::IngestServiceClient},
};

/// How long the subscribers may take to get what was published.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Start a gateway for the measurement, in a process of its own and with a log
    /// that is thrown away; else the one of --server is loaded
    #[arg(long)]
    own: bool,

    /// Streams; with none, the cost of taking alerts in is measured
    #[arg(long, default_value_t = 100)]
    subscribers: usize,

    /// Connections that they share
    #[arg(long, default_value_t = 100)]
    connections: usize,

    /// More streams, on connections of their own, that read nothing
    #[arg(long, default_value_t = 0)]
    stalled: usize,

    /// Alerts
    #[arg(long, default_value_t = 6400)]
    alerts: usize,

    /// Alerts at a time; the next ones come when everyone has them
    #[arg(long, default_value_t = 64)]
    burst: usize,

    /// Connections that publish, each its part of a burst
    #[arg(long, default_value_t = 1)]
    sources: usize,

    /// Bursts a second instead
    #[arg(long)]
    rate: Option<f64>,

    /// Bytes that each document is longer than it need be
    #[arg(long, default_value_t = 0)]
    padding: usize,

    /// What the subscribers want. {} is each one's number, and {%} that modulo 100;
    /// the alerts of a burst are numbered too, as proc.pid, and modulo 100 as
    /// proc.vpid
    #[arg(short, long, default_value = "", hide_default_value = true)]
    filter: String,

    /// The streams are opened when all alerts are in the log, and begin with the
    /// first: what is measured is reading from the disk
    #[arg(long, requires = "own")]
    catch_up: bool,

    /// Over mutual TLS
    #[arg(long, requires = "own")]
    tls: bool,

    /// JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(server: &Server, arguments: Arguments) -> Result<(), CliError> {
    check_filter(&arguments.filter_of(0))?;
    if arguments.connections == 0 || arguments.burst == 0 || arguments.sources == 0 {
        let message = "--connections, --burst and --sources are at least 1";
        return Err(CliError::Argument(message.to_owned()));
    }
    let child = match arguments.own {
        true => Some(Child::start(&arguments).await?),
        false => None,
    };
    let server = child.as_ref().map_or(server, Child::server);
    let usage = || child.as_ref().map(Child::usage).transpose();
    let documents = documents(arguments.burst, arguments.padding);
    let mut publisher = Publisher::connect(server, &documents, &arguments).await?;
    if arguments.catch_up {
        publisher.publish_all(&Subscribers::none()).await?;
    }
    let before_streams = usage()?;
    let started = Instant::now();
    let subscribers = Subscribers::open(server, arguments.wanted(&documents)?).await?;
    let stalled = Stalled::open(server, arguments.stalled).await?;
    let idle = usage()?;
    let (before, started) = if arguments.catch_up {
        subscribers.have_been_sent(publisher.bursts());
        subscribers.wait(PATIENCE).await?;
        (before_streams, started)
    } else {
        let started = Instant::now();
        publisher.publish_all(&subscribers).await?;
        (idle, started)
    };
    let seconds = started.elapsed().as_secs_f64();
    let streams = arguments.subscribers as u64;
    let report = Report {
        subscribers: arguments.subscribers,
        connections: arguments.connections.min(arguments.subscribers),
        alerts: publisher.bursts() * arguments.burst,
        burst: arguments.burst,
        seconds,
        deliveries: subscribers.received(),
        latencies: match arguments.catch_up {
            true => Vec::new(),
            false => subscribers.latencies(),
        },
        stream_bytes: idle
            .zip(before_streams)
            .map(|(idle, before)| idle.resident_bytes.saturating_sub(before.resident_bytes))
            .and_then(|bytes| bytes.checked_div(streams))
            .filter(|_| !arguments.catch_up),
        cpu_seconds: usage()?
            .zip(before)
            .map(|(after, before): (Usage, Usage)| after.cpu_seconds - before.cpu_seconds),
    };
    drop(stalled);
    report.print(arguments.json)
}

impl Arguments {
    fn filter_of(&self, stream: usize) -> String {
        let filter = self.filter.replace("{}", &stream.to_string());
        filter.replace("{%}", &(stream % SORTS).to_string())
    }

    fn wanted(&self, documents: &[Bytes]) -> Result<Wanted, CliError> {
        let alerts = alerts(documents);
        let stream = |stream| {
            let filter = self.filter_of(stream);
            let matching = matching(&alerts, &filter)?;
            Ok(WantedStream { filter, matching })
        };
        Ok(Wanted {
            streams: (0..self.subscribers)
                .map(stream)
                .collect::<Result<_, CliError>>()?,
            connections: self.connections,
            from_the_first: self.catch_up,
        })
    }
}

/// Publishes bursts on some connections.
struct Publisher {
    /// Each with its part of a burst.
    sources: Vec<(IngestServiceClient<Connection>, pb::PublishRequest)>,
    bursts: usize,
    rate: Option<f64>,
}

impl Publisher {
    async fn connect(
        server: &Server,
        documents: &[Bytes],
        arguments: &Arguments,
    ) -> Result<Self, CliError> {
        let mut sources = Vec::new();
        for part in documents.chunks(arguments.burst.div_ceil(arguments.sources)) {
            let request = pb::PublishRequest {
                documents: part.to_vec(),
            };
            sources.push((IngestServiceClient::new(server.connect().await?), request));
        }
        Ok(Self {
            sources,
            bursts: arguments.alerts.div_ceil(arguments.burst),
            rate: arguments.rate,
        })
    }

    fn bursts(&self) -> usize {
        self.bursts
    }

    /// Publishes everything, one burst after the other.
    async fn publish_all(&mut self, subscribers: &Subscribers) -> Result<(), CliError> {
        let mut pace = self
            .rate
            .map(|rate| interval(Duration::from_secs_f64(1.0 / rate.max(0.001))));
        for burst in 1..=self.bursts {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            subscribers.sending();
            self.publish_burst().await?;
            if pace.is_none() || burst == self.bursts {
                subscribers.wait(PATIENCE).await?;
            }
        }
        Ok(())
    }

    async fn publish_burst(&mut self) -> Result<(), CliError> {
        let calls = self.sources.iter_mut().map(|(client, request)| {
            let request = request.clone();
            async { client.publish(request).await.map(|_| ()) }
        });
        try_join_all(calls).await?;
        Ok(())
    }
}
