//! Streams that count what they get, and decode no more than that takes: a load
//! that costs more than what it measures hides it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Buf, Bytes};
use http::uri::PathAndQuery;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::{
    Request, Status,
    codec::{Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstEncoder};

use super::super::{CliError, Server};
use crate::{
    client::Connection,
    pb::{self, stream_alerts_request::Start},
};

/// How long all streams may take to open.
const OPEN_TIME: Duration = Duration::from_secs(60);

/// So many latencies are kept of each stream; then every second one is, and so on.
const KEPT_LATENCIES: usize = 4096;

/// A stream that reads nothing is stalled by its first alerts.
const STALLED_WINDOW: u32 = 1024;

/// All streams.
pub(super) struct Subscribers {
    streams: Vec<Arc<Counted>>,
    sent: Arc<Sent>,
    bursts: AtomicU64,
    progress: watch::Receiver<()>,
    // Aborted with the measurement.
    _tasks: JoinSet<()>,
}

/// What all streams want.
pub(super) struct Wanted {
    pub(super) streams: Vec<WantedStream>,
    /// Those that they share.
    pub(super) connections: usize,
    /// Everything that is in the log, too.
    pub(super) from_the_first: bool,
}

/// What a stream wants.
pub(super) struct WantedStream {
    pub(super) filter: String,
    /// Of each burst.
    pub(super) matching: u64,
}

/// Streams that read nothing.
pub(super) struct Stalled {
    _streams: Vec<Frames>,
}

/// What was published, and when.
#[derive(Default)]
struct Sent {
    /// When each burst began.
    bursts: Mutex<Vec<Instant>>,
}

/// A stream's counts.
#[derive(Default)]
struct Counted {
    /// Of each burst.
    matching: u64,
    received: AtomicU64,
    latencies: Mutex<Vec<u32>>,
}

impl Subscribers {
    /// No streams.
    pub(super) fn none() -> Self {
        let (_, progress) = watch::channel(());
        Self {
            streams: Vec::new(),
            sent: Arc::default(),
            bursts: AtomicU64::new(0),
            progress,
            _tasks: JoinSet::new(),
        }
    }

    /// Opens the streams; unless they begin with the first alert, waits until each
    /// is live.
    pub(super) async fn open(server: &Server, wanted: Wanted) -> Result<Self, CliError> {
        let mut channels = Vec::new();
        for _ in 0..wanted.connections.min(wanted.streams.len()) {
            channels.push(server.connect().await?);
        }
        let sent = Arc::<Sent>::default();
        let (moved, progress) = watch::channel(());
        let mut tasks = JoinSet::new();
        let mut streams = Vec::new();
        let mut opening = JoinSet::new();
        let channels = channels.iter().cycle().cloned();
        for (stream, channel) in wanted.streams.into_iter().zip(channels) {
            opening.spawn(timeout(OPEN_TIME, async move {
                let frames = match wanted.from_the_first {
                    true => Frames::open(channel, stream.filter, Some(Start::Earliest(()))).await?,
                    false => Frames::live(channel, stream.filter).await?,
                };
                Ok::<_, CliError>((frames, stream.matching))
            }));
        }
        while let Some(opened) = opening.join_next().await {
            let late = || CliError::Failed("the streams did not open in time".to_owned());
            let (frames, matching) = opened.map_err(|_| late())?.map_err(|_| late())??;
            let counted = Arc::new(Counted {
                matching,
                ..Counted::default()
            });
            streams.push(Arc::clone(&counted));
            tasks.spawn(frames.count(counted, Arc::clone(&sent), moved.clone()));
        }
        Ok(Self {
            streams,
            sent,
            bursts: AtomicU64::new(0),
            progress,
            _tasks: tasks,
        })
    }

    /// So many bursts were published before.
    pub(super) fn have_been_sent(&self, bursts: usize) {
        self.bursts.store(bursts as u64, Ordering::Relaxed);
    }

    /// A burst is about to be published.
    pub(super) fn sending(&self) {
        self.bursts.fetch_add(1, Ordering::Relaxed);
        let mut bursts = self
            .sent
            .bursts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        bursts.push(Instant::now());
    }

    pub(super) fn received(&self) -> u64 {
        let received = |stream: &Arc<Counted>| stream.received.load(Ordering::Relaxed);
        self.streams.iter().map(received).sum()
    }

    /// Waits until every stream has got all that it wants.
    pub(super) async fn wait(&self, patience: Duration) -> Result<(), CliError> {
        let bursts = self.bursts.load(Ordering::Relaxed);
        let has_all = |stream: &Arc<Counted>| {
            stream.received.load(Ordering::Acquire) >= bursts * stream.matching
        };
        let mut progress = self.progress.clone();
        let all = async {
            for stream in &self.streams {
                while !has_all(stream) {
                    if progress.changed().await.is_err() {
                        return Err(CliError::Failed("the streams have ended".to_owned()));
                    }
                }
            }
            Ok(())
        };
        timeout(patience, all).await.unwrap_or_else(|_| {
            let message = "the streams did not get everything in time";
            Err(CliError::Failed(message.to_owned()))
        })
    }

    /// All latencies that were kept, sorted.
    pub(super) fn latencies(&self) -> Vec<u32> {
        let mut all = Vec::new();
        for stream in &self.streams {
            let latencies = stream
                .latencies
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            all.extend_from_slice(&latencies);
        }
        all.sort_unstable();
        all
    }
}

impl Sent {
    /// How long ago the burst with this number was published.
    fn age(&self, burst: u64, now: Instant) -> u32 {
        let bursts = self.bursts.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = usize::try_from(burst)
            .ok()
            .and_then(|index| bursts.get(index));
        let age = sent.map(|at| now.saturating_duration_since(*at).as_micros());
        age.and_then(|age| u32::try_from(age).ok())
            .unwrap_or_default()
    }
}

/// A stream's frames, still encoded.
struct Frames(tonic::Streaming<Bytes>);

impl Stalled {
    /// Opens so many, each on a connection of its own.
    pub(super) async fn open(server: &Server, count: usize) -> Result<Self, CliError> {
        let mut streams = Vec::new();
        for _ in 0..count {
            let channel = server.connect_with(STALLED_WINDOW).await?;
            streams.push(Frames::live(channel, String::new()).await?);
        }
        Ok(Self { _streams: streams })
    }
}

impl Frames {
    /// Opens a stream of what is to come, and waits until it is live.
    async fn live(channel: Connection, filter: String) -> Result<Self, CliError> {
        let mut frames = Self::open(channel, filter, None).await?;
        // It is opened, catching up, and live.
        for _ in 0..3 {
            frames.0.message().await?;
        }
        Ok(frames)
    }

    async fn open(
        channel: Connection,
        filter: String,
        start: Option<Start>,
    ) -> Result<Self, CliError> {
        let mut client = tonic::client::Grpc::new(channel);
        client
            .ready()
            .await
            .map_err(|error| CliError::Failed(error.to_string()))?;
        let request = pb::StreamAlertsRequest {
            filter,
            start,
            client_label: "bench".to_owned(),
            ..pb::StreamAlertsRequest::default()
        };
        let path = PathAndQuery::from_static("/falcogateway.v1.AlertService/StreamAlerts");
        let response = client
            .server_streaming(Request::new(request), path, Undecoded)
            .await?;
        Ok(Self(response.into_inner()))
    }

    async fn count(mut self, counted: Arc<Counted>, sent: Arc<Sent>, moved: watch::Sender<()>) {
        let mut every = 1;
        let (mut received, mut frames) = (0, 0_u64);
        while let Ok(Some(frame)) = self.0.message().await {
            let alerts = alerts_in(&frame).unwrap_or_default();
            if alerts == 0 {
                continue;
            }
            frames += 1;
            if frames % every == 0 {
                let age = sent.age(received / counted.matching.max(1), Instant::now());
                let mut latencies = counted
                    .latencies
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                latencies.push(age);
                if latencies.len() >= KEPT_LATENCIES {
                    let mut index = 0;
                    latencies.retain(|_| {
                        index += 1;
                        index % 2 == 0
                    });
                    every *= 2;
                }
            }
            received += alerts;
            counted.received.store(received, Ordering::Release);
            moved.send_replace(());
        }
    }
}

/// How many alerts are in an encoded `StreamFrame`.
fn alerts_in(mut frame: &[u8]) -> Option<u64> {
    /// The number of `StreamFrame.alerts`.
    const ALERTS: u32 = 3;
    while !frame.is_empty() {
        let (number, wire_type) = decode_key(&mut frame).ok()?;
        if number != ALERTS || wire_type != WireType::LengthDelimited {
            skip_field(wire_type, number, &mut frame, DecodeContext::default()).ok()?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut frame).ok()?).ok()?;
        let mut records = frame.get(..length)?;
        let mut count = 0;
        while !records.is_empty() {
            let (number, wire_type) = decode_key(&mut records).ok()?;
            skip_field(wire_type, number, &mut records, DecodeContext::default()).ok()?;
            count += u64::from(number == 1);
        }
        return Some(count);
    }
    Some(0)
}

/// Requests as ever, and answers left as they are.
#[derive(Debug, Default, Clone, Copy)]
struct Undecoded;

impl Codec for Undecoded {
    type Encode = pb::StreamAlertsRequest;
    type Decode = Bytes;
    type Encoder = ProstEncoder<pb::StreamAlertsRequest>;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<pb::StreamAlertsRequest, pb::StreamFrame>::default().encoder()
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Decoder for Undecoded {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}
