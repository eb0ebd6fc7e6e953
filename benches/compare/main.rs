//! The gateway beside its peers, in one run: `cargo bench --bench compare`.
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
    clippy::cast_precision_loss,
    reason = "a benchmark ends at the first mistake, and its numbers need no last digit"
)]

mod gateway;
mod load;
mod naive;
mod peers;
mod process;
mod raw;
#[path = "../shared/stats.rs"]
mod stats;

use std::collections::BTreeMap;

use self::stats::median;

/// What is sent to whom.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    subscribers: usize,
    connections: usize,
    burst: usize,
    bursts: usize,
    /// Bursts a second; else the next comes when everyone has the last.
    rate: Option<f64>,
}

const CASES: [Case; 5] = [
    Case {
        name: "1000 streams on 1000 connections, bursts of 64",
        subscribers: 1000,
        connections: 1000,
        burst: 64,
        bursts: 60,
        rate: None,
    },
    Case {
        name: "100 streams on 100 connections, bursts of 512",
        subscribers: 100,
        connections: 100,
        burst: 512,
        bursts: 80,
        rate: None,
    },
    Case {
        name: "1000 streams on 10 connections, bursts of 64",
        subscribers: 1000,
        connections: 10,
        burst: 64,
        bursts: 60,
        rate: None,
    },
    Case {
        name: "1000 streams on 10 connections, one by one",
        subscribers: 1000,
        connections: 10,
        burst: 1,
        bursts: 400,
        rate: None,
    },
    Case {
        name: "100 streams on 100 connections, 200 a second",
        subscribers: 100,
        connections: 100,
        burst: 1,
        bursts: 600,
        rate: Some(200.0),
    },
];

const ROUNDS: usize = 3;

/// Who is measured, the one that all are compared with first.
const VARIANTS: [&str; 5] = [
    "nats-server",
    "falco-gateway",
    "naive tonic",
    "raw TCP",
    "Redis",
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("serve-naive") => return naive::serve(),
        Some("serve-raw") => return raw::serve(),
        _ => {}
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let wanted = std::env::var("FALCO_GATEWAY_COMPARE").unwrap_or_default();
    println!(
        "The server's CPU in ns for each delivery of {} bytes, and the ratio to nats-server; medians of {ROUNDS} rounds.\n",
        load::payload().len()
    );
    println!("| case | {} |", VARIANTS.join(" | "));
    println!("|---|{}", "---|".repeat(VARIANTS.len()));
    for case in CASES.iter().filter(|case| case.name.contains(&wanted)) {
        let mut rounds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for _ in 0..ROUNDS {
            for variant in VARIANTS {
                if let Some(ns) = runtime.block_on(measure(variant, case)) {
                    rounds.entry(variant).or_default().push(ns);
                }
            }
        }
        let cells = VARIANTS.map(|variant| cell(&rounds, variant));
        println!("| {} | {} |", case.name, cells.join(" | "));
    }
}

/// Nanoseconds for each delivery; none when the variant cannot do the case.
async fn measure(variant: &str, case: &Case) -> Option<f64> {
    match variant {
        "falco-gateway" => Some(gateway::measure(case).await),
        "nats-server" => peers::nats(case).await,
        "Redis" => peers::redis(case).await,
        "naive tonic" => Some(naive::measure(case).await),
        _ => Some(raw::measure(case).await),
    }
}

fn cell(rounds: &BTreeMap<&str, Vec<f64>>, variant: &str) -> String {
    let (Some(ours), Some(first)) = (rounds.get(variant), rounds.get(VARIANTS[0])) else {
        return "–".to_owned();
    };
    let ratios = ours.iter().zip(first).map(|(ours, first)| ours / first);
    format!(
        "{:.0} ({:.2})",
        median(ours.iter().copied()),
        median(ratios)
    )
}
