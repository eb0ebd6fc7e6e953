//! Reading everything from the disk, beside a server that scans a file of records and
//! sends what is in them.

use std::{fs, io::Read, path::PathBuf, sync::Arc, time::Instant};

use tokio::{io::AsyncWriteExt, net::TcpListener};

use crate::{
    ROUNDS, gateway,
    load::{Received, Throughput, cells, drain, payload},
    process::{Server, connect, free_port},
    settings::Settings,
};

const ALERTS: usize = 40_000;

/// What of the file is read and sent at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// A record has a length, a checksum, what is sent, and the document as it came.
const HEADER: usize = 8;

pub(crate) async fn run(settings: &Settings) -> Option<String> {
    let mut lines = Vec::new();
    for readers in [1, 10] {
        let name = format!("catching up from disk, {readers} readers");
        if !settings.wants(&name) {
            continue;
        }
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push((scan(readers).await, ours(readers).await));
        }
        let (rates, costs): (Vec<_>, Vec<_>) = rounds
            .into_iter()
            .map(|(raw, ours)| ((raw.rate, ours.rate), (raw.ns, ours.ns)))
            .unzip();
        lines.push(format!(
            "| {readers} | {} | {} |",
            cells(&rates),
            cells(&costs)
        ));
    }
    let head = "| readers | limit, deliveries/s | falco-gateway, deliveries/s | ratio | limit, CPU ns | falco-gateway, CPU ns | ratio |\n|---|---|---|---|---|---|---|\n";
    (!lines.is_empty()).then(|| format!("{head}{}\n", lines.join("\n")))
}

async fn ours(readers: usize) -> Throughput {
    let options = [
        ("--subscribers", readers.to_string()),
        ("--connections", readers.to_string()),
        ("--burst", "500".to_owned()),
        ("--alerts", ALERTS.to_string()),
    ];
    let report = gateway::bench(&options, &["--catch-up"]).await;
    let number = |key: &str| report[key].as_f64().unwrap();
    Throughput {
        rate: number("deliveries_per_second"),
        ns: number("server_ns_per_delivery"),
    }
}

async fn scan(readers: usize) -> Throughput {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records");
    fs::write(&path, records()).unwrap();
    let port = free_port();
    let server = Server::own_with("serve-scan", port, &path);
    drop(connect(port).await);
    let received = Arc::<Received>::default();
    let (before, started) = (server.cpu_seconds(), Instant::now());
    for _ in 0..readers {
        drain(connect(port).await, Arc::clone(&received));
    }
    let deliveries = ALERTS * readers;
    received.reach((deliveries * payload().len()) as u64).await;
    Throughput::of(deliveries, started, server.cpu_seconds() - before)
}

fn records() -> Vec<u8> {
    let (sent, document) = (payload(), payload());
    let mut records = Vec::new();
    for _ in 0..ALERTS {
        let body = [sent.as_slice(), &document].concat();
        records.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        records.extend(crc32fast::hash(&body).to_le_bytes());
        records.extend(body);
    }
    records
}

/// Sends what is in the records to everyone who connects.
pub(crate) fn serve() {
    let port: u16 = std::env::args().nth(2).unwrap().parse().unwrap();
    let path = PathBuf::from(std::env::args().nth(3).unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let path = path.clone();
            tokio::spawn(async move {
                let mut file = fs::File::open(path).unwrap();
                let mut block = Vec::new();
                loop {
                    let read = file
                        .by_ref()
                        .take((BLOCK_BYTES - block.len()) as u64)
                        .read_to_end(&mut block)
                        .unwrap();
                    let (sent, used) = checked(&block);
                    if read == 0 || stream.write_all(&sent).await.is_err() {
                        return;
                    }
                    block.drain(..used);
                }
            });
        }
    });
}

/// What is sent of the whole records in a block, and where they end.
fn checked(block: &[u8]) -> (Vec<u8>, usize) {
    let (mut sent, mut used) = (Vec::with_capacity(block.len()), 0);
    while let Some(header) = block.get(used..used + HEADER) {
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let end = used + HEADER + number(0) as usize;
        let Some(body) = block.get(used + HEADER..end) else {
            break;
        };
        assert_eq!(crc32fast::hash(body), number(4));
        sent.extend(&body[..payload().len()]);
        used = end;
    }
    (sent, used)
}
