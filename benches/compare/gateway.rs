//! The gateway, loaded by its own `bench`.

use std::process::Command;

use crate::Case;

pub(crate) async fn measure(case: &Case) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_falco-gateway"));
    command.args(["bench", "--own", "--json"]);
    for (name, value) in [
        ("--subscribers", case.subscribers),
        ("--connections", case.connections),
        ("--burst", case.burst),
        ("--alerts", case.burst * case.bursts),
    ] {
        command.arg(name).arg(value.to_string());
    }
    if let Some(rate) = case.rate {
        command.arg("--rate").arg(rate.to_string());
    }
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    report["server_ns_per_delivery"].as_f64().unwrap()
}
