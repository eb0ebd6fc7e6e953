//! The gateway, loaded by its own `bench`.

use std::process::Command;

use serde_json::Value;

use crate::{
    case::{Case, Selection},
    load::Measured,
};

pub(crate) async fn measure(case: &Case) -> Measured {
    let filter = match case.selection {
        Selection::All => "",
        Selection::OneSort => "proc.vpid = 0",
        Selection::ItsOwnSort => "proc.vpid = {%} and proc.pid != 1000{}",
    };
    let mut options = vec![
        ("--subscribers", case.subscribers.to_string()),
        ("--connections", case.connections.to_string()),
        ("--burst", case.burst.to_string()),
        ("--alerts", (case.burst * case.bursts).to_string()),
        ("--filter", filter.to_owned()),
    ];
    options.extend(case.rate.map(|rate| ("--rate", rate.to_string())));
    let flags: &[&str] = if case.tls { &["--tls"] } else { &[] };
    let report = bench(&options, flags).await;
    Measured {
        ns: report["server_ns_per_delivery"].as_f64().unwrap(),
        latency: report["latency_us"]["p50"].as_f64().unwrap(),
    }
}

/// The report of a run with these options.
pub(crate) async fn bench(options: &[(&str, String)], flags: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_falco-gateway"));
    command.args(["bench", "--own", "--json"]).args(flags);
    for (name, value) in options {
        command.arg(name).arg(value);
    }
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}
