//! The gateway beside its peers, in one run: `cargo bench --bench compare`, which with
//! `-- --write` writes the tables of `docs/performance.md`. Any other argument picks the
//! cases whose names have it.
//!
//! Everyone sends the same bytes to the same streams over loopback, in a process
//! of its own, in turns, and is charged what the kernel says that it used. The
//! gateway does what it always does: it normalises, keeps in a durable log,
//! filters, and gives each alert a cursor. The others pass bytes on.
//!
//! It needs `nats-server` and `redis-server` from the distribution, and leaves out
//! what is not there.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    reason = "a benchmark ends at the first mistake, measures wall time, and its numbers need no last digit"
)]

mod case;
mod catch_up;
#[path = "../shared/document.rs"]
mod document;
mod fan_out;
mod gateway;
mod ingest;
mod load;
mod naive;
mod peers;
mod process;
mod raw;
mod settings;
#[path = "../shared/stats.rs"]
mod stats;
mod tls;

use self::settings::Settings;

/// Of each case, in turns.
const ROUNDS: usize = 3;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("serve-naive") => return naive::serve(),
        Some("serve-raw") => return raw::serve(),
        Some("serve-scan") => return catch_up::serve(),
        Some("serve-http") => return ingest::serve(),
        _ => {}
    }
    let settings = Settings::read();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        settings.show("fan-out", fan_out::run(&settings).await);
        settings.show("one-stream", fan_out::latency(&settings).await);
        settings.show("catching-up", catch_up::run(&settings).await);
        settings.show("ingest", ingest::run(&settings).await);
        settings.show("streams", gateway_alone(&settings).await);
    });
}

/// What only the gateway can be asked.
async fn gateway_alone(settings: &Settings) -> Option<String> {
    settings.wants("streams at rest").then_some(())?;
    let mut lines = Vec::new();
    for (name, connections) in [("a connection each", 1000), ("100 on a connection", 10)] {
        let options = [
            ("--subscribers", "1000".to_owned()),
            ("--connections", connections.to_string()),
            ("--alerts", "64".to_owned()),
        ];
        let mut bytes = Vec::new();
        for _ in 0..ROUNDS {
            let report = gateway::bench(&options, &[]).await;
            bytes.push(report["bytes_per_idle_stream"].as_f64().unwrap());
        }
        let kib = stats::median(bytes.into_iter()) / 1024.0;
        lines.push(format!(
            "| memory of an idle stream, {name} | {kib:.1} KiB |"
        ));
    }
    let mut moved = Vec::new();
    for _ in 0..ROUNDS {
        let mut p99 = [0.0; 2];
        for (stalled, p99) in [0, 900].into_iter().zip(&mut p99) {
            let options = [
                ("--subscribers", "100".to_owned()),
                ("--connections", "100".to_owned()),
                ("--burst", "1".to_owned()),
                ("--rate", "100".to_owned()),
                ("--alerts", "400".to_owned()),
                ("--stalled", stalled.to_string()),
            ];
            let report = gateway::bench(&options, &[]).await;
            *p99 = report["latency_us"]["p99"].as_f64().unwrap();
        }
        moved.push(p99[1] / p99[0]);
    }
    let ratio = stats::median(moved.into_iter());
    lines.push(format!(
        "| p99 to 100 streams beside 900 that read nothing, to that without them | {ratio:.2} |"
    ));
    Some(format!("| | |\n|---|---|\n{}\n", lines.join("\n")))
}
