use bytes::Bytes;

use super::super::CliError;
use crate::{
    alert::{Origin, Transport},
    clock,
    filter::Filter,
    normalize::normalize,
    source::{Payload, Raw},
};

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

/// How many of `documents` match.
pub(super) fn matching(documents: &[Bytes], filter: &str) -> Result<u64, CliError> {
    let filter = Filter::parse(filter).map_err(|problem| CliError::Failed(problem.to_string()))?;
    let matches = |document: &Bytes| {
        let read = normalize(&Raw {
            payload: Payload::Document(document.clone()),
            origin: Origin::new("bench", Transport::Publish),
            received_at: clock::now(),
        });
        let mut alerts = read.into_iter().filter_map(Result::ok);
        alerts.any(|alert| filter.matches(&alert))
    };
    Ok(documents
        .iter()
        .filter(|document| matches(document))
        .count() as u64)
}

/// So many documents that can be told apart by `proc.pid`, from 0 on.
pub(super) fn documents(count: usize, padding: usize) -> Vec<Bytes> {
    (0..count).map(|number| document(number, padding)).collect()
}
