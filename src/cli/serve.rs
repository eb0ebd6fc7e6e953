use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::CliError;
use crate::{
    config::{Config, Listen},
    gateway::Gateway,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration; without one, gRPC on 127.0.0.1:5060 and Falco's
    /// http_output on 127.0.0.1:2801
    #[arg(short, long, env = "FALCO_GATEWAY_CONFIG")]
    config: Option<PathBuf>,

    /// Listen for gRPC here instead: HOST:PORT or unix:///PATH; may be repeated
    #[arg(long, env = "FALCO_GATEWAY_LISTEN", value_delimiter = ',')]
    listen: Vec<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let mut config = match &arguments.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    if !arguments.listen.is_empty() {
        config.listen = arguments
            .listen
            .into_iter()
            .map(Listen::plaintext)
            .collect();
    }
    let data_dir = config.data_dir.clone();
    let gateway = Gateway::bind(config).await?;
    let log = gateway.log_bounds();
    tracing::info!(folder = %data_dir.display(), alerts = log.alerts, bytes = log.bytes, "opened the log");
    for address in gateway.grpc_addresses() {
        tracing::info!(%address, "serving gRPC");
    }
    for address in gateway.http_addresses() {
        tracing::info!(%address, "taking alerts over HTTP");
    }
    if let Some(address) = gateway.operations_address() {
        tracing::info!(%address, "showing metrics at /metrics");
    }
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone())?);
    gateway.run(shutdown).await;
    Ok(())
}

/// Installed before the gateway runs, so that no signal finds the default
/// handler.
pub(super) fn cancel_on_signal(
    shutdown: CancellationToken,
) -> Result<impl Future<Output = ()>, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down");
        shutdown.cancel();
    })
}
