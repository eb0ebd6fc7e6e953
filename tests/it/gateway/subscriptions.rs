//! Durable subscriptions: the gateway keeps the position.

use std::time::Duration;

use falco_gateway::{
    pb::{
        self, ClosingReason, PullAlertsRequest, stream_frame::Kind, subscription_service_client,
        subscription_start::Start,
    },
    units::Size,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

use crate::support::{
    captures::numbered_body,
    consumer::{Consumer, named},
    gateway::{Running, loopback},
    in_time,
    process::Process,
};

type Client = subscription_service_client::SubscriptionServiceClient<Channel>;

fn client(gateway: &Running) -> Client {
    Client::new(gateway.channel())
}

fn from(start: Start) -> Option<pb::SubscriptionStart> {
    Some(pb::SubscriptionStart { start: Some(start) })
}

async fn create(mut client: Client, name: &str, filter: &str) -> pb::Subscription {
    let request = pb::CreateSubscriptionRequest {
        name: name.to_owned(),
        filter: filter.to_owned(),
        start: from(Start::Earliest(())),
    };
    let created = in_time(client.create_subscription(request)).await.unwrap();
    created.into_inner().subscription.unwrap()
}

async fn get(mut client: Client, name: &str) -> pb::Subscription {
    let name = name.to_owned();
    let got = in_time(client.get_subscription(pb::GetSubscriptionRequest { name })).await;
    got.unwrap().into_inner().subscription.unwrap()
}

async fn post(gateway: &Running, numbers: std::ops::Range<usize>) {
    gateway
        .post_all(numbers.map(|number| numbered_body(number, 0)))
        .await;
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("r{number}")).collect()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_and_nothing_else_does() {
    let gateway = Running::start().await;
    create(client(&gateway), "siem", "").await;
    post(&gateway, 0..10).await;
    let mut first = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    let (rules, _) = first.rules(4).await;
    assert_eq!(rules, numbered(0..4));
    let (_, fifth) = first.rules(1).await;
    first.acknowledge_for_good(&fifth).await;
    drop(first);

    let mut second = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    let (rules, last) = second.rules(5).await;
    assert_eq!(rules, numbered(5..10));
    post(&gateway, 10..12).await;
    assert_eq!(second.rules(2).await.0, numbered(10..12));
    second.acknowledge_for_good(&last).await;
    let status = get(client(&gateway), "siem").await;
    assert_eq!((status.cursor, status.lag), (last, Some(2)));
    assert_eq!(status.consumer.unwrap().outstanding, 2);
    assert!(status.lag_since.is_some());
}

#[tokio::test]
async fn what_was_confirmed_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Process::start(folder.path(), "{}").await;
    let client = Client::new(gateway.channel());
    create(client, "siem", "priority = critical").await;
    let bodies = (0..20).map(|number| numbered_body(number, 0));
    let mut http = crate::support::http::Client::connect(gateway.http).await;
    for body in bodies {
        assert_eq!(http.post("", body).await.status, 200);
    }
    let mut consumer = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    let (_, cursor) = consumer.rules(4).await;
    consumer.frames.records(6).await;
    consumer.acknowledge_for_good(&cursor).await;
    let old = get(Client::new(gateway.channel()), "siem").await;
    gateway.kill().await;

    let gateway = Process::start(folder.path(), "{}").await;
    let kept = get(Client::new(gateway.channel()), "siem").await;
    assert_eq!(
        (kept.filter.as_str(), kept.lag),
        ("priority = critical", Some(12))
    );
    assert_eq!(kept.create_time, old.create_time);
    let mut consumer = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    let (rules, _) = consumer.rules(6).await;
    assert_eq!(rules, ["r9", "r11", "r13", "r15", "r17", "r19"]);
    let new = get(Client::new(gateway.channel()), "siem").await.consumer;
    assert!(new.unwrap().epoch > old.consumer.unwrap().epoch);
    gateway.kill().await;
}

#[tokio::test]
async fn a_full_window_pauses_the_delivery_and_says_that_all_is_well() {
    let gateway = Running::start().await;
    create(client(&gateway), "siem", "").await;
    post(&gateway, 0..20).await;
    let open = pb::ConsumeOpen {
        window_alerts: 8,
        heartbeat_interval: Some(prost_types::Duration {
            seconds: 1,
            nanos: 0,
        }),
        ..named("siem")
    };
    let mut consumer = Consumer::open(gateway.channel(), open).await.unwrap();
    let (rules, last) = consumer.rules(8).await;
    assert_eq!(rules, numbered(0..8));
    let beat = consumer.frames.find(|kind| match kind {
        Kind::Heartbeat(beat) => Some(beat),
        Kind::Alerts(batch) => panic!("{} more than the window", batch.records.len()),
        _ => None,
    });
    assert_eq!(beat.await.lag, Some(12));
    consumer.acknowledge(&last).await;
    assert_eq!(consumer.rules(8).await.0, numbered(8..16));
}

