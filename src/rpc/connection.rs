//! One connection, from its acceptance to its end: HTTP/2, or HTTP/1.1 for gRPC-Web.

use std::{
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::{
    arrival::Arrival,
    bells::{Bell, Bells, Key},
    calls::Calls,
    coalesce::{Outlet, Pool, coalesced},
    falco::Given,
    greeting::greeting,
    limits::{Door, Reason},
    web::Web,
};

/// What a connection may have in flight towards the gateway.
const RECEIVE_WINDOW: u32 = 1 << 20;

/// How long a request's headers may take over HTTP/1.1, and a connection be idle there.
const HEADERS_TIME: Duration = Duration::from_secs(60);

/// How often a connection and its calls alternate before the runtime has its turn.
const ROUNDS: usize = 4;

/// The key of the connection itself, which no call has.
const CONNECTION: Key = Key::MAX;

/// The least that hyper reads HTTP/1.1's headers into.
const LEAST_BUFFER: usize = 8 << 10;

/// Serves `web` on `stream` until the peer leaves, or until `shutdown` and the
/// end of the calls that are open then.
pub(super) async fn serve<S>(
    stream: S,
    web: Web,
    (pool, door): (Pool, Door),
    shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Arrival + Unpin + Send + 'static,
{
    let peer = Arc::new(stream.peer());
    let limits = *door.limits();
    let greeted = tokio::select! {
        greeted = greeting(stream, limits.greeting_time.0) => greeted,
        () = shutdown.cancelled() => return,
    };
    let stream = match greeted {
        Ok(stream) => stream,
        Err(error) => {
            if error.kind() == io::ErrorKind::TimedOut {
                door.refused().count(Reason::Greeting);
            }
            return;
        }
    };
    let given = Given::default();
    let service = tower::service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&peer));
        request.extensions_mut().insert(given.clone());
        // In a box, which goes with the answer's head: hyper keeps the place of whatever
        // finds that for as long as the answer lasts.
        Box::pin(web.clone().call(request.map(Body::new)))
    });
    let (io, outlet) = coalesced(stream, pool);
    let bells = Arc::<Bells>::default();
    let calls = Calls::new(Arc::clone(&bells));
    let header_bytes = usize::try_from(limits.header_bytes.0).unwrap_or(usize::MAX);
    let mut builder = auto::Builder::new(calls.begun());
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(header_bytes.max(LEAST_BUFFER))
        .header_read_timeout(HEADERS_TIME);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(RECEIVE_WINDOW)
        .initial_connection_window_size(RECEIVE_WINDOW)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(limits.keep_alive.0))
        .keep_alive_timeout(limits.keep_alive.0)
        .max_concurrent_streams(limits.calls_per_connection);
    let service = TowerToHyperService::new(service);
    let connection = Box::pin(builder.serve_connection(TokioIo::new(io), service));
    let mut connection = pin!(Turns::new(connection, outlet, calls, bells));
    let served = tokio::select! {
        served = &mut connection => served,
        () = shutdown.cancelled() => {
            connection.as_mut().connection().as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        if is_flood(&error) {
            door.refused().count(Reason::Flood);
        }
        tracing::debug!(%error, "a connection failed");
    }
}

/// Whether the peer asked too much, or what is against the rules.
fn is_flood(error: &io::Error) -> bool {
    let mut source = error
        .get_ref()
        .map(|it| it as &(dyn std::error::Error + 'static));
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            // Ours, and not what the peer says of us.
            return error.is_library() && error.reason().is_some();
        }
        source = error.source();
    }
    false
}

/// A connection, its calls, and what sends its output after each of its turns.
struct Turns<C, S> {
    connection: C,
    outlet: Outlet<S>,
    calls: Calls,
    bells: Arc<Bells>,
    /// The connection's own.
    bell: Arc<Bell>,
    waker: Waker,
    /// Those who go on in this round; kept for its memory.
    rung: Vec<Key>,
    is_put_off: bool,
}

impl<C, S> Turns<C, S> {
    fn new(connection: C, outlet: Outlet<S>, calls: Calls, bells: Arc<Bells>) -> Self {
        let bell = Bell::rung(CONNECTION, &bells);
        Self {
            connection,
            outlet,
            calls,
            bells,
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            rung: Vec::new(),
            is_put_off: false,
        }
    }

    /// The connection itself.
    fn connection(self: Pin<&mut Self>) -> &mut C
    where
        C: Unpin,
        S: Unpin,
    {
        &mut self.get_mut().connection
    }
}

impl<C, S, E> Turns<C, S>
where
    C: Future<Output = Result<(), E>> + Unpin,
    S: Unpin,
{
    /// The calls write to the connection, and that may let them go on.
    fn turn(&mut self) -> Poll<Result<(), E>> {
        for _ in 0..ROUNDS {
            self.bells.collect(&mut self.rung);
            for key in self.rung.drain(..) {
                self.calls.go_on(key);
            }
            self.bell.reset();
            let mut cx = Context::from_waker(&self.waker);
            if let Poll::Ready(ended) = Pin::new(&mut self.connection).poll(&mut cx) {
                return Poll::Ready(ended);
            }
            self.calls.take_begun();
            if !self.bells.have_rung() {
                break;
            }
        }
        Poll::Pending
    }
}

impl<C, S, E> Future for Turns<C, S>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    C: Future<Output = Result<(), E>> + Unpin,
    S: AsyncWrite + Unpin,
{
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The first call to ring wakes the task, while the others are still to be told
        // of the alert. So a turn is put off once, behind what else is to be done.
        self.is_put_off = !self.is_put_off && self.calls.are_several();
        if self.is_put_off {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.bells.begin_turn();
        let ended = self.turn();
        let sent = self.outlet.poll_send(cx);
        self.bells.end_turn(cx);
        match (ended, sent) {
            (Poll::Ready(ended), _) => Poll::Ready(ended.map_err(io::Error::other)),
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (Poll::Pending, _) => Poll::Pending,
        }
    }
}
