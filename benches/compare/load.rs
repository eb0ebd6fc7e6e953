//! What is sent, and counting what has come.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{io::AsyncReadExt, net::tcp::OwnedReadHalf, sync::Notify, time::interval};

use crate::{Case, process::Server};

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

    async fn reach(&self, bytes: u64) {
        while self.bytes.load(Ordering::Acquire) < bytes {
            self.moved.notified().await;
        }
    }
}

/// Reads a connection to its end, and counts.
pub(crate) fn drain(mut connection: OwnedReadHalf, received: Arc<Received>) {
    tokio::spawn(async move {
        let mut buffer = vec![0; 256 << 10];
        while let Ok(read @ 1..) = connection.read(&mut buffer).await {
            received.add(read);
        }
    });
}

/// Publishes all bursts; nanoseconds for each delivery. `bytes` is what a burst is
/// to all streams together.
pub(crate) async fn run(
    case: &Case,
    server: &Server,
    received: &Received,
    bytes: u64,
    mut publish: impl AsyncFnMut(),
) -> f64 {
    let start = received.bytes.load(Ordering::Acquire);
    let mut pace = case
        .rate
        .map(|rate| interval(std::time::Duration::from_secs_f64(1.0 / rate)));
    let before = server.cpu_seconds();
    for burst in 1..=case.bursts as u64 {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        publish().await;
        if pace.is_none() || burst == case.bursts as u64 {
            received.reach(start + burst * bytes).await;
        }
    }
    let deliveries = case.bursts * case.burst * case.subscribers;
    (server.cpu_seconds() - before) * 1e9 / deliveries as f64
}
