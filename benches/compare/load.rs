//! What is sent, and counting what has come.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::Notify,
    time::interval,
};

use crate::{case::Case, process::Server, stats::median};

/// About what an alert takes in the gateway's frames.
const BYTES: usize = 800;

pub(crate) fn payload() -> Vec<u8> {
    vec![b'x'; BYTES]
}

/// What all connections received.
#[derive(Default)]
pub(crate) struct Received {
    bytes: AtomicU64,
    moved: Notify,
}

impl Received {
    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Release);
        self.moved.notify_one();
    }

    pub(crate) async fn reach(&self, bytes: u64) {
        while self.bytes.load(Ordering::Acquire) < bytes {
            self.moved.notified().await;
        }
    }
}

/// Reads a connection to its end, and counts.
pub(crate) fn drain(
    mut connection: impl AsyncRead + Unpin + Send + 'static,
    received: Arc<Received>,
) {
    tokio::spawn(async move {
        let mut buffer = vec![0; 256 << 10];
        while let Ok(read @ 1..) = connection.read(&mut buffer).await {
            received.add(read);
        }
    });
}

/// What came of a round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// The server's CPU for each delivery, in nanoseconds.
    pub(crate) ns: f64,
    /// From publishing a burst to its receipt by all, in microseconds; the median.
    pub(crate) latency: f64,
}

/// How fast something was done, and at what price.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throughput {
    /// A second.
    pub(crate) rate: f64,
    /// The server's CPU for each, in nanoseconds.
    pub(crate) ns: f64,
}

impl Throughput {
    /// Of `count` since `started`, for which the server used so many seconds of CPU.
    pub(crate) fn of(count: usize, started: Instant, cpu: f64) -> Self {
        Self {
            rate: count as f64 / started.elapsed().as_secs_f64(),
            ns: cpu * 1e9 / count as f64,
        }
    }
}

/// Publishes all bursts. `bytes` is what a burst is to all streams together.
pub(crate) async fn run(
    case: &Case,
    server: &Server,
    received: &Received,
    bytes: u64,
    mut publish: impl AsyncFnMut(),
) -> Measured {
    let start = received.bytes.load(Ordering::Acquire);
    let mut pace = case
        .rate
        .map(|rate| interval(Duration::from_secs_f64(1.0 / rate)));
    let mut latencies = Vec::new();
    let before = server.cpu_seconds();
    for burst in 1..=case.bursts as u64 {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        let published = Instant::now();
        publish().await;
        if pace.is_none() || burst == case.bursts as u64 {
            received.reach(start + burst * bytes).await;
            latencies.push(published.elapsed().as_secs_f64() * 1e6);
        }
    }
    let deliveries = case.bursts * case.deliveries();
    Measured {
        ns: (server.cpu_seconds() - before) * 1e9 / deliveries as f64,
        latency: median(latencies.into_iter()),
    }
}

/// Of pairs from the same rounds, the median of each side and of their ratios, as the
/// cells of a table.
pub(crate) fn cells(pairs: &[(f64, f64)]) -> String {
    format!(
        "{:.0} | {:.0} | {:.2}",
        median(pairs.iter().map(|(limit, _)| *limit)),
        median(pairs.iter().map(|(_, ours)| *ours)),
        median(pairs.iter().map(|(limit, ours)| ours / limit))
    )
}
