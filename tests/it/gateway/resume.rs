//! Where a stream starts, and that resuming neither repeats nor skips.

use falco_gateway::{
    pb::{self, stream_alerts_request::Start, stream_frame::Kind},
    units::Size,
};

use crate::support::{
    captures::{self, numbered_body},
    frames::ids,
    gateway::{Running, from_the_start, loopback},
};

fn starting(start: Start) -> pb::StreamAlertsRequest {
    pb::StreamAlertsRequest {
        start: Some(start),
        stop_at_head: true,
        ..pb::StreamAlertsRequest::default()
    }
}

#[tokio::test]
async fn resuming_after_any_record_goes_on_with_the_next() {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    let all = gateway.all_that_match("").await;
    assert_eq!(all.len(), 195);
    for cut in [0, 1, 100, 193, 194] {
        let start = Start::AfterCursor(all[cut].cursor.clone());
        let rest = gateway.stream(starting(start)).await.rest().await;
        assert_eq!(rest, all[cut + 1..]);
    }
}

#[tokio::test]
async fn a_stream_cut_anywhere_goes_on_where_it_was() {
    let gateway = Running::start().await;
    let filter = "priority = critical";
    let mut seen = Vec::new();
    let mut request = from_the_start(filter);
    for round in 0..10 {
        let bodies = (round * 20..round * 20 + 20).map(|number| numbered_body(number, 0));
        let mut stream = gateway.stream(request.clone()).await;
        let posting = gateway.post_all(bodies);
        let (records, ()) = tokio::join!(stream.records(5 + round % 3), posting);
        seen.extend(records);
        let cursor = seen.last().unwrap().cursor.clone();
        request.start = Some(Start::AfterCursor(cursor));
    }
    request.stop_at_head = true;
    seen.extend(gateway.stream(request).await.rest().await);
    assert_eq!(seen, gateway.all_that_match(filter).await);
    assert_eq!(seen.len(), 100);
}

#[tokio::test]
async fn every_start_is_honoured() {
    let gateway = Running::start().await;
    gateway
        .post_all((0..10).map(|number| numbered_body(number, 0)))
        .await;
    let all = gateway.all_that_match("").await;
    let fifth = all[5].decode_alert().unwrap().receive_time.unwrap();
    let since = gateway
        .stream(starting(Start::Since(fifth)))
        .await
        .rest()
        .await;
    let later = all
        .iter()
        .position(|record| record.decode_alert().unwrap().receive_time.unwrap() == fifth);
    assert_eq!(since, all[later.unwrap()..]);
    let last = gateway.stream(starting(Start::Last(3))).await.rest().await;
    assert_eq!(last, all[7..]);
    let latest = gateway
        .stream(starting(Start::Latest(())))
        .await
        .rest()
        .await;
    assert_eq!(latest, []);
    let none = pb::StreamAlertsRequest {
        start: None,
        ..starting(Start::Latest(()))
    };
    assert_eq!(gateway.stream(none).await.rest().await, []);
}

#[tokio::test]
async fn last_counts_alerts_that_match() {
    let gateway = Running::start().await;
    gateway
        .post_all((0..20).map(|number| numbered_body(number, 0)))
        .await;
    let request = pb::StreamAlertsRequest {
        filter: "priority = critical".to_owned(),
        ..starting(Start::Last(4))
    };
    let last = gateway.stream(request).await.rest().await;
    let rules: Vec<_> = last
        .iter()
        .map(|it| it.decode_alert().unwrap().rule)
        .collect();
    assert_eq!(rules, ["r13", "r15", "r17", "r19"]);
}

#[tokio::test]
async fn a_gap_is_told_in_its_place_and_exactly() {
    let mut config = loopback();
    config.log.retention_bytes = Size(64 << 10);
    let gateway = Running::with(config).await;
    gateway.post_all([numbered_body(0, 0)]).await;
    let first = gateway.all_that_match("").await;
    gateway
        .post_all((1..100).map(|number| numbered_body(number, 2000)))
        .await;
    let left = gateway.all_that_match("").await;
    assert!(left.len() < 50, "{} are left", left.len());
    let mut request = starting(Start::AfterCursor(first[0].cursor.clone()));
    let refused = gateway.try_stream(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::OutOfRange);
    request.set_on_expired_cursor(pb::OnExpiredCursor::Earliest);
    let mut stream = gateway.stream(request.clone()).await;
    let loss = stream.loss().await;
    assert_eq!(loss.cause(), pb::LossCause::Retention);
    assert_eq!(loss.after_cursor, first[0].cursor);
    assert_eq!(
        (loss.lost, loss.lower_bound),
        (99 - left.len() as u64, false)
    );
    assert_eq!(ids(&stream.rest().await), ids(&left));
    request.set_on_expired_cursor(pb::OnExpiredCursor::Latest);
    let mut stream = gateway.stream(request).await;
    assert_eq!(stream.loss().await.lost, 99);
    assert_eq!(stream.rest().await, []);
}

#[tokio::test]
async fn the_states_frame_the_history() {
    let gateway = Running::start().await;
    gateway.post_all([numbered_body(0, 0)]).await;
    let mut stream = gateway.stream(starting(Start::Earliest(()))).await;
    let mut kinds = Vec::new();
    while let Some(kind) = stream.try_next().await.unwrap() {
        kinds.push(match kind {
            Kind::Opened(_) => "opened".to_owned(),
            Kind::StateChange(change) => format!("{:?}", change.state()),
            Kind::Alerts(batch) => format!("{} alerts", batch.records.len()),
            Kind::Closing(closing) => format!("{:?}", closing.reason()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(
        kinds,
        ["opened", "CatchingUp", "1 alerts", "Live", "ReachedHead"]
    );
}