#[tokio::test]
async fn the_newest_consumer_wins() {
    let gateway = Running::start().await;
    create(client(&gateway), "siem", "").await;
    post(&gateway, 0..3).await;
    let mut first = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    let (_, cursor) = first.rules(3).await;
    let open = pb::ConsumeOpen {
        client_label: "second".to_owned(),
        ..named("siem")
    };
    let mut second = Consumer::open(gateway.channel(), open).await.unwrap();
    let (_, ended) = first.end().await;
    let ended = ended.unwrap_err();
    assert_eq!(
        (ended.code(), reason(&ended)),
        (Code::Aborted, "CONSUMER_SUPERSEDED".into())
    );
    assert!(ended.message().contains("second"), "{}", ended.message());
    // What the first had, the second has, and acknowledges.
    assert_eq!(second.rules(3).await.0, numbered(0..3));
    second.acknowledge_for_good(&cursor).await;
}

#[tokio::test]
async fn what_nothing_is_for_needs_no_acknowledgement() {
    let gateway = Running::start().await;
    create(client(&gateway), "narrow", "rule = r99").await;
    let open = pb::ConsumeOpen {
        heartbeat_interval: Some(prost_types::Duration {
            seconds: 1,
            nanos: 0,
        }),
        ..named("narrow")
    };
    let mut consumer = Consumer::open(gateway.channel(), open).await.unwrap();
    consumer.frames.live().await;
    post(&gateway, 0..10).await;
    let head = gateway.info().await.log.unwrap().head_cursor;
    while consumer.confirmed().await != head {}
    assert_eq!(get(client(&gateway), "narrow").await.lag, Some(0));
}

/// With a log of 4 MiB, which 300 alerts of this size do not fit into.
const LARGE: usize = 30_000;

async fn small() -> Running {
    let mut config = loopback();
    config.log.retention_bytes = Size(4 << 20);
    Running::with(config).await
}

#[tokio::test]
async fn what_it_lost_while_nobody_was_there_is_told_exactly_until_that_is_acknowledged() {
    let gateway = small().await;
    create(client(&gateway), "siem", "priority = critical").await;
    let bodies = (0..300).map(|number| numbered_body(number, LARGE));
    gateway.post_all(bodies).await;
    let lost = get(client(&gateway), "siem").await.lost;
    assert!(lost > 0);
    // Also with room for one alert only: the notice takes none.
    for window_alerts in [1, 0] {
        let open = pb::ConsumeOpen {
            window_alerts,
            ..named("siem")
        };
        let mut consumer = Consumer::open(gateway.channel(), open).await.unwrap();
        let loss = consumer.frames.loss().await;
        assert_eq!((loss.lost, loss.lower_bound), (lost, false));
        assert_eq!(loss.cause(), pb::LossCause::Retention);
        let (rules, _) = consumer.rules(1).await;
        // Every other one is critical: r1, r3, and so on.
        assert_eq!(rules, [format!("r{}", 2 * lost + 1)]);
    }
    let mut consumer = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    consumer.frames.loss().await;
    let left = usize::try_from(150 - lost).unwrap();
    let (_, last) = consumer.rules(left).await;
    consumer.acknowledge_for_good(&last).await;
    let status = get(client(&gateway), "siem").await;
    assert_eq!((status.lost, status.lag), (0, Some(0)));
    drop(consumer);
    post(&gateway, 301..302).await;
    let mut consumer = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    consumer.frames.opened().await;
    assert!(!matches!(consumer.frames.next().await, Kind::Loss(_)));
    assert_eq!(consumer.rules(1).await.0, ["r301"]);
}

