use bytes::Bytes;

use super::super::CliError;
use crate::{
    alert::{Alert, Origin, Transport},
    clock,
    filter::Filter,
    normalize::normalize,
    source::{Payload, Raw},
};

/// Alerts are of so many sorts, by `proc.vpid`.
pub(super) const SORTS: usize = 100;

/// A document as Falco writes it, of about 800 bytes.
fn document(number: usize, padding: usize) -> Bytes {
    let output = format!(
        "10:00:00.000000000: Warning Shell spawned in a container (user=root command=bash -c id \
         container=4a5b6c7d8e9f image=registry.example.com/payments/api) {}",
        "x".repeat(padding)
    );
    serde_json::json!({
        "uuid": format!("00000000-0000-4000-8000-{number:012}"),
        "hostname": "node-a",
        "output": output,
        "priority": "Warning",
        "rule": "Terminal shell in container",
        "source": "syscall",
        "tags": ["container", "mitre_execution", "T1059"],
        "time": "2026-11-25T10:00:00.000000000Z",
        "output_fields": {
            "proc.pid": number,
            "proc.vpid": number % SORTS,
            "proc.name": "bash",
            "proc.cmdline": "bash -c id",
            "user.name": "root",
            "container.id": "4a5b6c7d8e9f",
            "container.image.repository": "registry.example.com/payments/api",
            "k8s.ns.name": "payments",
            "k8s.pod.name": "api-7f9c",
            "evt.type": "execve",
        },
    })
    .to_string()
    .into()
}

/// The alerts of `documents`.
pub(super) fn alerts(documents: &[Bytes]) -> Vec<Alert> {
    let read = documents.iter().flat_map(|document| {
        normalize(&Raw {
            payload: Payload::Document(document.clone()),
            origin: Origin::new("bench", Transport::Publish),
            received_at: clock::now(),
            trace: None,
        })
    });
    read.filter_map(Result::ok).collect()
}

/// How many of `alerts` match.
pub(super) fn matching(alerts: &[Alert], filter: &str) -> Result<u64, CliError> {
    let filter = Filter::parse(filter).map_err(|problem| CliError::Failed(problem.to_string()))?;
    Ok(alerts.iter().filter(|alert| filter.matches(alert)).count() as u64)
}

/// So many documents, numbered from 0 on.
pub(super) fn documents(count: usize, padding: usize) -> Vec<Bytes> {
    (0..count).map(|number| document(number, padding)).collect()
}
