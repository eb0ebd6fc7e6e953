//! Pages of history, and single alerts.

use falco_gateway::pb::{self, get_alert_request::Key};

use crate::support::{
    captures::{self, numbered_body},
    gateway::Running,
    in_time,
};

async fn pages(gateway: &Running, request: pb::ListAlertsRequest) -> Vec<pb::AlertRecord> {
    let mut request = request;
    let mut records = Vec::new();
    loop {
        let response = in_time(gateway.alerts().list_alerts(request.clone())).await;
        let page = response.unwrap().into_inner();
        assert!(page.records.len() <= request.page_size as usize);
        records.extend(page.records);
        if page.next_page_token.is_empty() {
            return records;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test]
async fn pages_put_together_are_the_history_in_either_order() {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    for filter in ["", "priority >= error"] {
        let mut all = gateway.all_that_match(filter).await;
        let mut request = pb::ListAlertsRequest {
            filter: filter.to_owned(),
            page_size: 7,
            ..pb::ListAlertsRequest::default()
        };
        request.set_order(pb::ListOrder::OldestFirst);
        assert_eq!(pages(&gateway, request.clone()).await, all);
        all.reverse();
        request.set_order(pb::ListOrder::Unspecified);
        assert_eq!(pages(&gateway, request).await, all);
    }
}

#[tokio::test]
async fn alerts_that_come_while_pages_are_read_do_not_move_them() {
    let gateway = Running::start().await;
    gateway
        .post_all((0..10).map(|number| numbered_body(number, 0)))
        .await;
    let before = gateway.all_that_match("").await;
    let mut request = pb::ListAlertsRequest {
        page_size: 5,
        ..pb::ListAlertsRequest::default()
    };
    let list = gateway.alerts().list_alerts(request.clone()).await;
    let first = list.unwrap().into_inner();
    gateway
        .post_all((10..30).map(|number| numbered_body(number, 0)))
        .await;
    request.page_token = first.next_page_token;
    let second = pages(&gateway, request).await;
    let read: Vec<_> = first.records.into_iter().chain(second).rev().collect();
    assert_eq!(read, before);
}

#[tokio::test]
async fn times_bound_the_history() {
    let gateway = Running::start().await;
    gateway
        .post_all((0..10).map(|number| numbered_body(number, 0)))
        .await;
    let all = gateway.all_that_match("").await;
    let time = |index: usize| all[index].decode_alert().unwrap().receive_time;
    let between = |since, until| pb::ListAlertsRequest {
        page_size: 100,
        since,
        until,
        order: pb::ListOrder::OldestFirst.into(),
        ..pb::ListAlertsRequest::default()
    };
    let expected: Vec<_> = all
        .iter()
        .filter(|record| {
            let at = record.decode_alert().unwrap().receive_time.unwrap();
            let at = (at.seconds, at.nanos);
            let (since, until) = (time(3).unwrap(), time(7).unwrap());
            at >= (since.seconds, since.nanos) && at < (until.seconds, until.nanos)
        })
        .cloned()
        .collect();
    assert_eq!(expected.len(), 4);
    assert_eq!(pages(&gateway, between(time(3), time(7))).await, expected);
    assert_eq!(pages(&gateway, between(time(7), time(3))).await, []);
}

#[tokio::test]
async fn an_alert_is_found_by_id_and_by_cursor() {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    let all = gateway.all_that_match("").await;
    let wanted = &all[42];
    let id = wanted.decode_alert().unwrap().id;
    for key in [
        Key::Id(id.to_uppercase()),
        Key::Id(id),
        Key::Cursor(wanted.cursor.clone()),
    ] {
        let request = pb::GetAlertRequest {
            key: Some(key),
            view: pb::AlertView::Raw.into(),
        };
        let found = in_time(gateway.alerts().get_alert(request)).await.unwrap();
        let record = found.into_inner().record.unwrap();
        let alert = record.decode_alert().unwrap();
        assert_eq!(record.cursor, wanted.cursor);
        assert_eq!(alert.raw, captures::bodies("http.jsonl")[42]);
    }
}

#[tokio::test]
async fn a_page_of_large_alerts_fits_a_clients_message_limit() {
    let gateway = Running::start().await;
    gateway
        .post_all((0..30).map(|number| numbered_body(number, 250_000)))
        .await;
    let mut request = pb::ListAlertsRequest {
        page_size: 1000,
        ..pb::ListAlertsRequest::default()
    };
    request.set_view(pb::AlertView::Raw);
    let records = pages(&gateway, request).await;
    assert_eq!(records.len(), 30);
}