#[tokio::test]
async fn another_filter_leaves_the_position_and_another_position_the_filter() {
    let gateway = Running::start().await;
    create(client(&gateway), "siem", "priority = critical").await;
    post(&gateway, 0..10).await;
    let mut consumer = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    let (_, cursor) = consumer.rules(2).await;
    consumer.frames.records(3).await;
    consumer.acknowledge_for_good(&cursor).await;
    let changed = pb::UpdateSubscriptionRequest {
        subscription: Some(pb::Subscription {
            name: "siem".to_owned(),
            filter: "priority = notice".to_owned(),
            ..pb::Subscription::default()
        }),
        update_mask: None,
    };
    let updated = client(&gateway).update_subscription(changed).await.unwrap();
    let updated = updated.into_inner().subscription.unwrap();
    assert_eq!(
        (updated.filter.as_str(), &updated.cursor),
        ("priority = notice", &cursor)
    );
    let (closing, ended) = consumer.end().await;
    assert_eq!(closing, Some(ClosingReason::SubscriptionChanged));
    ended.unwrap();

    let mut consumer = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    assert_eq!(consumer.rules(3).await.0, ["r4", "r6", "r8"]);
    let seek = pb::SeekSubscriptionRequest {
        name: "siem".to_owned(),
        to: from(Start::Earliest(())),
    };
    client(&gateway).seek_subscription(seek).await.unwrap();
    assert_eq!(
        consumer.end().await.0,
        Some(ClosingReason::SubscriptionChanged)
    );
    let mut consumer = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    assert_eq!(consumer.rules(5).await.0, ["r0", "r2", "r4", "r6", "r8"]);

    let name = "siem".to_owned();
    let delete = pb::DeleteSubscriptionRequest { name };
    client(&gateway).delete_subscription(delete).await.unwrap();
    let gone = consumer.end().await.1.unwrap_err();
    assert_eq!(reason(&gone), "SUBSCRIPTION_NOT_FOUND");
    let list = pb::ListSubscriptionsRequest {};
    let list = client(&gateway).list_subscriptions(list).await.unwrap();
    assert_eq!(list.into_inner().subscriptions, []);
}

fn pull(epoch: u64) -> PullAlertsRequest {
    PullAlertsRequest {
        name: "cron".to_owned(),
        max_alerts: 4,
        epoch,
        ..PullAlertsRequest::default()
    }
}

async fn pulled(gateway: &Running, request: PullAlertsRequest) -> pb::PullAlertsResponse {
    let pulled = in_time(client(gateway).pull_alerts(request)).await;
    pulled.unwrap().into_inner()
}

fn rules(pulled: &pb::PullAlertsResponse) -> Vec<String> {
    let alerts = crate::support::frames::alerts(&pulled.records);
    alerts.into_iter().map(|alert| alert.rule).collect()
}

async fn acknowledge(gateway: &Running, pulled: &pb::PullAlertsResponse) -> Result<String, Status> {
    let request = pb::AcknowledgeAlertsRequest {
        name: "cron".to_owned(),
        cursor: pulled.cursor.clone(),
        epoch: pulled.epoch,
    };
    let done = in_time(client(gateway).acknowledge_alerts(request)).await?;
    Ok(done.into_inner().cursor)
}

#[tokio::test]
async fn alerts_are_pulled_and_acknowledged_one_call_after_the_other() {
    let gateway = Running::start().await;
    create(client(&gateway), "cron", "").await;
    post(&gateway, 0..6).await;
    let first = pulled(&gateway, pull(0)).await;
    assert_eq!(rules(&first), numbered(0..4));
    // Not acknowledged, so they come again.
    assert_eq!(
        pulled(&gateway, pull(first.epoch)).await.records,
        first.records
    );
    assert_eq!(acknowledge(&gateway, &first).await.unwrap(), first.cursor);
    let second = pulled(&gateway, pull(first.epoch)).await;
    assert_eq!(rules(&second), numbered(4..6));
    acknowledge(&gateway, &second).await.unwrap();
    assert_eq!(rules(&pulled(&gateway, pull(first.epoch)).await).len(), 0);
    // Who waits gets what comes.
    let waiting = PullAlertsRequest {
        max_wait: Some(prost_types::Duration {
            seconds: 20,
            nanos: 0,
        }),
        ..pull(first.epoch)
    };
    let (waited, ()) = tokio::join!(pulled(&gateway, waiting), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        post(&gateway, 6..7).await;
    });
    assert_eq!(rules(&waited), numbered(6..7));
    assert_eq!(get(client(&gateway), "cron").await.lag, Some(1));
}

#[tokio::test]
async fn a_late_acknowledgement_is_fenced() {
    let gateway = Running::start().await;
    create(client(&gateway), "cron", "").await;
    post(&gateway, 0..3).await;
    let late = pulled(&gateway, pull(0)).await;
    let mut other = Consumer::open(gateway.channel(), named("cron"))
        .await
        .unwrap();
    other.rules(3).await;
    let refused = acknowledge(&gateway, &late).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Aborted, "CONSUMER_SUPERSEDED".into())
    );
    let refused = in_time(client(&gateway).pull_alerts(pull(late.epoch))).await;
    assert_eq!(refused.unwrap_err().code(), Code::Aborted);
    // Who says that it takes over does.
    let again = pulled(&gateway, pull(0)).await;
    assert_eq!(rules(&again), numbered(0..3));
    assert_eq!(other.end().await.1.unwrap_err().code(), Code::Aborted);
    acknowledge(&gateway, &again).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_reason() {
    let mut config = loopback();
    config.delivery.max_subscriptions = 1;
    let gateway = Running::with(config).await;
    create(client(&gateway), "cron", "").await;
    post(&gateway, 0..3).await;
    let wanted = |name: &str| pb::CreateSubscriptionRequest {
        name: name.to_owned(),
        ..pb::CreateSubscriptionRequest::default()
    };
    for (name, wanted_reason) in [
        ("cron", "SUBSCRIPTION_EXISTS"),
        ("other", "SUBSCRIPTION_QUOTA"),
        ("Upper", "BAD_REQUEST"),
        ("", "BAD_REQUEST"),
    ] {
        let refused = client(&gateway).create_subscription(wanted(name)).await;
        assert_eq!(reason(&refused.unwrap_err()), wanted_reason, "{name:?}");
    }
    let missing = Consumer::open(gateway.channel(), named("missing")).await;
    assert_eq!(reason(&missing.err().unwrap()), "SUBSCRIPTION_NOT_FOUND");

    let open = pb::ConsumeOpen {
        window_alerts: 2,
        ..named("cron")
    };
    let mut consumer = Consumer::open(gateway.channel(), open).await.unwrap();
    consumer.rules(2).await;
    let head = gateway.info().await.log.unwrap().head_cursor;
    consumer.acknowledge(&head).await;
    let refused = consumer.end().await.1.unwrap_err();
    assert_eq!(reason(&refused), "ACK_NOT_DELIVERED");
}

