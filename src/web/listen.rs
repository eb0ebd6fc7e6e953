use std::{io, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{either::Either, sync::CancellationToken, task::TaskTracker};

use crate::{access::Peer, rpc::Arrival, tls::Acceptor};

/// Connections at a time: Prometheus, probes, and people who look, each of whom has a few.
/// Further ones wait in the listener's backlog.
const CONNECTIONS: usize = 1024;

/// How long a request's headers may take, and a connection be idle.
const HEADERS_TIME: Duration = Duration::from_secs(30);

/// How long an answer may take to be read, once the gateway goes down.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// How long no connection is accepted after one could not be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `shutdown`.
pub(super) async fn serve(
    router: Router,
    listener: TcpListener,
    acceptor: Option<Acceptor>,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener, &slots) => accepted,
            () = shutdown.cancelled() => break,
        };
        let (stream, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "failed to accept a connection for operations");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (router, acceptor) = (router.clone(), acceptor.clone());
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            let _slot = slot;
            match encrypted(stream, acceptor).await {
                Ok((stream, peer)) => {
                    let router = router.layer(Extension(Arc::new(peer)));
                    answer(stream, router, shutdown).await;
                }
                Err(error) => tracing::debug!(%error, "a client of operations was turned away"),
            }
        });
    }
    connections.close();
    // Nobody is to hold up the end by reading slowly.
    let _ = timeout(LAST_ANSWER, connections.wait()).await;
}

async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await;
    let slot = slot.map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, slot))
}

/// The connection, and who came by it.
async fn encrypted(
    stream: TcpStream,
    acceptor: Option<Acceptor>,
) -> io::Result<(impl AsyncRead + AsyncWrite + Unpin, Peer)> {
    // It fails when the peer has left already.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        let peer = stream.peer();
        return Ok((Either::Left(stream), peer));
    };
    let stream = acceptor.accept(stream).await?;
    let peer = stream.peer();
    Ok((Either::Right(stream), peer))
}

async fn answer<S>(stream: S, router: Router, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIME)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => served,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for operations failed");
    }
}
