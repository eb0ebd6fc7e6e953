//! Targets that answer for each alert, played by their published protocols; the real ones
//! are in `tests/receivers`.

use std::collections::BTreeSet;

use super::{bridges, numbered, post, post_at_once, with};
use crate::support::receiver::{Answer, Posted, Receiver};

/// Posts r0 to r9 at once to `receiver`, which the bridge of this YAML reaches at ADDRESS.
async fn bridged(receiver: &Receiver, yaml: &str) -> falco_gateway::pb::BridgeStatus {
    let yaml = yaml.replace("ADDRESS", &receiver.address.to_string());
    let gateway = with(bridges(&format!(
        "- name: siem\n  max_backoff: 50ms\n  {yaml}\n"
    )))
    .await;
    post_at_once(&gateway, 0..10).await;
    gateway.settled(10).await
}

/// The rules of the documents in a `_bulk`.
fn documents(posted: &Posted) -> Vec<String> {
    let lines = posted.body.lines().skip(1).step_by(2);
    lines
        .map(|it| {
            let document: serde_json::Value = serde_json::from_str(it).unwrap();
            document["rule"]["name"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn of_a_bulk_only_what_was_not_taken_is_sent_again() {
    let mut busy = BTreeSet::from(["r2", "r7"]);
    let receiver = Receiver::start(move |posted| {
        let items: Vec<_> = documents(posted)
            .iter()
            .map(|rule| {
                let status = match rule.as_str() {
                    "r4" => 400,
                    "r5" => 409,
                    rule if busy.remove(rule) => 429,
                    _ => 201,
                };
                format!(r#"{{"create":{{"status":{status},"error":{{"type":"of {rule}"}}}}}}"#)
            })
            .collect();
        let body = format!(
            r#"{{"took":1,"errors":true,"items":[{}]}}"#,
            items.join(",")
        );
        Answer::Is(200, "", body)
    })
    .await;
    let yaml = "elasticsearch: {url: \"http://ADDRESS\", index: falco, user: me, password: secret}";
    let status = bridged(&receiver, yaml).await;
    assert_eq!(
        (status.delivered, status.refused, status.retries),
        (9, 1, 1)
    );
    let posted = receiver.posted();
    assert_eq!(documents(&posted[0]), numbered(0..10));
    assert_eq!(documents(&posted[1]), ["r2", "r7"]);
    assert_eq!(posted.len(), 2);
    assert!(posted[0].head.starts_with("post /falco/_bulk http/1.1"));
    // me:secret
    assert!(posted[0].head.contains("authorization: basic bwu6c2vjcmv0"));
    let action: serde_json::Value =
        serde_json::from_str(posted[0].body.lines().next().unwrap()).unwrap();
    assert_eq!(action["create"]["_id"].as_str().unwrap().len(), 32);
}

/// The rules of the events of a request.
fn events(posted: &Posted) -> Vec<String> {
    posted
        .body
        .lines()
        .map(|it| {
            let event: serde_json::Value = serde_json::from_str(it).unwrap();
            event["event"]["rule"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn beside_a_bad_event_all_others_are_sent_again() {
    let receiver =
        Receiver::start(
            |posted| match events(posted).iter().position(|it| it == "r3") {
                None => Answer::Is(200, "", r#"{"text":"Success","code":0}"#.into()),
                Some(at) => Answer::Is(
                    400,
                    "",
                    format!(
                        r#"{{"text":"Invalid data format","code":6,"invalid-event-number":{at}}}"#
                    ),
                ),
            },
        )
        .await;
    let status = bridged(&receiver, "splunk_hec: {url: \"http://ADDRESS\", token: t}").await;
    assert_eq!(
        (status.delivered, status.refused, status.retries),
        (9, 1, 0)
    );
    let posted = receiver.posted();
    assert_eq!(events(&posted[0]), numbered(0..10));
    assert_eq!(
        events(&posted[1]),
        [numbered(0..3), numbered(4..10)].concat()
    );
    assert!(
        posted[0]
            .head
            .starts_with("post /services/collector/event http/1.1")
    );
    assert!(posted[0].head.contains("authorization: splunk t\r\n"));
    assert!(posted[0].head.contains("x-splunk-request-channel: "));
}

/// With indexer acknowledgement "success" says only that the event is on its way.
#[tokio::test]
async fn what_the_indexers_do_not_acknowledge_is_sent_again() {
    let mut asked = 0;
    let receiver = Receiver::start(move |posted| {
        if posted.head.starts_with("post /services/collector/ack ") {
            asked += 1;
            assert!(posted.body.contains("7"));
            // Those of the first request are lost in the indexers.
            let is_there = asked > 3 && posted.number > 4;
            return Answer::Is(200, "", format!(r#"{{"acks":{{"7":{is_there}}}}}"#));
        }
        Answer::Is(200, "", r#"{"text":"Success","code":0,"ackId":7}"#.into())
    })
    .await;
    let yaml = "splunk_hec: {url: \"http://ADDRESS\", token: t, ack_timeout: 700ms}";
    let status = bridged(&receiver, yaml).await;
    assert_eq!((status.delivered, status.retries), (10, 1));
    let sent: Vec<_> = receiver
        .posted()
        .into_iter()
        .filter(|it| it.head.starts_with("post /services/collector/event "))
        .collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].body, sent[1].body);
    // Acknowledgements are of a channel, which a new connection has anew.
    let channel = |it: &Posted| it.head.split_once("channel: ").unwrap().1[..36].to_owned();
    assert_ne!(channel(&sent[0]), channel(&sent[1]));
}

#[tokio::test]
async fn a_proxy_that_answers_for_a_target_is_not_taken_for_it() {
    for yaml in [
        "elasticsearch: {url: \"http://ADDRESS\"}",
        "otlp: {endpoint: \"http://ADDRESS\", protocol: http}",
    ] {
        let receiver = Receiver::start(|_| Answer::Is(200, "", "<html>Log in</html>".into())).await;
        let yaml = yaml.replace("ADDRESS", &receiver.address.to_string());
        let gateway = with(bridges(&format!("- name: siem\n  {yaml}\n"))).await;
        post(&gateway, 0..1).await;
        let status = gateway.bridge_that(|it| it.retries > 0).await;
        assert!(
            status.detail.contains("what answered is no"),
            "{}",
            status.detail
        );
        assert_eq!((status.delivered, status.refused), (0, 0));
    }
}