#[tokio::test]
async fn a_consumer_is_told_of_the_end_and_goes_on_after_it() {
    let gateway = Running::start().await;
    create(client(&gateway), "siem", "").await;
    post(&gateway, 0..5).await;
    let mut consumer = Consumer::open(gateway.channel(), named("siem"))
        .await
        .unwrap();
    consumer.rules(5).await;
    gateway.begin_shutdown();
    let (closing, ended) = consumer.end().await;
    assert_eq!(closing, Some(ClosingReason::Draining));
    ended.unwrap();
    gateway.stopped().await;
}

#[tokio::test]
async fn what_is_acknowledged_late_is_taken_off_what_is_lost() {
    for is_looked_at in [false, true] {
        let gateway = small().await;
        create(client(&gateway), "siem", "priority = critical").await;
        let post = async |numbers: std::ops::Range<usize>| {
            let bodies = numbers.map(|number| numbered_body(number, LARGE));
            gateway.post_all(bodies).await;
        };
        post(0..40).await;
        let mut consumer = Consumer::open(gateway.channel(), named("siem"))
            .await
            .unwrap();
        let (_, fifth) = consumer.rules(5).await;
        consumer.frames.records(15).await;
        // Retention takes all of these, while they are outstanding.
        post(40..340).await;
        if is_looked_at {
            assert!(get(client(&gateway), "siem").await.lost > 20);
        }
        consumer.acknowledge(&fifth).await;
        let confirmed = consumer.frames.find(|kind| match kind {
            Kind::AckConfirmed(confirmed) => Some(confirmed.cursor),
            _ => None,
        });
        assert_eq!(confirmed.await, fifth);
        drop(consumer);
        let mut consumer = Consumer::open(gateway.channel(), named("siem"))
            .await
            .unwrap();
        let loss = consumer.frames.loss().await;
        let left = gateway.all_that_match("priority = critical").await;
        assert_eq!(
            (loss.lost, loss.lower_bound),
            (165 - left.len() as u64, false)
        );
        gateway.stopped().await;
    }
}

#[tokio::test]
async fn a_full_window_does_not_hide_the_end() {
    let gateway = Running::start().await;
    create(client(&gateway), "siem", "").await;
    post(&gateway, 0..10).await;
    let open = pb::ConsumeOpen {
        window_alerts: 2,
        ..named("siem")
    };
    let mut consumer = Consumer::open(gateway.channel(), open).await.unwrap();
    consumer.rules(2).await;
    gateway.begin_shutdown();
    assert_eq!(consumer.end().await.0, Some(ClosingReason::Draining));
    gateway.stopped().await;
}

#[tokio::test]
async fn whoever_waits_is_told_when_the_subscription_goes() {
    let gateway = Running::start().await;
    create(client(&gateway), "cron", "").await;
    let epoch = pulled(&gateway, pull(0)).await.epoch;
    let waiting = PullAlertsRequest {
        max_wait: Some(prost_types::Duration {
            seconds: 50,
            nanos: 0,
        }),
        ..pull(epoch)
    };
    let mut waiter = client(&gateway);
    let delete = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let name = "cron".to_owned();
        let request = pb::DeleteSubscriptionRequest { name };
        client(&gateway).delete_subscription(request).await.unwrap();
    };
    let (waited, ()) = tokio::join!(in_time(waiter.pull_alerts(waiting)), delete);
    assert_eq!(reason(&waited.unwrap_err()), "CONSUMER_SUPERSEDED");
    // Another one of the name has epochs of its own.
    create(client(&gateway), "cron", "").await;
    assert!(pulled(&gateway, pull(0)).await.epoch > epoch);
}
