mod reload;
mod systemd;

use std::path::PathBuf;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::reload::{Reloads, Watched};
use super::CliError;
use crate::{
    config::{Config, Listen},
    gateway::Gateway,
    telemetry::Telemetry,
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

impl Arguments {
    fn config(&self) -> Result<Config, CliError> {
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        if !self.listen.is_empty() {
            config.listen = self.listen.iter().map(Listen::plaintext).collect();
        }
        Ok(config)
    }
}

pub(super) async fn run(arguments: Arguments, telemetry: &Telemetry) -> Result<(), CliError> {
    let config = arguments.config()?;
    telemetry.apply(&config.logging).map_err(CliError::Failed)?;
    let exporting = telemetry.trace(&config.traces).map_err(CliError::Failed)?;
    let data_dir = config.data_dir.clone();
    let hangups = signal(SignalKind::hangup())?;
    let watched = Watched::new(arguments.config.as_deref(), &config);
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
    if let Some(address) = gateway.page_address() {
        tracing::info!(%address, "showing the page");
    }
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone())?);
    let reloads = Reloads {
        reload: gateway.reload(),
        telemetry: telemetry.clone(),
        arguments,
        watched,
    };
    let reloading = AbortOnDropHandle::new(tokio::spawn(reloads.run(hangups)));
    systemd::tell(&[NotifyState::Ready]);
    let stopping = shutdown.clone();
    tokio::spawn(async move {
        stopping.cancelled().await;
        systemd::tell(&[NotifyState::Stopping]);
    });
    gateway.run(shutdown).await;
    drop(reloading);
    if let Some(exporting) = exporting {
        exporting.finish().await;
    }
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
