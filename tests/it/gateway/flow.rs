//! Real alerts in, typed and filtered alerts out.

use falco_gateway::{
    config::{Config, SourceConfig},
    pb::{self, field_value::Kind as Value, stream_frame::Kind},
    source::{falco_grpc, http},
};

use crate::support::{
    captures,
    fake_falco::{FakeFalco, Outputs},
    frames::{alerts, ids},
    gateway::{Running, from_the_start, loopback},
    subscription::quick,
};

#[tokio::test]
async fn every_captured_alert_reaches_a_live_subscriber_in_order() {
    let gateway = Running::start().await;
    let mut stream = gateway.stream(pb::StreamAlertsRequest::default()).await;
    stream.opened().await;
    stream.live().await;
    let bodies = captures::bodies("http.jsonl");
    gateway.post_all(&bodies).await;
    let alerts = alerts(&stream.records(195).await);
    for (alert, body) in alerts.iter().zip(&bodies) {
        let sent: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(alert.rule, sent["rule"]);
        assert_eq!(alert.output, sent["output"]);
        let fields = sent["output_fields"].as_object().unwrap();
        assert!(alert.output_fields.keys().eq(fields.keys()));
        assert_eq!(alert.origin.as_ref().unwrap().source_id, "http");
    }
    gateway.stopped().await;
}

#[tokio::test]
async fn a_filter_lets_through_what_matches_and_nothing_else() {
    let gateway = Running::start().await;
    let filter = "priority >= error and not rule contains \"Drift\"";
    let mut live = gateway.stream(from_the_start(filter)).await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    let expected: Vec<_> = gateway
        .all_that_match("")
        .await
        .into_iter()
        .filter(|record| {
            let alert = record.decode_alert().unwrap();
            alert.priority() >= pb::Priority::Error && !alert.rule.contains("Drift")
        })
        .collect();
    assert!(expected.len() > 20 && expected.len() < 60);
    assert_eq!(gateway.all_that_match(filter).await, expected);
    assert_eq!(live.records(expected.len()).await, expected);
}

#[tokio::test]
async fn the_founding_alert_has_everything_in_its_typed_place() {
    let gateway = Running::start().await;
    let samples = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/samples/dev.jsonl"
    ))
    .unwrap();
    let founding = samples
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find(|sample| sample["id"] == "F100")
        .unwrap();
    gateway
        .post_all([founding["payload"].as_str().unwrap()])
        .await;
    let records = gateway
        .all_that_match("attack.tactic = TA0003 and tags intersects (PCI_DSS_11.5.1)")
        .await;
    let alert = records[0].decode_alert().unwrap();
    let attack = alert.attack.unwrap();
    assert_eq!(attack.tactics[0].id, "TA0003");
    let control = &alert.compliance[0];
    assert_eq!(
        (control.standard.as_str(), control.control.as_str()),
        ("PCI DSS", "11.5.1")
    );
    let (container, process) = (alert.container.unwrap(), alert.process.unwrap());
    let fields = &alert.output_fields;
    let text = |key: &str| match fields[key].kind.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        other => panic!("{key} is {other:?}"),
    };
    assert_eq!(container.id, text("container.id"));
    assert_eq!(process.name, text("proc.name"));
}

#[tokio::test]
async fn the_same_alert_over_grpc_and_over_http_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    outputs.raise(captures::messages("grpc.jsonl"));
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let mut config: Config = loopback();
    config.sources.push(SourceConfig {
        id: "node-a".to_owned(),
        cluster: "prod".to_owned(),
        http: None,
        falco_grpc: Some(falco_grpc::Config { ..quick(&socket) }),
        ..SourceConfig::http(http::Config::default())
    });
    let gateway = Running::with(config).await;
    let mut by_grpc = gateway
        .stream(from_the_start("origin.source = node-a"))
        .await;
    let over_grpc = by_grpc.records(195).await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    let over_http = gateway.all_that_match("origin.source = http").await;
    assert_eq!(ids(&over_grpc), ids(&over_http));
    let origin = alerts(&over_grpc)[0].origin.clone().unwrap();
    assert_eq!(origin.cluster, "prod");
    assert_eq!(origin.transport(), pb::Transport::FalcoGrpc);
}

#[tokio::test]
async fn a_view_decides_how_much_of_an_alert_is_sent() {
    let gateway = Running::start().await;
    let body = captures::bodies("http.jsonl").remove(0);
    gateway.post_all([&body]).await;
    let mut seen = Vec::new();
    for view in [
        pb::AlertView::Basic,
        pb::AlertView::Full,
        pb::AlertView::Raw,
    ] {
        let mut request = from_the_start("");
        request.set_view(view);
        let mut stream = gateway.stream(request).await;
        assert_eq!(stream.opened().await.view(), view);
        seen.extend(alerts(&stream.records(1).await));
    }
    let [basic, full, raw] = seen.try_into().unwrap();
    assert!(basic.output_fields.is_empty() && basic.raw.is_empty());
    assert!(!full.output_fields.is_empty() && full.raw.is_empty());
    assert_eq!(raw.raw, body.as_bytes());
    let without_fields = pb::Alert {
        output_fields: basic.output_fields.clone(),
        ..full.clone()
    };
    assert_eq!(without_fields, basic);
    assert_eq!(
        pb::Alert {
            raw: full.raw.clone(),
            ..raw
        },
        full
    );
}

#[tokio::test]
async fn frames_are_as_large_as_the_client_wants() {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    let request = pb::StreamAlertsRequest {
        batch: Some(pb::BatchOptions {
            max_alerts: 10,
            ..pb::BatchOptions::default()
        }),
        stop_at_head: true,
        ..from_the_start("")
    };
    let mut stream = gateway.stream(request).await;
    let mut sizes = Vec::new();
    while let Some(kind) = stream.try_next().await.unwrap() {
        if let Kind::Alerts(batch) = kind {
            assert_eq!(batch.records.last().unwrap().cursor, stream.cursor);
            sizes.push(batch.records.len());
        }
    }
    assert_eq!(sizes.iter().sum::<usize>(), 195);
    assert!(sizes.iter().all(|size| *size <= 10), "{sizes:?}");
}

#[tokio::test]
async fn a_narrow_filter_still_moves_its_cursor() {
    let gateway = Running::start().await;
    let request = pb::StreamAlertsRequest {
        heartbeat_interval: Some(prost_types::Duration {
            seconds: 1,
            nanos: 0,
        }),
        ..from_the_start("rule = \"no such rule\"")
    };
    let mut stream = gateway.stream(request).await;
    let start = stream.opened().await.start_cursor;
    gateway.post_all([captures::numbered_body(1, 0)]).await;
    let beat = stream
        .find(|kind| match kind {
            Kind::Heartbeat(beat) => Some(beat),
            _ => None,
        })
        .await;
    assert_eq!(beat.lag, Some(0));
    assert_ne!(stream.cursor, start);
    let log = gateway.info().await.log.unwrap();
    assert_eq!(stream.cursor, log.head_cursor);
    assert_eq!(beat.head_time, log.head_time);
}

#[tokio::test]
async fn falcos_notices_are_told_by_kind() {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    let metrics = alerts(&gateway.all_that_match("kind = metrics").await);
    assert!(!metrics.is_empty());
    assert!(metrics.iter().all(|alert| alert.source == "internal"));
}
