//! The HTTP input: where Falco's `http_output` posts, and whatever else posts to
//! falcosidekick.
//!
//! It promises
//! - an empty 200, once the log has every alert of the body;
//! - a 400 that says which items were refused and why, the others being in the log;
//! - that bad input costs its sender at most its own connection.
//!
//! Falco ignores the status and sends one alert at a time, so a status is never
//! used to hold it back: when the intake is full, the answer waits. For the same
//! reason an alert that comes while the gateway is down is lost; a followed file
//! keeps it.

mod access;
mod answer;
mod body;
mod config;
mod connection;
mod receiver;
mod synthetic;

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{either::Either, sync::CancellationToken, task::TaskTracker};

#[cfg(any(test, fuzzing))]
pub(crate) use self::body::fuzzing;
use self::receiver::Receiver;
pub use self::{
    access::{Token, TokenError},
    config::{Config, ConfigError},
};
use super::{Intake, SourceHandle, SourceState};
use crate::{clock, tls::Acceptor};

/// How long requests in flight may take once the gateway is going down; then
/// their connections are cut.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How long to wait when a connection cannot be accepted, for want of file
/// descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the HTTP input on a listener, with TLS or without, until `shutdown`.
pub async fn run(
    config: Config,
    (listener, acceptor): (TcpListener, Option<Acceptor>),
    intake: Intake,
    source: SourceHandle,
    shutdown: CancellationToken,
) {
    let token = match config.read_token() {
        Ok(token) => token,
        Err(error) => {
            // Without its token the input would be open to all: not served then.
            tracing::error!(%error, "the HTTP input is not served");
            source.enter(SourceState::Finished, error.to_string(), clock::now());
            return;
        }
    };
    if let Ok(address) = listener.local_addr() {
        source.set_address(address.to_string());
    }
    source.enter(SourceState::Connected, "listening", clock::now());
    let slots = Arc::new(Semaphore::new(config.max_connections));
    let receiver = Arc::new(Receiver::new(&config, token, intake, source.clone()));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    while let Some((stream, slot)) = next_connection(&listener, &slots, &shutdown).await {
        let (receiver, shutdown) = (Arc::clone(&receiver), shutdown.clone());
        let connection = serve(stream, acceptor.clone(), receiver, shutdown);
        let cut = cut.clone();
        connections.spawn(async move {
            let _slot = slot;
            tokio::select! {
                () = connection => {}
                () = cut.cancelled() => {}
            }
        });
    }
    drop(listener);
    finish(&connections, &cut).await;
    source.enter(SourceState::Finished, "closed", clock::now());
}

/// Serves a connection, once its peer has shaken hands if he has to.
async fn serve(
    stream: TcpStream,
    acceptor: Option<Acceptor>,
    receiver: Arc<Receiver>,
    shutdown: CancellationToken,
) {
    // An answer is one small packet that its sender waits for. Where it cannot
    // be set, things still work.
    let _ = stream.set_nodelay(true);
    let stream = match acceptor {
        None => Either::Left(stream),
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => Either::Right(stream),
            Err(_) => return,
        },
    };
    connection::serve(stream, receiver, shutdown).await;
}

/// Waits for the connections to end by themselves, and then no more.
async fn finish(connections: &TaskTracker, cut: &CancellationToken) {
    connections.close();
    let ended = tokio::time::timeout(SHUTDOWN_GRACE, connections.wait()).await;
    if ended.is_err() {
        let left = connections.len();
        tracing::warn!(
            connections = left,
            "cutting HTTP connections that take too long"
        );
        cut.cancel();
        connections.wait().await;
    }
}

/// The next connection, or none at shutdown. Beyond the limit, connections are
/// not accepted but left to wait in the listener's backlog.
async fn next_connection(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let accept = async {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((stream, slot)),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "failed to accept an HTTP connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        accepted = accept => accepted,
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
