//! The first bytes of a connection, which tell what it speaks.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::timeout,
};

/// What an HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose first bytes have been read, and come again.
#[derive(Debug)]
pub(super) struct Greeted<S> {
    said: BytesMut,
    stream: S,
}

/// Waits until it can be told what `stream` speaks. Who says nothing holds a place that
/// others may need, so it takes `time` at most.
///
/// # Errors
/// When it has not said enough by then, or leaves.
pub(super) async fn greeting<S>(mut stream: S, time: Duration) -> io::Result<Greeted<S>>
where
    S: AsyncRead + Unpin,
{
    let mut said = BytesMut::with_capacity(PREFACE.len());
    let heard = timeout(time, async {
        while said.len() < PREFACE.len() && PREFACE.starts_with(&said) {
            let left = PREFACE.len() - said.len();
            let mut limited = (&mut stream).take(left as u64);
            if limited.read_buf(&mut said).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
        }
        io::Result::Ok(())
    });
    heard.await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
    Ok(Greeted { said, stream })
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.said.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let length = self.said.len().min(buffer.remaining());
        let said = self.said.get(..length).unwrap_or_default();
        buffer.put_slice(said);
        self.said.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    const TIME: Duration = Duration::from_secs(10);

    async fn heard(said: &[u8]) -> io::Result<Vec<u8>> {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        theirs.write_all(said).await.unwrap();
        let mut greeted = greeting(ours, TIME).await?;
        theirs.write_all(b" and more").await.unwrap();
        drop(theirs);
        let mut all = Vec::new();
        greeted.read_to_end(&mut all).await.unwrap();
        Ok(all)
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_comes_again() {
        for said in [PREFACE, b"PRI * HTTP/2.0\r\nX", b"GET / HTTP/1.1", b"P?"] {
            let wanted = [said, b" and more"].concat();
            assert_eq!(heard(said).await.unwrap(), wanted);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_too_little_is_not_waited_for() {
        for said in [&b""[..], b"PRI", &PREFACE[..23]] {
            let refused = heard(said).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        }
    }
}
