//! How much of it: quotas, views, history.

use falco_gateway::pb::{
    self, alert_service_client::AlertServiceClient, stream_alerts_request::Start,
    subscription_service_client::SubscriptionServiceClient,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{
    captures::numbered_body,
    credentials::{Credentials, token},
    frames::Frames,
    gateway::{Running, from_the_start},
    in_time,
};

/// A gateway, and its only client, whose grant has this.
async fn granted(
    rest: &str,
) -> (
    Running,
    AlertServiceClient<falco_gateway::client::Connection>,
) {
    let mut credentials = Credentials::new();
    credentials.add_token("ann");
    credentials.grant(&format!(
        "{{name: ann, to: ['token:ann'], may: [read, consume], {rest}}}"
    ));
    let gateway = Running::with(credentials.config()).await;
    let connection = credentials.with_token(&gateway, &token("ann"));
    // The token is read with every call.
    std::mem::forget(credentials);
    (gateway, AlertServiceClient::new(connection))
}

fn reason(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let reason = details.error_info().unwrap().reason.clone();
    (status.code(), reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_calls_are_bounded_for_each_identity() {
    let (_gateway, mut client) = granted("quota: {streams: 2, filter_predicates: 2}").await;
    let open = async |client: &mut AlertServiceClient<_>| {
        in_time(client.stream_alerts(from_the_start(""))).await
    };
    let first = open(&mut client).await.unwrap();
    let _second = open(&mut client).await.unwrap();
    let refused = open(&mut client).await.unwrap_err();
    let wanted = (Code::ResourceExhausted, "STREAM_QUOTA".to_owned());
    assert_eq!(reason(&refused), wanted);
    assert!(refused.get_error_details().retry_info().is_some());
    drop(first);
    // Its end is noticed when the connection says so.
    in_time(async {
        while open(&mut client).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let list = |filter: &str| pb::ListAlertsRequest {
        filter: filter.to_owned(),
        ..Default::default()
    };
    client
        .list_alerts(list("rule = a or rule = b"))
        .await
        .unwrap();
    let refused = client
        .list_alerts(list("rule = a or rule = b or rule = c"))
        .await;
    let wanted = (Code::InvalidArgument, "FILTER_TOO_COMPLEX".to_owned());
    assert_eq!(reason(&refused.unwrap_err()), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_too_often_is_told_how_long_to_wait() {
    let (_gateway, mut client) = granted("quota: {calls_per_second: 5}").await;
    let mut refused = None;
    for _ in 0..50 {
        let answer = client.list_alerts(pb::ListAlertsRequest::default()).await;
        refused = refused.or(answer.err());
    }
    let refused = refused.unwrap();
    assert_eq!(
        reason(&refused),
        (Code::ResourceExhausted, "RATE_QUOTA".to_owned())
    );
    let details = refused.get_error_details();
    let wait = details.retry_info().unwrap().retry_delay.unwrap();
    assert!(wait.as_millis() > 0 && wait.as_secs() < 2, "{wait:?}");
    tokio::time::sleep(wait).await;
    client
        .list_alerts(pb::ListAlertsRequest::default())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_is_not_granted_is_denied_and_the_usual_one_is_given() {
    let (gateway, mut client) = granted("views: [basic]").await;
    gateway.post_all([numbered_body(1, 0)]).await;
    let request = |view: pb::AlertView| pb::StreamAlertsRequest {
        view: view.into(),
        ..from_the_start("")
    };
    let mut frames = Frames::new(
        in_time(client.stream_alerts(request(pb::AlertView::Unspecified)))
            .await
            .unwrap()
            .into_inner(),
    );
    assert_eq!(frames.opened().await.view(), pb::AlertView::Basic);
    let records = frames.records(1).await;
    assert!(records[0].decode_alert().unwrap().output_fields.is_empty());
    for view in [pb::AlertView::Full, pb::AlertView::Raw] {
        let refused = client.stream_alerts(request(view)).await.unwrap_err();
        assert_eq!(
            reason(&refused),
            (Code::PermissionDenied, "VIEW_DENIED".to_owned())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_as_deep_as_it_is_granted() {
    let (gateway, mut client) = granted("history: 2s").await;
    gateway.post_all([numbered_body(1, 0)]).await;
    let mut frames = Frames::new(
        client
            .stream_alerts(from_the_start(""))
            .await
            .unwrap()
            .into_inner(),
    );
    let old = frames.records(1).await.remove(0);
    let old_id = old.decode_alert().unwrap().id;
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    gateway.post_all([numbered_body(2, 0)]).await;
    // A stream that was open goes on, and the past is out of reach.
    assert_eq!(frames.records(1).await.len(), 1);
    let page = client
        .list_alerts(pb::ListAlertsRequest::default())
        .await
        .unwrap();
    assert_eq!(page.into_inner().records.len(), 1);
    for key in [
        pb::get_alert_request::Key::Id(old_id),
        pb::get_alert_request::Key::Cursor(old.cursor.clone()),
    ] {
        let request = pb::GetAlertRequest {
            key: Some(key),
            view: 0,
        };
        let refused = client.get_alert(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    let epoch = prost_types::Timestamp::default();
    for start in [Start::Earliest(()), Start::Since(epoch), Start::Last(10)] {
        let request = pb::StreamAlertsRequest {
            start: Some(start),
            stop_at_head: true,
            ..Default::default()
        };
        let answer = in_time(client.stream_alerts(request)).await.unwrap();
        let rest = Frames::new(answer.into_inner()).rest().await;
        assert_eq!(rest.len(), 1);
    }
    let resume = pb::StreamAlertsRequest {
        start: Some(Start::AfterCursor(old.cursor)),
        ..Default::default()
    };
    // What comes after the old one is still within reach.
    client.stream_alerts(resume).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_has_so_many_subscriptions() {
    let mut credentials = Credentials::new();
    for name in ["ann", "bea"] {
        credentials.add_token(name);
        credentials.grant(&format!(
            "{{name: {name}, to: ['token:{name}'], may: [consume], quota: {{subscriptions: 1}}}}"
        ));
    }
    let gateway = Running::with(credentials.config()).await;
    let create = async |who: &str, name: &str| {
        let connection = credentials.with_token(&gateway, &token(who));
        let request = pb::CreateSubscriptionRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        SubscriptionServiceClient::new(connection)
            .create_subscription(request)
            .await
    };
    // The same name is another one to somebody else.
    create("ann", "siem").await.unwrap();
    create("bea", "siem").await.unwrap();
    let refused = create("ann", "other").await.unwrap_err();
    let wanted = (Code::ResourceExhausted, "SUBSCRIPTION_QUOTA".to_owned());
    assert_eq!(reason(&refused), wanted);
}
