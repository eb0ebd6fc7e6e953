//! Whether those who do not read cost those who do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use falco_gateway::{
    filter::Filter,
    log::{Config, Log, Position, Read, Reader, Witness},
    units::Size,
};

use crate::{ROUNDS, alerts::Alerts, measure::Measured, open, stats::median};

const PARKED: usize = 10_000;

/// Filters among the parked ones.
const FILTERS: usize = 20;

const APPENDED: usize = 65_536;
const BATCH: usize = 64;

/// So small that retention takes what the parked ones did not read.
const RETENTION: u64 = 32 << 20;

/// Two lively readers and one that appends, with and without parked readers of
/// which retention has to count what they miss, and a stalled one that wants
/// everything.
pub(crate) async fn run(alerts: &Alerts) {
    println!("## {PARKED} parked readers with {FILTERS} filters, and a stalled one\n");
    println!("| | alone | with them | ratio |\n|---|---|---|---|");
    let (mut alone, mut crowded) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(round(alerts, 0).await);
        crowded.push(round(alerts, PARKED).await);
    }
    for (name, of) in [
        ("appended, 1/s", (|it| it.rate) as fn(&Round) -> f64),
        ("CPU ns per alert", |it| it.cpu_ns),
        ("from append to receipt, median in µs", |it| it.median_us),
        ("from append to receipt, p99 in µs", |it| it.p99_us),
    ] {
        let pairs = alone.iter().zip(&crowded);
        println!(
            "| {name} | {:.0} | {:.0} | {:.2} |",
            median(alone.iter().map(of)),
            median(crowded.iter().map(of)),
            median(pairs.map(|(alone, crowded)| of(crowded) / of(alone))),
        );
    }
    println!();
}

struct Round {
    rate: f64,
    cpu_ns: f64,
    median_us: f64,
    p99_us: f64,
}

async fn round(alerts: &Alerts, parked: usize) -> Round {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        retention_bytes: Size(RETENTION),
        ..Config::default()
    };
    let opened = open(folder.path(), &config);
    let log = &opened.log;
    let parked: Vec<_> = (0..parked).map(|index| park(log, index)).collect();
    let done = Arc::new(AtomicBool::new(false));
    let lively = log.reader(Position::START, Witness::of_all());
    let lively = tokio::spawn(follow(lively, Arc::clone(&done)));
    let batches: Vec<_> = (0..APPENDED / BATCH).map(|_| alerts.batch(BATCH)).collect();
    let mut appended = Vec::with_capacity(batches.len());
    let started = Measured::start();
    for batch in batches {
        appended.push(Instant::now());
        log.append(batch).await.unwrap();
    }
    let measured = started.stop(APPENDED);
    done.store(true, Ordering::Relaxed);
    let received = lively.await.unwrap();
    assert_eq!(received.len(), APPENDED);
    let mut delays: Vec<_> = received
        .chunks(BATCH)
        .zip(&appended)
        .map(|(received, appended)| received[BATCH - 1].saturating_duration_since(*appended))
        .map(|delay| delay.as_secs_f64() * 1e6)
        .collect();
    delays.sort_by(f64::total_cmp);
    drop(parked);
    opened.workers.finish().await;
    Round {
        rate: APPENDED as f64 / measured.seconds,
        cpu_ns: measured.cpu_seconds * 1e9 / APPENDED as f64,
        median_us: delays[delays.len() / 2],
        p99_us: delays[delays.len() * 99 / 100],
    }
}

/// A reader that will not read; the first wants everything.
fn park(log: &Log, index: usize) -> Reader {
    let witness = if index == 0 {
        Witness::of_all()
    } else {
        let text = format!("priority >= warning and proc.pid > {}", index % FILTERS);
        let filter = Filter::parse(&text).unwrap();
        let name = filter.canonical().to_owned();
        let parts = filter.parts().clone();
        Witness::new(name, parts, move |alert| filter.matches(alert))
    };
    log.reader(Position::START, witness)
}

/// When each alert was received.
async fn follow(mut reader: Reader, done: Arc<AtomicBool>) -> Vec<Instant> {
    let mut received = Vec::with_capacity(APPENDED);
    loop {
        match reader.read(256).await {
            Read::Entries(entries) => {
                let now = Instant::now();
                received.extend(entries.iter().map(|_| now));
            }
            Read::Lost(lost) => panic!("{lost:?}"),
            Read::AtHead if done.load(Ordering::Relaxed) && received.len() == APPENDED => {
                return received;
            }
            Read::AtHead => {
                let at = Position(received.len() as u64);
                let _ = tokio::time::timeout(Duration::from_millis(20), reader.wait_past(at)).await;
            }
        }
    }
}
