//! Every refusal has a code, a reason for programs and a text for people.

use falco_gateway::pb::{
    self, alert_service_client::AlertServiceClient, get_alert_request::Key,
    stream_alerts_request::Start,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{
    captures::numbered_body,
    gateway::{Running, from_the_start},
    in_time,
};

/// Checks what programs go by.
fn check(status: &Status, code: Code, reason: &str) {
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(
        (status.code(), info.reason.as_str()),
        (code, reason),
        "{status:?}"
    );
    assert_eq!(info.domain, "falcogateway");
    assert!(status.message().len() > 20, "{status:?}");
    assert!(status.details().len() < 4 << 10);
}

async fn refused(gateway: &Running, request: pb::StreamAlertsRequest) -> Status {
    gateway.try_stream(request).await.unwrap_err()
}

#[tokio::test]
async fn filters_that_are_wrong_say_where() {
    let gateway = Running::start().await;
    let cases = [
        ("priority >", "FILTER_SYNTAX"),
        ("priority >= loud", "FILTER_TYPE"),
        ("proc.pid > many", "FILTER_TYPE"),
        (
            &format!("{}rule = a", "(".repeat(100)),
            "FILTER_TOO_COMPLEX",
        ),
        (&"x".repeat(9000), "FILTER_TOO_COMPLEX"),
    ];
    for (filter, reason) in cases {
        let status = refused(&gateway, from_the_start(filter)).await;
        check(&status, Code::InvalidArgument, reason);
        let info = status.get_details_error_info().unwrap();
        assert!(info.metadata.contains_key("position"));
        let request = status.get_details_bad_request().unwrap();
        assert_eq!(request.field_violations[0].field, "filter");
        let list = pb::ListAlertsRequest {
            filter: filter.to_owned(),
            ..pb::ListAlertsRequest::default()
        };
        let status = in_time(gateway.alerts().list_alerts(list))
            .await
            .unwrap_err();
        check(&status, Code::InvalidArgument, reason);
    }
}

#[tokio::test]
async fn cursors_malformed_and_foreign_are_told_apart() {
    let gateway = Running::start().await;
    let other = Running::start().await;
    other.post_all([numbered_body(0, 0)]).await;
    let foreign = other.all_that_match("").await.remove(0).cursor;
    let mut cut = foreign.clone();
    cut.pop();
    let cases = [
        (
            "hello".to_owned(),
            Code::InvalidArgument,
            "CURSOR_MALFORMED",
        ),
        (cut, Code::InvalidArgument, "CURSOR_MALFORMED"),
        (foreign, Code::FailedPrecondition, "CURSOR_FOREIGN_LOG"),
    ];
    for (cursor, code, reason) in cases {
        let request = pb::StreamAlertsRequest {
            start: Some(Start::AfterCursor(cursor.clone())),
            ..pb::StreamAlertsRequest::default()
        };
        check(&refused(&gateway, request).await, code, reason);
        let list = pb::ListAlertsRequest {
            page_token: cursor.clone(),
            ..pb::ListAlertsRequest::default()
        };
        check(
            &in_time(gateway.alerts().list_alerts(list))
                .await
                .unwrap_err(),
            code,
            reason,
        );
        let get = pb::GetAlertRequest {
            key: Some(Key::Cursor(cursor)),
            view: 0,
        };
        check(
            &in_time(gateway.alerts().get_alert(get)).await.unwrap_err(),
            code,
            reason,
        );
    }
}

#[tokio::test]
async fn values_out_of_their_range_are_named() {
    let gateway = Running::start().await;
    let batch = |options| pb::StreamAlertsRequest {
        batch: Some(options),
        ..from_the_start("")
    };
    let cases = [
        (
            batch(pb::BatchOptions {
                max_alerts: 1001,
                ..Default::default()
            }),
            "BAD_WINDOW",
            "batch.max_alerts",
        ),
        (
            batch(pb::BatchOptions {
                max_bytes: 2 << 20,
                ..Default::default()
            }),
            "BAD_WINDOW",
            "batch.max_bytes",
        ),
        (
            batch(pb::BatchOptions {
                max_delay: Some(prost_types::Duration {
                    seconds: 6,
                    nanos: 0,
                }),
                ..Default::default()
            }),
            "BAD_WINDOW",
            "batch.max_delay",
        ),
        (
            pb::StreamAlertsRequest {
                client_label: "x".repeat(129),
                ..from_the_start("")
            },
            "BAD_REQUEST",
            "client_label",
        ),
    ];
    for (request, reason, field) in cases {
        let status = refused(&gateway, request).await;
        check(&status, Code::InvalidArgument, reason);
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, field);
    }
}

