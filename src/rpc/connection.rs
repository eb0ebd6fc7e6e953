//! One HTTP/2 connection, from its acceptance to its end.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use hyper::{body::Incoming, server::conn::http2};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::{codegen::Service, service::Routes, transport::server::Connected};

use super::coalesce::{Outlet, Pool, coalesced};

/// What a connection may have in flight towards the gateway.
const RECEIVE_WINDOW: u32 = 1 << 20;

/// Streams of one connection; hyper's own limit of 200 is too low for a service
/// that opens a stream for each of its users.
const STREAMS_PER_CONNECTION: u32 = 10_000;

/// Serves `routes` on `stream` until the peer leaves, or until `shutdown` and the
/// end of the calls that are open then.
pub(super) async fn serve<S>(stream: S, routes: Routes, pool: Pool, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    S::ConnectInfo: Clone + Send + Sync + 'static,
{
    let info = stream.connect_info();
    let service = tower::service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(info.clone());
        routes.clone().call(request)
    });
    let (io, outlet) = coalesced(stream, pool);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(RECEIVE_WINDOW)
        .initial_connection_window_size(RECEIVE_WINDOW)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .serve_connection(TokioIo::new(io), TowerToHyperService::new(service));
    let mut connection = pin!(Turns {
        connection,
        outlet,
        is_put_off: false,
    });
    let served = tokio::select! {
        served = &mut connection => served,
        () = shutdown.cancelled() => {
            connection.as_mut().connection().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection failed");
    }
}

/// A connection, and what sends its output after each of its turns.
///
/// A stream that has something to send wakes the connection, and the runtime
/// would run that next: a write for each stream. So a turn is put off once, behind
/// the other streams that are ready too.
struct Turns<C, S> {
    connection: C,
    outlet: Outlet<S>,
    is_put_off: bool,
}

impl<C, S> Turns<C, S> {
    /// The connection itself.
    fn connection(self: Pin<&mut Self>) -> Pin<&mut C>
    where
        C: Unpin,
        S: Unpin,
    {
        Pin::new(&mut self.get_mut().connection)
    }
}

impl<C, S> Future for Turns<C, S>
where
    C: Future<Output = hyper::Result<()>> + Unpin,
    S: AsyncWrite + Unpin,
{
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_put_off = !self.is_put_off;
        if self.is_put_off {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let turn = Pin::new(&mut self.connection).poll(cx);
        match (turn, self.outlet.poll_send(cx)) {
            (Poll::Ready(ended), _) => Poll::Ready(ended.map_err(io::Error::other)),
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (Poll::Pending, _) => Poll::Pending,
        }
    }
}
