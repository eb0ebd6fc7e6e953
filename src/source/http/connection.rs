//! One connection, from its first byte to a close that loses no answer.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::receiver::Receiver;

/// How long a closed connection is read on, that its peer may read the answer.
const LINGER: Duration = Duration::from_secs(2);

/// Sent when headers do not come in time; hyper has no answer for that.
const SLOW_HEADERS: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Serves a connection to its end.
pub(super) async fn serve<S>(stream: S, receiver: Arc<Receiver>, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = Connection {
        io: Some(HeldOpen(stream)),
        state: Arc::new(State {
            receiver,
            requests: AtomicU64::new(0),
            unread: AtomicBool::new(false),
        }),
        silent: Duration::ZERO,
    };
    while let Some(ended) = connection.drive(&shutdown).await {
        if let Some(last_words) = connection.decide(ended, shutdown.is_cancelled()) {
            connection.close(last_words).await;
            return;
        }
    }
}

struct Connection<S> {
    // Absent only while hyper has it.
    io: Option<HeldOpen<S>>,
    state: Arc<State>,
    /// For how long nothing came.
    silent: Duration,
}

/// What the requests of a connection share.
struct State {
    receiver: Arc<Receiver>,
    /// How many there were.
    requests: AtomicU64,
    /// Whether the last one left some of its body unread.
    unread: AtomicBool,
}

/// How hyper's work on a connection ended.
struct Ended {
    result: hyper::Result<()>,
    /// Whether there were requests.
    busy: bool,
    /// What was read of a request that is not complete.
    rest: Bytes,
}

/// What is left to do for a connection that ends.
enum LastWords {
    /// Nothing: all was read, or the peer is gone.
    Close,
    /// The peer may still be sending.
    Linger,
    /// And it must be told that it was too slow.
    SlowHeaders,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connection<S> {
    /// Lets hyper serve requests until it has no more to do.
    async fn drive(&mut self, shutdown: &CancellationToken) -> Option<Ended> {
        let io = TokioIo::new(self.io.take()?);
        let state = Arc::clone(&self.state);
        let before = state.requests.load(Ordering::Relaxed);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            async move {
                state.requests.fetch_add(1, Ordering::Relaxed);
                let (answer, keep) = state.receiver.answer(request).await;
                if !keep {
                    state.unread.store(true, Ordering::Relaxed);
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let mut http = self.state.receiver.http.serve_connection(io, service);
        let result = tokio::select! {
            result = &mut http => result,
            () = shutdown.cancelled() => {
                Pin::new(&mut http).graceful_shutdown();
                (&mut http).await
            }
        };
        let parts = http.into_parts();
        self.io = Some(parts.io.into_inner());
        Some(Ended {
            result,
            busy: self.state.requests.load(Ordering::Relaxed) > before,
            rest: parts.read_buf,
        })
    }

    /// How to end the connection; none when it is to be served further.
    fn decide(&mut self, ended: Ended, closing: bool) -> Option<LastWords> {
        let Err(error) = ended.result else {
            let unread = self.state.unread.load(Ordering::Relaxed);
            return Some(if unread {
                LastWords::Linger
            } else {
                LastWords::Close
            });
        };
        if error.is_timeout() && ended.rest.is_empty() {
            // hyper does not tell a silent connection from slow headers.
            let over = closing || self.is_silent_too_long(ended.busy);
            return over.then_some(LastWords::Close);
        }
        let (reason, last_words) = if error.is_timeout() {
            ("SLOW_HEADERS", LastWords::SlowHeaders)
        } else if error.is_parse_too_large() {
            ("HEADERS_TOO_LARGE", LastWords::Linger)
        } else if error.is_parse() {
            ("MALFORMED_REQUEST", LastWords::Linger)
        } else if error.is_incomplete_message() {
            ("INCOMPLETE_REQUEST", LastWords::Close)
        } else {
            tracing::debug!(%error, "an HTTP connection broke");
            return Some(LastWords::Close);
        };
        tracing::debug!(%error, reason, "an HTTP request was refused");
        self.state.receiver.source.count_refused(reason, 1);
        Some(last_words)
    }

    /// Called each time that nothing came for as long as headers may take.
    fn is_silent_too_long(&mut self, was_busy: bool) -> bool {
        let before = if was_busy {
            Duration::ZERO
        } else {
            self.silent
        };
        self.silent = before + self.state.receiver.header_timeout;
        self.silent >= self.state.receiver.idle_timeout
    }

    async fn close(self, last_words: LastWords) {
        let Some(HeldOpen(mut stream)) = self.io else {
            return;
        };
        // The peer may have gone away first, or go away meanwhile: no matter.
        let _ = timeout(LINGER, async {
            match last_words {
                LastWords::Close => return Ok(()),
                LastWords::Linger => {}
                LastWords::SlowHeaders => stream.write_all(SLOW_HEADERS).await?,
            }
            // Closing with bytes unread resets the connection, and a reset may
            // overtake the answer.
            stream.shutdown().await?;
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
            io::Result::Ok(())
        })
        .await;
    }
}

/// A stream that hyper cannot shut down: how it is closed is decided here.
#[derive(Debug)]
struct HeldOpen<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for HeldOpen<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeldOpen<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
