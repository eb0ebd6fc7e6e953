//! Somebody else takes the bridge's subscription, or changes it.

use falco_gateway::pb::{
    self, BridgeState, subscription_service_client::SubscriptionServiceClient,
    subscription_start::Start,
};

use super::{lines, numbered, post, rules, with};
use crate::support::{
    consumer::{Consumer, named},
    in_time,
    receiver::{Receiver, ok},
};

#[tokio::test]
async fn a_bridge_waits_for_whoever_took_its_subscription_and_goes_on_after_that() {
    let receiver = Receiver::start(|_| ok()).await;
    let gateway = with(lines(&receiver)).await;
    post(&gateway, 0..1).await;
    gateway.settled(1).await;
    let mut other = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    let status = gateway
        .bridge_that(|it| it.state() == BridgeState::Standby)
        .await;
    assert!(!status.detail.is_empty());
    post(&gateway, 1..3).await;
    let (got, cursor) = other.rules(2).await;
    assert_eq!(got, ["r1", "r2"]);
    other.acknowledge_for_good(&cursor).await;
    drop(other);
    post(&gateway, 3..4).await;
    gateway.bridge_that(|it| it.delivered == 2).await;
    assert_eq!(rules(&receiver.posted()), ["r0", "r3"]);
}

#[tokio::test]
async fn what_an_operator_seeks_back_to_is_sent_again() {
    let receiver = Receiver::start(|_| ok()).await;
    let gateway = with(lines(&receiver)).await;
    post(&gateway, 0..5).await;
    gateway.settled(5).await;
    let mut subscriptions = SubscriptionServiceClient::new(gateway.channel());
    let to = Some(pb::SubscriptionStart {
        start: Some(Start::Earliest(())),
    });
    let name = "siem".to_owned();
    let request = pb::SeekSubscriptionRequest { name, to };
    in_time(subscriptions.seek_subscription(request))
        .await
        .unwrap();
    gateway.bridge_that(|it| it.delivered == 10).await;
    let sent = rules(&receiver.posted());
    assert_eq!([&sent[..5], &sent[5..]], [numbered(0..5), numbered(0..5)]);
}

#[tokio::test]
async fn a_subscription_that_was_deleted_is_made_again() {
    let receiver = Receiver::start(|_| ok()).await;
    let gateway = with(lines(&receiver)).await;
    post(&gateway, 0..1).await;
    gateway.settled(1).await;
    let mut subscriptions = SubscriptionServiceClient::new(gateway.channel());
    let name = "siem".to_owned();
    let request = pb::DeleteSubscriptionRequest { name };
    in_time(subscriptions.delete_subscription(request))
        .await
        .unwrap();
    // With what the log has, as it is configured.
    gateway.bridge_that(|it| it.delivered == 2).await;
    assert_eq!(rules(&receiver.posted()), ["r0", "r0"]);
}
