//! The gateway, with the bridge in it, is killed at random moments, while its target is
//! killed, slow, and out of sorts.

use std::{collections::BTreeSet, fmt::Write as _, path::Path, time::Duration};

use crate::support::{
    captures::numbered_body,
    gateway::from_the_start,
    http::Client,
    process::{self, Process},
    receiver::{Answer, Posted, Receiver, ok},
    soon,
};

const ROUNDS: usize = 15;

/// The largest batch.
const BATCH: usize = 7;

fn moody(posted: &Posted) -> Answer {
    match fastrand::u8(0..12) {
        0 => Answer::HangUp,
        1 => Answer::Is(500, "", String::new()),
        2 => Answer::Is(429, "retry-after: 0", String::new()),
        3 if posted.body.lines().count() > 1 => Answer::Is(413, "", String::new()),
        _ => ok(),
    }
}

async fn start(folder: &Path, receiver: &Receiver) -> Process {
    let command = process::serve(folder, "{}");
    let config = folder.join("gateway.yaml");
    let mut yaml = std::fs::read_to_string(&config).unwrap();
    write!(
        yaml,
        "bridges:\n- name: siem\n  max_backoff: 10ms\n  batch: {{alerts: {BATCH}}}\n  webhook: {{url: \"http://{}/\", body: lines}}\n",
        receiver.address
    )
    .unwrap();
    std::fs::write(config, yaml).unwrap();
    Process::of(command, folder).await
}

fn numbers(posted: &[Posted]) -> Vec<usize> {
    let rules = super::rules(posted).into_iter();
    rules.map(|rule| rule[1..].parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_out_and_one_batch_at_most_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(moody).await;
    let mut next = 0;
    for _ in 0..ROUNDS {
        let gateway = start(folder.path(), &receiver).await;
        let mut client = Client::connect(gateway.http).await;
        for _ in 0..fastrand::usize(1..60) {
            assert_eq!(client.post("", numbered_body(next, 10)).await.status, 200);
            next += 1;
        }
        if fastrand::bool() {
            receiver.go_away().await;
            receiver.come_back().await;
        }
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..30_000))).await;
        gateway.kill().await;
    }
    receiver.answer(|_| ok());
    let gateway = start(folder.path(), &receiver).await;
    let last = next - 1;
    receiver
        .wait_for(|posted| numbers(posted).contains(&last))
        .await;
    let log = from_the_start("");
    let mut frames = gateway
        .alerts()
        .stream_alerts(log)
        .await
        .unwrap()
        .into_inner();
    soon("the log", frames.message()).await.unwrap();
    check(&numbers(&receiver.posted()), next);
}

/// Whatever was sent so far, each request goes on with the next, or begins within one
/// batch before it.
fn check(sent: &[usize], count: usize) {
    let all: BTreeSet<_> = sent.iter().copied().collect();
    assert!(all.iter().copied().eq(0..count), "alerts were left out");
    let mut furthest = 0;
    for number in sent {
        assert!(*number <= furthest, "{number} came before {furthest}");
        assert!(
            number + BATCH >= furthest,
            "{number} came again after {furthest}"
        );
        furthest = furthest.max(number + 1);
    }
    println!("{count} alerts, {} sent again", sent.len() - count);
}
