//! What cannot be read is refused with a reason, counted and kept; the rest
//! goes on.

use std::collections::BTreeMap;

use falco_gateway::pb;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::support::{captures::numbered_body, gateway::Running, in_time};

async fn http_source(gateway: &Running) -> pb::SourceStatus {
    let sources = gateway.sources().await;
    sources
        .into_iter()
        .find(|source| source.source_id == "http")
        .unwrap()
}

async fn letters(gateway: &Running, limit: u32) -> pb::ListDeadLettersResponse {
    let request = pb::ListDeadLettersRequest { limit };
    let response = in_time(gateway.operations().list_dead_letters(request)).await;
    response.unwrap().into_inner()
}

fn raw_samples() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/samples/raw");
    let mut samples: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    samples.sort();
    samples
}

#[tokio::test]
async fn every_raw_sample_is_read_or_refused_with_a_reason_that_is_counted() {
    let gateway = Running::start().await;
    let mut client = gateway.http().await;
    let mut refused = BTreeMap::new();
    let samples = raw_samples();
    assert_eq!(samples.len(), 12);
    for (name, body) in &samples {
        let answer = client.post("", body).await;
        assert!([200, 400].contains(&answer.status), "{name}: {answer:?}");
        if answer.status != 200 {
            let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            for refusal in answer["refusals"].as_array().unwrap() {
                assert!(!refusal["message"].as_str().unwrap().is_empty());
                let reason = refusal["reason"].as_str().unwrap().to_owned();
                *refused.entry(reason).or_insert(0) += 1;
            }
        }
    }
    let source = http_source(&gateway).await;
    let counted: BTreeMap<_, _> = source
        .rejected
        .into_iter()
        .map(|rejection| (rejection.reason, rejection.count))
        .collect();
    assert!(!refused.is_empty());
    assert_eq!(counted, refused);
    let kept = letters(&gateway, 0).await;
    assert_eq!(kept.total, refused.values().sum::<u64>());
    assert!(
        kept.dead_letters
            .iter()
            .all(|letter| !letter.raw.is_empty())
    );
}

#[tokio::test]
async fn a_dead_letter_has_the_document_and_why() {
    let gateway = Running::start().await;
    let body = format!(
        "{}\nnot \u{1F980} json\n{}",
        numbered_body(1, 0),
        numbered_body(2, 0)
    );
    let answer = gateway.http().await.post("", &body).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let kept = letters(&gateway, 10).await;
    assert_eq!(kept.total, 1);
    let letter = &kept.dead_letters[0];
    assert_eq!(letter.raw, "not \u{1F980} json");
    assert_eq!(letter.raw_length, letter.raw.len() as u64);
    assert_eq!(letter.origin.as_ref().unwrap().source_id, "http");
    assert_eq!(gateway.all_that_match("").await.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// One gateway for many bodies: what counts is that it still serves.
    #[test]
    fn fuzzed_bodies_kill_neither_connection_nor_process(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..60),
        cuts in prop::collection::vec((0..400usize, any::<u8>()), 1..60),
    ) {
        Runtime::new().unwrap().block_on(async {
            let gateway = Running::start().await;
            let mut client = gateway.http().await;
            let mutated = cuts.iter().map(|(at, byte)| {
                let mut body = numbered_body(*at, 200).into_bytes();
                let at = at % body.len();
                body[at] = *byte;
                body
            });
            for body in bodies.iter().cloned().chain(mutated) {
                let answer = client.post("", &body).await;
                assert!(answer.status < 500, "{answer:?}");
            }
            let answer = client.post("", numbered_body(7, 0)).await;
            assert_eq!(answer.status, 200);
            let source = http_source(&gateway).await;
            let rejected: u64 = source.rejected.iter().map(|it| it.count).sum();
            assert_eq!(source.received, source.accepted + rejected);
            assert_eq!(gateway.all_that_match("").await.len() as u64, source.accepted);
            gateway.stopped().await;
        });
    }
}
