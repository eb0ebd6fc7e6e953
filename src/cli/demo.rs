use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{net::TcpStream, time::interval};
use tokio_util::sync::CancellationToken;

use super::{
    CliError, Server,
    client::check_filter,
    render::Output,
    style,
    watch::{self, Watch},
};
use crate::{
    config::{Config, Listen, SourceConfig},
    gateway::Gateway,
    source::http,
    web,
};

/// What a real Falco 0.43 posted, request by request.
const CAPTURES: &str = include_str!("../../tests/fixtures/captures/http.jsonl");

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Alerts a second
    #[arg(long, default_value_t = 8.0)]
    rate: f64,

    /// How many of the shipped alerts; all when not given
    #[arg(long)]
    count: Option<usize>,

    /// Only alerts that match, in the language of Falco's conditions
    #[arg(short, long, default_value = "", hide_default_value = true)]
    filter: String,

    /// How alerts are shown
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Deserialize)]
struct Capture {
    body: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), CliError> {
    check_filter(&arguments.filter)?;
    if !(arguments.rate > 0.0 && arguments.rate <= 1e6) {
        return Err(CliError::Argument(
            "--rate is alerts a second: more than 0, at most 1000000".to_owned(),
        ));
    }
    let bodies = captures(arguments.count)?;
    // Its log goes with it.
    let data = tempfile::tempdir()?;
    let gateway = Gateway::bind(loopback(data.path().to_owned())).await?;
    let (Some(server), Some(input)) = (
        gateway.grpc_addresses().into_iter().next(),
        gateway.http_addresses().into_iter().next(),
    ) else {
        return Err(CliError::Failed("the gateway has no address".to_owned()));
    };
    introduce(&server, input, bodies.len());
    let server: Server = server.parse().map_err(CliError::Failed)?;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(gateway.run(shutdown.clone()));
    let mut watch = Watch::new(watch::Arguments {
        filter: arguments.filter,
        since: None,
        last: None,
        all: true,
        after: None,
        output: arguments.output,
        count: None,
        stop_at_head: false,
        label: "demo".to_owned(),
    });
    let total = bodies.len();
    let shown = {
        let feed = feed(input, bodies, arguments.rate);
        tokio::select! {
            ended = watch.follow(&server) => ended,
            fed = async {
                feed.await?;
                // What was answered is in the log; a moment for the screen.
                tokio::time::sleep(Duration::from_millis(300)).await;
                Ok(())
            } => fed,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    };
    shutdown.cancel();
    let _ = running.await;
    shown?;
    conclude(watch.shown(), total);
    Ok(())
}

fn captures(count: Option<usize>) -> Result<Vec<Bytes>, CliError> {
    CAPTURES
        .lines()
        .take(count.unwrap_or(usize::MAX))
        .map(|line| {
            serde_json::from_str::<Capture>(line)
                .map(|capture| Bytes::from(capture.body))
                .map_err(|error| CliError::Failed(error.to_string()))
        })
        .collect()
}

/// A gateway on loopback ports that are free.
fn loopback(data_dir: PathBuf) -> Config {
    Config {
        data_dir,
        listen: vec![Listen::plaintext("127.0.0.1:0")],
        sources: vec![SourceConfig::http(http::Config {
            listen: "127.0.0.1:0".to_owned(),
            ..http::Config::default()
        })],
        operations: web::Config::nowhere(),
        ..Config::default()
    }
}

/// Posts as Falco does: one connection, one request in flight.
async fn feed(input: SocketAddr, bodies: Vec<Bytes>, rate: f64) -> Result<(), CliError> {
    let failed = |error: String| CliError::Failed(format!("failed to post an alert: {error}"));
    let stream = TcpStream::connect(input)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(error.to_string()))?;
    tokio::spawn(connection);
    let mut pace = interval(Duration::from_secs_f64(1.0 / rate));
    for body in bodies {
        pace.tick().await;
        let request = Request::post("/")
            .header("host", "falco-gateway")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|error| failed(error.to_string()))?;
        sender
            .ready()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| failed(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(failed(format!("the gateway answered {}", answer.status())));
        }
    }
    Ok(())
}

fn introduce(server: &str, input: SocketAddr, count: usize) {
    let note = style::NOTE;
    anstream::eprintln!(
        "{note}-- a gateway: Falco posts to http://{input}, subscribers read from {server}{note:#}"
    );
    anstream::eprintln!(
        "{note}-- {count} alerts of a real Falco 0.43, as a subscriber sees them (Ctrl-C ends){note:#}"
    );
}

fn conclude(shown: u64, total: usize) {
    let note = style::NOTE;
    anstream::eprintln!("{note}-- {shown} of {total} alerts shown; next:{note:#}");
    anstream::eprintln!("     falco-gateway serve                                    run one");
    anstream::eprintln!(
        "     falco-gateway watch --filter 'priority >= critical'    subscribe to it"
    );
}
