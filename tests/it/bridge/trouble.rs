//! A target that is down, slow, gone in the middle, or asks for a pause.

use std::time::Duration;

use falco_gateway::pb::{BridgeState, stream_frame::Kind};

use super::{lines, numbered, post, rules, with};
use crate::support::{
    gateway::from_the_start,
    receiver::{Answer, Receiver, ok},
};

#[tokio::test]
async fn a_target_that_was_down_catches_up_and_nobody_waited_for_it() {
    let mut receiver = Receiver::start(|_| ok()).await;
    receiver.go_away().await;
    let gateway = with(lines(&receiver)).await;
    let mut reader = gateway.stream(from_the_start("")).await;
    post(&gateway, 0..100).await;
    assert_eq!(reader.records(100).await.len(), 100);
    let down = gateway.bridge_that(|it| it.retries > 2).await;
    assert_eq!(down.state(), BridgeState::Retrying);
    assert!(down.detail.contains("refused"), "{}", down.detail);
    assert!(down.next_attempt_time.is_some());
    assert_eq!((down.delivered, down.lag), (0, 100));
    receiver.come_back().await;
    let up = gateway.settled(100).await;
    assert_eq!((up.state(), up.delivered), (BridgeState::Delivering, 100));
    assert_eq!(up.next_attempt_time, None);
    assert_eq!(rules(&receiver.posted()), numbered(0..100));
    for request in receiver.posted() {
        assert!(request.body.lines().count() <= 10);
    }
}

#[tokio::test]
async fn what_is_answered_with_an_error_is_sent_again_as_it_was() {
    for status in [401, 403, 404, 408, 429, 500, 502, 503, 307] {
        let receiver = Receiver::start(move |posted| match posted.number {
            0 | 1 => Answer::Is(status, "", "not now".to_owned()),
            _ => ok(),
        })
        .await;
        let gateway = with(lines(&receiver)).await;
        post(&gateway, 0..3).await;
        let state = gateway.settled(3).await;
        assert_eq!(
            (state.delivered, state.refused, state.retries),
            (3, 0, 2),
            "{status}"
        );
        let posted = receiver.posted();
        assert_eq!(posted[0].body, posted[1].body);
        assert_eq!(rules(&posted[2..]), numbered(0..3), "{status}");
    }
}

#[tokio::test]
async fn the_target_may_ask_for_a_pause() {
    let receiver = Receiver::start(|posted| match posted.number {
        0 => Answer::Is(429, "Retry-After: 1", String::new()),
        _ => ok(),
    })
    .await;
    let gateway = with(lines(&receiver)).await;
    post(&gateway, 0..1).await;
    gateway.settled(1).await;
    let posted = receiver.posted();
    assert!(posted[1].at - posted[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_target_that_is_gone_before_it_answers_gets_that_batch_again_and_no_other() {
    let receiver = Receiver::start(|posted| match posted.number {
        1 => Answer::HangUp,
        _ => ok(),
    })
    .await;
    let gateway = with(lines(&receiver)).await;
    for number in 0..3 {
        post(&gateway, number..number + 1).await;
        receiver.wait_for(|posted| posted.len() > number).await;
    }
    gateway.settled(3).await;
    assert_eq!(rules(&receiver.posted()), ["r0", "r1", "r1", "r2"]);
}

#[tokio::test]
async fn a_target_that_says_nothing_is_not_waited_for_for_ever() {
    let receiver = Receiver::start(|posted| match posted.number {
        0 => Answer::Silence,
        _ => ok(),
    })
    .await;
    let mut config = lines(&receiver);
    config[0].timeout.0 = Duration::from_millis(100);
    let gateway = with(config).await;
    post(&gateway, 0..1).await;
    let status = gateway.settled(1).await;
    assert_eq!((status.delivered, status.retries), (1, 1));
}

/// What falls silent is noticed by the bridge alone.
#[tokio::test]
async fn a_stop_does_not_wait_for_a_silent_target() {
    let receiver = Receiver::start(|_| Answer::Silence).await;
    let gateway = with(lines(&receiver)).await;
    post(&gateway, 0..1).await;
    receiver.wait_for(|posted| posted.len() == 1).await;
    gateway.stopped().await;
}

#[tokio::test]
async fn a_clean_stop_repeats_nothing() {
    let receiver = Receiver::start(|_| ok()).await;
    let folder = tempfile::tempdir().unwrap();
    let config = || falco_gateway::config::Config {
        bridges: lines(&receiver),
        data_dir: folder.path().to_owned(),
        ..crate::support::gateway::loopback()
    };
    for round in 0..3 {
        let gateway = super::Running::in_place(config()).await;
        post(&gateway, round * 50..(round + 1) * 50).await;
        gateway.stopped().await;
    }
    let gateway = super::Running::in_place(config()).await;
    receiver.wait_for(|posted| rules(posted).len() >= 150).await;
    gateway.stopped().await;
    assert_eq!(rules(&receiver.posted()), numbered(0..150));
}

#[tokio::test]
async fn a_bridge_is_a_consumer_that_operators_see() {
    let receiver = Receiver::start(|_| ok()).await;
    let gateway = with(lines(&receiver)).await;
    post(&gateway, 0..1).await;
    gateway.settled(1).await;
    let streams = gateway.streams().await;
    assert_eq!(streams[0].client_label, "subscription siem: bridge siem");
    assert_eq!(streams[0].peer, "this process");
    let mut frames = gateway.stream(from_the_start("")).await;
    frames
        .find(|kind| matches!(kind, Kind::Alerts(_)).then_some(()))
        .await;
}
