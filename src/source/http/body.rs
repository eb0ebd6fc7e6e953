//! Bodies into bytes, within the bounds.

use std::{io::Read, sync::Arc};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::{Body, Incoming},
    header,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Duration, Instant, timeout, timeout_at},
};

use super::{answer::Refused, config::Config};
use crate::units::Size;

/// Bodies up to this size need no room of [`Config::max_body_memory`]: alerts
/// must not wait behind bulk. At most `max_connections` times this is held so.
const SMALL_BODY: usize = 64 << 10;

/// The unit in which that room is counted: semaphores have few permits.
const PERMIT_BYTES: usize = 1024;

/// How much of a refused body is read, so that its connection can be kept.
const DRAIN_BYTES: u64 = 1 << 20;

/// And for how long.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// The largest window that a zstd body may ask for, as a power of two: 8 MiB,
/// which RFC 8878 recommends decoders to support. More would let a few bytes
/// claim a lot of memory.
const ZSTD_WINDOW_LOG: u32 = 23;

/// What bounds bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    max: usize,
    timeout: Duration,
    room: Arc<Semaphore>,
}

/// A body as a whole, and the room that it takes while it is held.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    pub(super) fn new(config: &Config) -> Self {
        let bytes = |size: Size| usize::try_from(size.0).unwrap_or(usize::MAX);
        let room = bytes(config.max_body_memory).div_ceil(PERMIT_BYTES);
        Self {
            max: bytes(config.max_body),
            timeout: config.body_timeout.0,
            room: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Reads a body to its end and decompresses it.
    pub(super) async fn read<B: Body<Data = Bytes> + Unpin>(
        &self,
        headers: &HeaderMap,
        body: &mut B,
    ) -> Result<Whole, Refused> {
        let encoding = Encoding::of(headers)?;
        let deadline = Instant::now() + self.timeout;
        let mut whole = self.collect(body, encoding, deadline).await?;
        let Some(encoding) = encoding else {
            whole.give_back_unused_room();
            return Ok(whole);
        };
        if whole.room.is_none() {
            whole.room = Some(self.take_room(self.max, deadline).await?);
        }
        let (compressed, max) = (whole.bytes, self.max);
        let decoded = tokio::task::spawn_blocking(move || encoding.decode(&compressed, max));
        // A decoder that panics costs its own request only.
        whole.bytes = decoded
            .await
            .unwrap_or(Err(Refused::BadEncoding(encoding.name())))?;
        whole.give_back_unused_room();
        Ok(whole)
    }

    async fn collect<B: Body<Data = Bytes> + Unpin>(
        &self,
        body: &mut B,
        encoding: Option<Encoding>,
        deadline: Instant,
    ) -> Result<Whole, Refused> {
        let announced = body.size_hint().exact();
        let expected = announced.unwrap_or_default();
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        self.check_size(expected)?;
        let mut room = None;
        let mut start = Bytes::new();
        let mut collected = BytesMut::new();
        while let Some(data) = next_data(body, deadline).await? {
            if start.is_empty() && collected.is_empty() {
                // Most bodies are one piece, which is handed on as it is.
                start = data;
                continue;
            }
            let size = start.len() + collected.len() + data.len();
            self.check_size(size)?;
            if room.is_none() && expected.max(size) > SMALL_BODY {
                let most = announced.map_or(self.max, |_| expected);
                let decoded = encoding.map_or(0, |_| self.max);
                room = Some(self.take_room(most + decoded, deadline).await?);
            }
            if collected.is_empty() {
                collected.reserve(expected.max(size));
                collected.extend_from_slice(&start);
                start = Bytes::new();
            }
            collected.extend_from_slice(&data);
        }
        if !collected.is_empty() {
            start = collected.freeze();
        }
        self.check_size(start.len())?;
        Ok(Whole { bytes: start, room })
    }

    fn check_size(&self, size: usize) -> Result<(), Refused> {
        if size > self.max {
            return Err(Refused::TooLarge(Size(self.max as u64)));
        }
        Ok(())
    }

    async fn take_room(
        &self,
        bytes: usize,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, Refused> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(permits);
        timeout_at(deadline, room)
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(Refused::Overloaded)
    }
}

impl From<Bytes> for Whole {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, room: None }
    }
}

impl Whole {
    fn give_back_unused_room(&mut self) {
        let needed = self.bytes.len().div_ceil(PERMIT_BYTES);
        if let Some(room) = &mut self.room {
            drop(room.split(room.num_permits().saturating_sub(needed)));
        }
    }
}

async fn next_data<B: Body<Data = Bytes> + Unpin>(
    body: &mut B,
    deadline: Instant,
) -> Result<Option<Bytes>, Refused> {
    loop {
        // Saves a look at the clock and a timer after the last piece.
        if body.is_end_stream() {
            return Ok(None);
        }
        let frame = timeout_at(deadline, body.frame())
            .await
            .map_err(|_| Refused::SlowBody)?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refused::Incomplete),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                // Trailers say nothing to us.
                Err(_) => {}
            },
        }
    }
}

/// Reads on what is left of a refused body, and says whether that was all, so
/// that the connection can take another request.
pub(super) async fn drain(headers: &HeaderMap, body: &mut Incoming) -> bool {
    if body.is_end_stream() {
        return true;
    }
    // Reading would tell the sender to go on and send the body; and a body known
    // to be too long is not worth the start.
    let waits = headers.contains_key(header::EXPECT);
    if waits || body.size_hint().lower() > DRAIN_BYTES {
        return false;
    }
    let drained = async {
        let mut left = DRAIN_BYTES;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            let size = frame.data_ref().map_or(0, Bytes::len) as u64;
            let Some(rest) = left.checked_sub(size) else {
                return false;
            };
            left = rest;
        }
        true
    };
    timeout(DRAIN_TIME, drained).await.unwrap_or(false)
}

/// How a body may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Zstd,
}

impl Encoding {
    /// None for a plain body.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Refused> {
        let mut found = None;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let text = String::from_utf8_lossy(value.as_bytes());
            for name in text.split(',').map(str::trim) {
                let encoding = match name.to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "zstd" => Self::Zstd,
                    _ => return Err(Refused::UnsupportedEncoding(name.to_owned())),
                };
                if found.replace(encoding).is_some() {
                    // Compressed twice.
                    return Err(Refused::UnsupportedEncoding(text.into_owned()));
                }
            }
        }
        Ok(found)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Decompresses all of it, and no more than `max` bytes: a bomb is left
    /// where it exceeds them.
    fn decode(self, compressed: &[u8], max: usize) -> Result<Bytes, Refused> {
        let bad = |_| Refused::BadEncoding(self.name());
        let most = (max as u64).saturating_add(1);
        let mut decoded = Vec::new();
        let size = match self {
            Self::Gzip => flate2::read::MultiGzDecoder::new(compressed)
                .take(most)
                .read_to_end(&mut decoded),
            Self::Zstd => {
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(compressed).map_err(bad)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(bad)?;
                decoder.take(most).read_to_end(&mut decoded)
            }
        };
        if size.map_err(bad)? > max {
            return Err(Refused::TooLarge(Size(max as u64)));
        }
        Ok(decoded.into())
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
