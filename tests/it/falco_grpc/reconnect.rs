use std::time::Duration;

use bytes::Bytes;
use falco_gateway::{
    source::{SourceState, falco_grpc::Config},
    units::Span,
};

use crate::support::{
    captures,
    fake_falco::{FakeFalco, Outputs},
    subscription::{Subscription, quick},
    writer::Writer,
};

#[tokio::test]
async fn nothing_is_lost_over_restarts_but_what_falco_throws_away() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    let writer = Writer::start();
    let subscription = Subscription::start(quick(&socket), &writer);
    let alerts = captures::numbered(400);
    for (round, part) in alerts.chunks(100).enumerate() {
        let falco = FakeFalco::on_socket(&socket, &outputs);
        outputs.raise(part[..99].to_vec());
        // At different moments of the reading; at last when all is read.
        let thrown_away = outputs.read(|state| state.thrown_away.len());
        let raised = round * 100 + 99 - thrown_away;
        writer.wait_for(raised - [90, 60, 30, 0][round]).await;
        falco.begin_shutdown();
        outputs.raise(part[99..].to_vec());
        falco.shut_down().await;
    }
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    outputs
        .wait_for("an empty queue", |state| state.queue.is_empty())
        .await;
    let thrown_away = outputs.read(|state| state.thrown_away.clone());
    assert!(!thrown_away.is_empty());
    let kept: Vec<Bytes> = alerts
        .into_iter()
        .filter(|alert| !thrown_away.contains(alert))
        .collect();
    writer.wait_for(kept.len()).await;
    assert_eq!(writer.wires(), kept);
    subscription
        .wait_for(SourceState::Connected, "0.43.1")
        .await;
}

#[tokio::test]
async fn a_killed_falco_is_found_again_and_nothing_comes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    let writer = Writer::start();
    let subscription = Subscription::start(quick(&socket), &writer);
    let alerts = captures::numbered(300);
    for part in alerts.chunks(100) {
        let falco = FakeFalco::on_socket(&socket, &outputs);
        let before = writer.wires().len();
        outputs.raise(part.to_vec());
        writer.wait_for(before + 1).await;
        falco.kill().await;
        outputs
            .wait_for("the end of its calls", |state| state.open == 0)
            .await;
        subscription
            .wait_for(SourceState::Disconnected, "leaves its socket behind")
            .await;
    }
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let last = captures::numbered(301).split_off(300);
    outputs.raise(last.clone());
    outputs
        .wait_for("an empty queue", |state| state.queue.is_empty())
        .await;
    while !writer.wires().ends_with(&last) {
        writer.wait_for(writer.wires().len() + 1).await;
    }
    // A part of all, in their order.
    let mut all = alerts.iter().chain(&last);
    for wire in writer.wires() {
        assert!(all.any(|alert| *alert == wire), "twice or out of order");
    }
}

#[tokio::test]
async fn a_falco_that_is_not_there_yet_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let writer = Writer::start();
    let subscription = Subscription::start(quick(&socket), &writer);
    subscription
        .wait_for(SourceState::Disconnected, "no socket at")
        .await;
    let outputs = Outputs::new();
    outputs.raise(captures::numbered(1));
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    subscription
        .wait_for(SourceState::Connected, "0.43.1")
        .await;
    writer.wait_for(1).await;
}

#[tokio::test]
async fn an_idle_subscription_does_not_keep_falco_from_its_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    let falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::start();
    let config = Config {
        // Long enough to be seen.
        max_backoff: Span(Duration::from_secs(60)),
        ..quick(&socket)
    };
    let subscription = Subscription::start(config, &writer);
    outputs.wait_for("polls", |state| state.polls > 3).await;
    falco.shut_down().await;
    subscription
        .wait_for(SourceState::Disconnected, "Falco ended the call")
        .await;
}

#[tokio::test]
async fn a_falco_that_no_longer_answers_is_given_up_until_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::start();
    let config = Config {
        liveness_interval: Span(Duration::from_millis(50)),
        timeout: Span(Duration::from_millis(100)),
        ..quick(&socket)
    };
    let subscription = Subscription::start(config, &writer);
    subscription
        .wait_for(SourceState::Connected, "0.43.1")
        .await;
    // A silent Falco that answers about its version is a living one.
    outputs
        .wait_for("questions", |state| state.versions > 4)
        .await;
    assert_eq!(subscription.status().state, SourceState::Connected);
    assert_eq!(outputs.read(|state| state.open), 1);
    outputs.update(|state| state.frozen = true);
    subscription
        .wait_for(
            SourceState::Disconnected,
            "no answer to the version service within 100ms",
        )
        .await;
    outputs
        .wait_for("the given up call's end", |state| state.open == 0)
        .await;
    outputs.update(|state| state.frozen = false);
    outputs.raise(captures::numbered(1));
    subscription
        .wait_for(SourceState::Connected, "0.43.1")
        .await;
    writer.wait_for(1).await;
}