#[tokio::test]
async fn a_feature_that_is_not_there_refuses_the_call() {
    let gateway = Running::start().await;
    let request = pb::StreamAlertsRequest {
        required_features: vec!["views".to_owned(), "telepathy".to_owned()],
        ..from_the_start("")
    };
    let status = refused(&gateway, request).await;
    check(&status, Code::FailedPrecondition, "FEATURE_UNSUPPORTED");
    assert!(status.message().contains("telepathy") && !status.message().contains("views"));
}

#[tokio::test]
async fn an_alert_that_is_not_there_is_not_found() {
    let gateway = Running::start().await;
    let get = |key| pb::GetAlertRequest { key, view: 0 };
    let unknown = get(Some(Key::Id("0".repeat(32))));
    let status = in_time(gateway.alerts().get_alert(unknown))
        .await
        .unwrap_err();
    check(&status, Code::NotFound, "ALERT_NOT_FOUND");
    assert!(status.get_details_resource_info().is_some());
    for key in [None, Some(Key::Id("xyz".to_owned()))] {
        let status = in_time(gateway.alerts().get_alert(get(key)))
            .await
            .unwrap_err();
        check(&status, Code::InvalidArgument, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn too_many_streams_are_refused_with_when_to_come_back() {
    let mut config = crate::support::gateway::loopback();
    config.delivery.max_streams = 2;
    let gateway = Running::with(config).await;
    let open = [
        gateway.stream(from_the_start("")).await,
        gateway.stream(from_the_start("")).await,
    ];
    let status = refused(&gateway, from_the_start("")).await;
    check(&status, Code::ResourceExhausted, "STREAM_QUOTA");
    assert!(status.get_details_retry_info().is_some());
    drop(open);
}

#[tokio::test]
async fn a_request_that_is_no_protobuf_costs_nobody_else() {
    let gateway = Running::start().await;
    let mut stream = gateway.stream(from_the_start("")).await;
    stream.opened().await;
    stream.live().await;
    let large = pb::ValidateFilterRequest {
        filter: "x".repeat(5 << 20),
        samples: Vec::new(),
    };
    let mut client = AlertServiceClient::new(gateway.channel());
    let status = in_time(client.validate_filter(large)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    gateway.post_all([numbered_body(1, 0)]).await;
    assert_eq!(stream.records(1).await.len(), 1);
}

/// The page that the protos refer to, and the code.
#[test]
fn every_reason_of_the_code_is_explained() {
    let page = include_str!("../../../docs/errors.md");
    let code = [
        include_str!("../../../src/rpc/status.rs"),
        include_str!("../../../src/rpc/request.rs"),
        include_str!("../../../src/rpc/alert_service.rs"),
        include_str!("../../../src/filter/problem.rs"),
        include_str!("../../../src/normalize/reject.rs"),
        include_str!("../../../src/source/http/answer.rs"),
        include_str!("../../../src/source/http/body.rs"),
        include_str!("../../../src/source/http/access.rs"),
        include_str!("../../../src/source/http/connection.rs"),
        include_str!("../../../src/source/http/receiver.rs"),
        include_str!("../../../src/source/file.rs"),
        include_str!("../../../src/source/file/tail.rs"),
        include_str!("../../../src/source/stdin.rs"),
        include_str!("../../../src/source/falco_grpc/batch.rs"),
        include_str!("../../../src/source/falco_grpc/reader.rs"),
        include_str!("../../../src/source/lines.rs"),
    ];
    let reasons = code
        .iter()
        .flat_map(|file| file.split('"').skip(1).step_by(2))
        .filter(|text| text.len() > 4 && text.contains('_'))
        .filter(|text| text.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    let mut count = 0;
    for reason in reasons {
        assert!(
            page.contains(&format!("`{reason}`")),
            "docs/errors.md lacks {reason}"
        );
        count += 1;
    }
    assert!(count > 20, "{count}");
}
