//! Promise: a bridge's target gets every alert, in order, whatever happens to it, to the
//! bridge or to the gateway; what it refuses is among the dead letters; and nothing else
//! waits for it.

mod answers;
mod crash;
mod disk;
mod loss;
mod own_process;
mod page;
mod refusals;
mod syslog;
mod takeover;
mod trouble;

use std::time::Duration;

use falco_gateway::{
    bridge,
    config::Config,
    pb::{self, BridgeState},
};
use serde_json::Value;

use crate::support::{
    captures::numbered_body,
    gateway::{Running, loopback},
    in_time,
    receiver::{Posted, Receiver},
};

/// Bridges, as an operator writes them.
fn bridges(yaml: &str) -> Vec<bridge::Config> {
    Config::parse(&format!("bridges:\n{yaml}")).unwrap().bridges
}

async fn with(bridges: Vec<bridge::Config>) -> Running {
    Running::with(Config {
        bridges,
        ..loopback()
    })
    .await
}

/// A bridge that posts lines to `receiver`, up to ten at a time.
fn lines(receiver: &Receiver) -> Vec<bridge::Config> {
    bridges(&format!(
        "- name: siem\n  batch: {{alerts: 10}}\n  max_backoff: 50ms\n  webhook: {{url: \"http://{}/in\", body: lines}}\n",
        receiver.address
    ))
}

/// Alerts r0, r1 and so on.
async fn post(gateway: &Running, numbers: std::ops::Range<usize>) {
    gateway
        .post_all(numbers.map(|it| numbered_body(it, 10)))
        .await;
}

/// The same with one request: so they are in the log, and come to the bridge, at once.
async fn post_at_once(gateway: &Running, numbers: std::ops::Range<usize>) {
    let bodies: Vec<_> = numbers.map(|it| numbered_body(it, 10)).collect();
    gateway.post_all([format!("[{}]", bodies.join(","))]).await;
}

fn rules(posted: &[Posted]) -> Vec<String> {
    let lines = posted.iter().flat_map(|it| it.body.lines());
    lines.map(rule).collect()
}

fn rule(line: &str) -> String {
    let alert: Value = serde_json::from_str(line).unwrap();
    alert["rule"].as_str().unwrap().to_owned()
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|it| format!("r{it}")).collect()
}

impl Running {
    async fn bridge(&self) -> pb::BridgeStatus {
        let mut client = self.operations();
        let answer = in_time(client.list_bridges(pb::ListBridgesRequest {})).await;
        answer.unwrap().into_inner().bridges.remove(0)
    }

    /// Waits until the first bridge is as wanted.
    async fn bridge_that(&self, is_wanted: impl Fn(&pb::BridgeStatus) -> bool) -> pb::BridgeStatus {
        let mut last = self.bridge().await;
        let waited = tokio::time::timeout(crate::support::PATIENCE, async {
            while !is_wanted(&last) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                last = self.bridge().await;
            }
        });
        assert!(waited.await.is_ok(), "it stays {last:?}");
        last
    }

    /// Waits until its target has, or has refused, so many alerts, and that is kept.
    async fn settled(&self, count: u64) -> pb::BridgeStatus {
        self.bridge_that(|it| it.delivered + it.refused >= count && it.lag == 0)
            .await
    }
}

#[tokio::test]
async fn every_captured_alert_reaches_the_target_once_and_in_order() {
    let receiver = Receiver::start(|_| crate::support::receiver::ok()).await;
    let yaml = format!(
        "- name: siem\n  webhook: {{url: \"http://{}/\"}}\n",
        receiver.address
    );
    let gateway = with(bridges(&yaml)).await;
    let bodies = crate::support::captures::bodies("http.jsonl");
    let count = bodies.len();
    gateway.post_all(bodies).await;
    let status = gateway.settled(count as u64).await;
    assert_eq!(
        (status.delivered, status.refused, status.lost),
        (count as u64, 0, 0)
    );
    assert_eq!(status.state(), BridgeState::Delivering);
    assert_eq!(status.detail, "HTTP 200: taken");
    let sent = rules(&receiver.posted());
    let records = gateway.all_that_match("").await;
    let log: Vec<_> = crate::support::frames::alerts(&records)
        .into_iter()
        .map(|it| it.rule)
        .collect();
    assert_eq!(sent, log);
}

#[tokio::test]
async fn a_bridge_takes_only_what_its_filter_wants_and_follows_when_that_changes() {
    let receiver = Receiver::start(|_| crate::support::receiver::ok()).await;
    let folder = tempfile::tempdir().unwrap();
    let of = |filter: &str| {
        let mut config = lines(&receiver);
        config[0].filter = filter.to_owned();
        Config {
            bridges: config,
            data_dir: folder.path().to_owned(),
            ..loopback()
        }
    };
    let gateway = Running::in_place(of("priority = critical")).await;
    post(&gateway, 0..4).await;
    gateway.settled(2).await;
    gateway.stopped().await;
    let gateway = Running::in_place(of("priority = notice")).await;
    // What is not wanted behind the last that is, a heartbeat moves on from.
    post(&gateway, 4..7).await;
    gateway.settled(2).await;
    assert_eq!(rules(&receiver.posted()), ["r1", "r3", "r4", "r6"]);
}
