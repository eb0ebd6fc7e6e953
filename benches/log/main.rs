//! The log beside what its disk can do, in one run: `cargo bench --bench log`.
//!
//! The limit is a file of records with a checksum each, written and read with
//! nothing around it. The two alternate, round by round; what is printed are
//! medians and the ratio of each round's pair. `FALCO_GATEWAY_BENCH_MIB` is how
//! large the log is that is read and recovered (256 by default).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    reason = "a benchmark ends at the first mistake, and measures wall time"
)]

mod alerts;
mod measure;
mod parked;
mod raw;
#[path = "../shared/stats.rs"]
mod stats;

use std::{fs, path::Path};

use falco_gateway::{
    filter::Filter,
    log::{Config, Entry, Log, Position, Read, Tools, Witness, Workers},
    state::State,
    units::Size,
};

use self::{
    alerts::Alerts,
    measure::{Measured, Table, measure},
};

/// Appends of a round at each size of batch.
const APPENDED: usize = 16_384;

const ROUNDS: usize = 5;

const BATCHES: [usize; 3] = [1, 64, 1024];

/// A log in a folder, at work.
struct Opened {
    log: Log,
    workers: Workers,
}

fn open(folder: &Path, config: &Config) -> Opened {
    let state = State::open(folder).unwrap();
    let tools = Tools {
        decode: falco_gateway::rpc::convert::decode_parts,
        clock: falco_gateway::clock::now,
    };
    let (log, workers) = Log::open(config, &folder.join("log"), &state, tools).unwrap();
    Opened { log, workers }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let alerts = Alerts::captured();
    println!(
        "records of {} bytes on average, {ROUNDS} rounds\n",
        alerts.mean_bytes()
    );
    runtime.block_on(async {
        append(&alerts).await;
        read(&alerts).await;
        parked::run(&alerts).await;
    });
}

/// Appends, each durable before the next.
async fn append(alerts: &Alerts) {
    let mut table = Table::new("append, each batch synced");
    for batch in BATCHES {
        let count = APPENDED.min(batch * 512);
        // What ingest has made by then is not the log's work; letting go of it is.
        let batches = || -> Vec<_> { (0..count / batch).map(|_| alerts.batch(batch)).collect() };
        for _ in 0..ROUNDS {
            let folder = tempfile::tempdir().unwrap();
            let input = batches();
            let raw = measure(count, || raw::append(folder.path(), input));
            let opened = open(folder.path(), &Config::default());
            let input = batches();
            let started = Measured::start();
            for batch in input {
                opened.log.append(batch).await.unwrap();
            }
            let ours = started.stop(count);
            table.add(&format!("batches of {batch}"), raw, ours);
            opened.workers.finish().await;
        }
    }
    table.print();
}

/// Reads everything, and opens a log of which nothing but the records is left.
async fn read(alerts: &Alerts) {
    let mib: u64 = std::env::var("FALCO_GATEWAY_BENCH_MIB").map_or(256, |mib| mib.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        memory: Size(0),
        ..Config::default()
    };
    let opened = open(folder.path(), &config);
    while opened.log.bounds().bytes < mib << 20 {
        opened.log.append(alerts.batch(1024)).await.unwrap();
    }
    opened.workers.finish().await;
    let log = folder.path().join("log");

    let mut table = Table::new("read from disk");
    let mut recovery = Table::new("recovery, per GiB");
    for _ in 0..ROUNDS {
        let opened = open(folder.path(), &config);
        let count = usize::try_from(opened.log.bounds().alerts).unwrap();
        let raw = measure(count, || raw::scan(&log));
        let all = Filter::all();
        let some = Filter::parse("priority >= debug and evt.type exists").unwrap();
        for (name, filter) in [("everything", all), ("by a filter of two fields", some)] {
            let started = Measured::start();
            let passed = scan(&opened.log, &filter).await;
            table.add(name, raw, started.stop(count));
            assert!(passed > count / 2, "{passed} of {count}");
        }
        let bytes = opened.log.bounds().bytes;
        drop(opened.log);
        opened.workers.finish().await;
        let per_gib = |measured: Measured| measured.scaled((1_u64 << 30) as f64 / bytes as f64);

        let started = Measured::start();
        let clean = open(folder.path(), &config);
        let ours = started.stop(1);
        recovery.add("after a clean stop", per_gib(raw.of(1)), per_gib(ours));
        clean.workers.finish().await;
        for file in fs::read_dir(&log).unwrap() {
            let path = file.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "index")
            {
                fs::remove_file(path).unwrap();
            }
        }
        let started = Measured::start();
        let all = open(folder.path(), &config);
        let ours = started.stop(1);
        recovery.add("with every index lost", per_gib(raw.of(1)), per_gib(ours));
        all.workers.finish().await;
    }
    table.print();
    recovery.print_seconds();
}

/// Reads the whole log; how many alerts `filter` lets pass.
async fn scan(log: &Log, filter: &Filter) -> usize {
    let passes = |entry: &Entry| {
        filter.takes_all()
            || entry
                .ask(filter.parts(), |alert| filter.matches(alert))
                .unwrap()
    };
    let mut reader = log.reader(Position::START, Witness::of_all());
    let mut count = 0;
    loop {
        match reader.read(256).await {
            Read::Entries(entries) => count += entries.iter().filter(|it| passes(it)).count(),
            Read::Lost(lost) => panic!("{lost:?}"),
            Read::AtHead => return count,
        }
    }
}
