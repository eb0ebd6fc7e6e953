//! What a target refuses.

use std::{fs, path::Path};

use falco_gateway::{
    config::Config,
    pb::{self, BridgeState},
};
use serde_json::Value;

use super::{lines, numbered, post, rules, with};
use crate::support::{
    gateway::{Running, loopback},
    in_time,
    receiver::{Answer, Receiver, ok},
};

fn letters(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect()
}

/// Refuses every request with one of these in it.
async fn picky(bad: &'static [&'static str]) -> Receiver {
    Receiver::start(move |posted| {
        let sent = rules(std::slice::from_ref(posted));
        match bad.iter().any(|it| sent.iter().any(|rule| rule == it)) {
            true => Answer::Is(400, "", "cannot read\nthat".to_owned()),
            false => ok(),
        }
    })
    .await
}

#[tokio::test]
async fn what_is_bad_in_a_batch_is_found_and_kept_and_the_rest_is_delivered() {
    let mut receiver = picky(&["r3", "r4", "r17"]).await;
    receiver.go_away().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = lines(&receiver);
    let path = folder.path().join("refused.jsonl");
    config[0].dead_letters = Some(path.clone());
    let gateway = with(config).await;
    post(&gateway, 0..20).await;
    receiver.come_back().await;
    let status = gateway.settled(20).await;
    assert_eq!((status.delivered, status.refused), (17, 3));
    let kept = letters(&path);
    let refused: Vec<_> = kept
        .iter()
        .map(|it| it["alert"]["rule"].as_str().unwrap())
        .collect();
    assert_eq!(refused, ["r3", "r4", "r17"]);
    assert_eq!(kept[0]["answer"], "HTTP 400: cannot read that");
    assert_eq!(kept[0]["bridge"], "siem");
    let accepted = receiver.posted().into_iter().filter(|it| {
        let sent = rules(std::slice::from_ref(it));
        !sent.iter().any(|it| refused.contains(&it.as_str()))
    });
    let accepted = rules(&accepted.collect::<Vec<_>>());
    let good = numbered(0..20)
        .into_iter()
        .filter(|it| !refused.contains(&it.as_str()));
    assert_eq!(accepted, good.collect::<Vec<_>>());

    let request = pb::ListDeadLettersRequest { limit: 0 };
    let mut client = gateway.operations();
    let told = in_time(client.list_dead_letters(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((told.total, told.dead_letters.len()), (3, 3));
    assert_eq!(told.dead_letters[0].reason, "REFUSED_BY_TARGET");
    assert_eq!(
        told.dead_letters[0].message,
        "bridge siem: HTTP 400: cannot read that"
    );
}

#[tokio::test]
async fn a_dead_letter_goes_into_the_data_folder_unasked() {
    let receiver = picky(&["r0"]).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = Running::in_place(Config {
        bridges: lines(&receiver),
        data_dir: folder.path().to_owned(),
        ..loopback()
    })
    .await;
    post(&gateway, 0..1).await;
    gateway.settled(1).await;
    assert_eq!(
        letters(&folder.path().join("dead-letters/siem.jsonl")).len(),
        1
    );
}

/// Somebody configured a wrong format, say: that must not empty the log into the dead
/// letters.
#[tokio::test]
async fn a_target_that_refuses_everything_is_not_given_everything() {
    let receiver = Receiver::start(|_| Answer::Is(400, "", "no".to_owned())).await;
    let mut config = lines(&receiver);
    config[0].max_backoff.0 = std::time::Duration::from_secs(60);
    let gateway = with(config).await;
    post(&gateway, 0..60).await;
    let stuck = gateway
        .bridge_that(|it| it.state() == BridgeState::Retrying)
        .await;
    assert!(
        stuck
            .detail
            .contains("the target refuses one alert after the other: HTTP 400: no"),
        "{}",
        stuck.detail
    );
    // One more after each pause.
    let most = 16 + stuck.retries;
    assert!((16..=most).contains(&stuck.refused), "{stuck:?}");
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_given_up() {
    let receiver = picky(&["r1"]).await;
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("blocked");
    fs::write(&blocked, "a file where a folder should be").unwrap();
    let mut config = lines(&receiver);
    config[0].dead_letters = Some(blocked.join("siem.jsonl"));
    let gateway = with(config).await;
    post(&gateway, 0..1).await;
    gateway.settled(1).await;
    post(&gateway, 1..3).await;
    let stuck = gateway.bridge_that(|it| it.retries > 1).await;
    assert!(
        stuck.detail.contains("failed to write dead letters to"),
        "{}",
        stuck.detail
    );
    assert_eq!((stuck.delivered, stuck.refused), (1, 0));
    fs::remove_file(&blocked).unwrap();
    let status = gateway.settled(3).await;
    assert_eq!((status.delivered, status.refused), (2, 1));
    assert_eq!(letters(&blocked.join("siem.jsonl")).len(), 1);
}
