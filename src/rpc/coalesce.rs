//! Fewer system calls: what the streams of a connection write in one turn goes
//! out together.
//!
//! h2 flushes after every frame, so a hundred streams with an alert each would be
//! a hundred writes. Here writes only fill a buffer, and the buffer goes out when
//! the connection has nothing more to do: at once, and no later than that.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A buffer that holds so much goes out before it takes more.
const FULL: usize = 128 << 10;

/// How large a buffer is made: what comes in one piece when it is almost full must
/// not make it grow.
const CAPACITY: usize = FULL + (32 << 10);

/// Buffers that wait for the next connection that writes.
const POOLED: usize = 32;

/// Buffers for all connections. One that has sent everything gives its buffer
/// back: an idle connection costs little, and a busy one no memory that the
/// system would have to find and clear first. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    buffers: Arc<Mutex<Vec<VecDeque<u8>>>>,
}

impl Pool {
    fn take(&self) -> VecDeque<u8> {
        let pooled = lock(&self.buffers).pop();
        pooled.unwrap_or_else(|| VecDeque::with_capacity(CAPACITY))
    }

    /// Takes back an empty buffer.
    fn give(&self, buffer: VecDeque<u8>) {
        let mut buffers = lock(&self.buffers);
        if buffers.len() < POOLED {
            buffers.push(buffer);
        }
    }
}

/// A connection's input and output, of which the output is buffered.
#[derive(Debug)]
pub(super) struct Coalesced<S> {
    shared: Arc<Mutex<Buffered<S>>>,
}

#[derive(Debug)]
struct Buffered<S> {
    stream: S,
    /// None while there is nothing to send.
    buffer: Option<VecDeque<u8>>,
    pool: Pool,
}

/// Sends what the connection has written, after each of its turns.
#[derive(Debug)]
pub(super) struct Outlet<S> {
    shared: Arc<Mutex<Buffered<S>>>,
}

/// The two ends of a buffer before `stream`.
pub(super) fn coalesced<S>(stream: S, pool: Pool) -> (Coalesced<S>, Outlet<S>) {
    let shared = Arc::new(Mutex::new(Buffered {
        stream,
        buffer: None,
        pool,
    }));
    let outlet = Outlet {
        shared: Arc::clone(&shared),
    };
    (Coalesced { shared }, outlet)
}

impl<S: AsyncWrite + Unpin> Outlet<S> {
    /// Sends until nothing is left or the peer takes no more for now.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.shared).poll_send(cx)
    }
}

impl<S: AsyncWrite + Unpin> Buffered<S> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(buffer) = &mut self.buffer else {
            return Poll::Ready(Ok(()));
        };
        while !buffer.is_empty() {
            let (first, second) = buffer.as_slices();
            let slices = [IoSlice::new(first), IoSlice::new(second)];
            let sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            buffer.drain(..sent);
        }
        if let Some(empty) = self.buffer.take() {
            self.pool.give(empty);
        }
        Poll::Ready(Ok(()))
    }

    /// Makes room before anything is taken: what was taken must not be offered
    /// again.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.buffer {
            Some(buffer) if buffer.len() >= FULL => self.poll_send(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        let buffer = self.buffer.get_or_insert_with(|| self.pool.take());
        buffer.extend(bytes);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Coalesced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.shared).stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Coalesced<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffered = lock(&self.shared);
        ready!(buffered.poll_room(cx))?;
        buffered.put(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut buffered = lock(&self.shared);
        ready!(buffered.poll_room(cx))?;
        for slice in slices {
            buffered.put(slice);
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The outlet does, at the end of this turn.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffered = lock(&self.shared);
        ready!(buffered.poll_send(cx))?;
        Pin::new(&mut buffered.stream).poll_shutdown(cx)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn send(outlet: &Outlet<tokio::io::DuplexStream>) {
        std::future::poll_fn(|cx| outlet.poll_send(cx))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn writes_of_a_turn_go_out_together_and_in_order() {
        let (ours, mut peer) = tokio::io::duplex(1 << 20);
        let (mut io, outlet) = coalesced(ours, Pool::default());
        for part in ["a", "bc", "def"] {
            io.write_all(part.as_bytes()).await.unwrap();
            io.flush().await.unwrap();
        }
        let mut read = [0; 6];
        let early =
            tokio::time::timeout(std::time::Duration::from_millis(20), peer.read(&mut read));
        assert!(early.await.is_err());
        send(&outlet).await;
        peer.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"abcdef");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_holds_back_who_writes() {
        let (ours, mut peer) = tokio::io::duplex(100);
        let (mut io, outlet) = coalesced(ours, Pool::default());
        let sent: Vec<u8> = (0..251).cycle().take(3 * FULL).collect();
        let expected = sent.clone();
        let writing = tokio::spawn(async move {
            for chunk in sent.chunks(1000) {
                io.write_all(chunk).await.unwrap();
            }
            io.shutdown().await.unwrap();
        });
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(!writing.is_finished());
        let held = lock(&outlet.shared).buffer.as_ref().map(VecDeque::len);
        assert!(held.unwrap() < FULL + 1000);
        let mut read = Vec::new();
        peer.read_to_end(&mut read).await.unwrap();
        assert!(read == expected, "the bytes are others");
        writing.await.unwrap();
        let buffered = lock(&outlet.shared);
        assert!(buffered.buffer.is_none());
        let pooled = lock(&buffered.pool.buffers);
        assert_eq!(
            pooled.iter().map(VecDeque::capacity).collect::<Vec<_>>(),
            [CAPACITY]
        );
    }
}
