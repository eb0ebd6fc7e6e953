//! What operators and tools ask for.

use falco_gateway::pb;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{
    captures::{self, numbered_body},
    gateway::{Running, from_the_start},
    in_time,
};

#[tokio::test]
async fn the_gateway_says_what_it_holds_and_what_it_can() {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    let info = gateway.info().await;
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    let log = info.log.unwrap();
    assert_eq!((log.alerts, log.appended, log.durable), (195, 195, true));
    assert!(log.bytes > 100_000 && log.bytes < log.retention_bytes);
    let all = gateway.all_that_match("").await;
    assert_eq!(log.head_cursor, all[194].cursor);
    let limits = info.limits.unwrap();
    assert_eq!(limits.max_filter_bytes, 8 << 10);
}

#[tokio::test]
async fn sources_and_streams_are_listed() {
    let gateway = Running::start().await;
    gateway.post_all([numbered_body(0, 0)]).await;
    let request = pb::StreamAlertsRequest {
        client_label: "dashboard".to_owned(),
        ..from_the_start("priority>=notice")
    };
    let mut stream = gateway.stream(request).await;
    let opened = stream.opened().await;
    stream.records(1).await;
    stream.live().await;
    let [status] = gateway.streams().await.try_into().unwrap();
    assert_eq!(status.stream_id, opened.stream_id);
    assert_eq!(status.client_label, "dashboard");
    assert_eq!(status.filter, "priority >= notice");
    assert_eq!((status.delivered, status.lag, status.lost), (1, Some(0), 0));
    assert_eq!(status.state(), pb::StreamState::Live);
    assert!(status.peer.starts_with("127.0.0.1:"));

    let [http, publish] = gateway.sources().await.try_into().unwrap();
    assert_eq!((http.source_id.as_str(), http.accepted), ("http", 1));
    assert_eq!(publish.source_id, "publish");
    assert_eq!(http.state(), pb::SourceState::Connected);
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_no_longer_listed() {
    let gateway = Running::start().await;
    let mut stream = gateway.stream(from_the_start("")).await;
    stream.opened().await;
    drop(stream);
    in_time(async {
        while !gateway.streams().await.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_filter_is_judged_without_reading() {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    let samples: Vec<_> = gateway.all_that_match("").await[..40]
        .iter()
        .map(|record| record.decode_alert().unwrap())
        .collect();
    let request = pb::ValidateFilterRequest {
        filter: "priority>=Error   and proc.nam exists".to_owned(),
        samples: samples.clone(),
    };
    let response = in_time(gateway.alerts().validate_filter(request))
        .await
        .unwrap()
        .into_inner();
    assert!(response.valid);
    assert_eq!(response.canonical, "priority >= error and proc.nam exists");
    assert_eq!(response.fields, ["priority", "proc.nam"]);
    assert_eq!(response.warnings[0].suggestion, "proc.name");
    assert_eq!(response.matches, [false; 40]);

    let request = pb::ValidateFilterRequest {
        filter: "priority >= error".to_owned(),
        samples: samples.clone(),
    };
    let response = in_time(gateway.alerts().validate_filter(request))
        .await
        .unwrap()
        .into_inner();
    let expected: Vec<_> = samples
        .iter()
        .map(|it| it.priority() >= pb::Priority::Error)
        .collect();
    assert!(expected.contains(&true) && expected.contains(&false));
    assert_eq!(response.matches, expected);

    let wrong = pb::ValidateFilterRequest {
        filter: "priority >= eror".to_owned(),
        samples: Vec::new(),
    };
    let response = in_time(gateway.alerts().validate_filter(wrong))
        .await
        .unwrap()
        .into_inner();
    let error = response.error.unwrap();
    assert!(!response.valid);
    assert_eq!(
        (error.position, error.length, error.suggestion.as_str()),
        (12, 4, "error")
    );
}

#[tokio::test]
async fn reflection_lists_and_describes_the_services() {
    let gateway = Running::start().await;
    let mut client = ServerReflectionClient::new(gateway.channel());
    let ask = |message| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message),
    };
    let requests = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(
            "falcogateway.v1.AlertService".to_owned(),
        )),
    ];
    let call = client.server_reflection_info(tokio_stream::iter(requests));
    let mut answers = in_time(call).await.unwrap().into_inner();
    let mut services = Vec::new();
    let mut files = 0;
    while let Some(answer) = in_time(answers.message()).await.unwrap() {
        match answer.message_response.unwrap() {
            MessageResponse::ListServicesResponse(list) => {
                services = list
                    .service
                    .into_iter()
                    .map(|service| service.name)
                    .collect();
            }
            MessageResponse::FileDescriptorResponse(response) => {
                files = response.file_descriptor_proto.len();
            }
            other => panic!("{other:?}"),
        }
    }
    for service in ["AlertService", "GatewayService", "IngestService"] {
        assert!(
            services.contains(&format!("falcogateway.v1.{service}")),
            "{services:?}"
        );
    }
    assert!(services.contains(&"grpc.health.v1.Health".to_owned()));
    assert!(files >= 1);
}

#[tokio::test]
async fn health_is_told_for_each_service() {
    let gateway = Running::start().await;
    for service in [
        "",
        "falcogateway.v1.AlertService",
        "falcogateway.v1.IngestService",
    ] {
        let mut client = HealthClient::new(gateway.channel());
        let mut states = client
            .watch(HealthCheckRequest {
                service: service.to_owned(),
            })
            .await
            .unwrap()
            .into_inner();
        // 1 is SERVING; the gateway may just be starting.
        while in_time(states.message()).await.unwrap().unwrap().status != 1 {}
    }
}
