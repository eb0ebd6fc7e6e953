//! Promise: a disk that refuses stops nobody from reading, loses nothing that
//! was answered for, and is gone on with by itself.

use std::{path::Path, time::Duration};

use falco_gateway::pb;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt;

use crate::support::{
    captures::numbered_body,
    frames::{self, Frames},
    gateway::from_the_start,
    http::{Answer, Client},
    process::{Process, events, serve},
    small_disk, soon,
};

const LARGE: usize = 50_000;

/// Runs the gateway with its log on a disk of its own, of 5 MiB. Of these, 3 are
/// taken by a file that can be removed.
async fn on_a_small_disk(folder: &Path) -> Process {
    let log = folder.join("log");
    std::fs::create_dir(&log).unwrap();
    Process::of(
        small_disk::mounted(&log, "5m", "3M", &serve(folder, "{}")),
        folder,
    )
    .await
}

async fn health(gateway: &Process, service: &str) -> ServingStatus {
    let request = HealthCheckRequest {
        service: format!("falcogateway.v1.{service}"),
    };
    let mut client = HealthClient::new(gateway.channel());
    client.check(request).await.unwrap().into_inner().status()
}

async fn trouble(gateway: &Process) -> String {
    let mut operations = gateway.operations();
    let info = operations.get_gateway_info(pb::GetGatewayInfoRequest {});
    info.await.unwrap().into_inner().log.unwrap().trouble
}

/// Posts until a body is refused; how many were taken.
async fn fill(client: &mut Client) -> (usize, Answer) {
    for number in 0.. {
        let answer = client.post("", numbered_body(number, LARGE)).await;
        if answer.status != 200 {
            return (number, answer);
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_full_disk_is_told_to_senders_and_gone_on_with() {
    if !small_disk::can_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let gateway = on_a_small_disk(folder.path()).await;
    let stream = gateway.alerts().stream_alerts(from_the_start("")).await;
    let mut stream = Frames::new(stream.unwrap().into_inner());
    let mut client = Client::connect(gateway.http).await;
    let (taken, refused) = fill(&mut client).await;
    assert!(taken > 5, "{taken}");
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("LOG_UNWRITABLE"), "{}", refused.body);
    assert!(refused.headers.to_lowercase().contains("retry-after"));
    // A file can wait, and nobody waits for it.
    let line = numbered_body(8888, 100);
    std::fs::write(events(folder.path()), format!("{line}\n")).unwrap();
    followed(&gateway).await;
    let at_once = Duration::from_secs(5);
    let answer = client.post("", numbered_body(9998, LARGE));
    let answer = tokio::time::timeout(at_once, answer).await.unwrap();
    assert_eq!(answer.status, 503);
    senders_are_told(&gateway).await;
    // Readers go on, also those that only come now.
    assert_eq!(stream.records(taken).await.len(), taken);
    assert_eq!(everything(&gateway).await, taken);

    small_disk::make_room(gateway.id(), &folder.path().join("log"));
    let mut lost = 2;
    soon("the log's recovery", async {
        while client.post("", numbered_body(7777, LARGE)).await.status != 200 {
            lost += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let serving = health(&gateway, "IngestService").await;
    assert_eq!(serving, ServingStatus::Serving);
    assert_eq!(trouble(&gateway).await, "");
    // What Falco would have lost is told before what comes next.
    let notice = stream.loss().await;
    assert_eq!(notice.cause(), pb::LossCause::IngestOverflow);
    assert_eq!((notice.lost, notice.lower_bound), (lost, false));
    let rules: Vec<_> = frames::alerts(&stream.records(2).await)
        .into_iter()
        .map(|alert| alert.rule)
        .collect();
    assert_eq!(rules, ["r8888", "r7777"]);
    gateway.kill().await;
}

/// Waits until the file is read.
async fn followed(gateway: &Process) {
    soon("the file", async {
        loop {
            let mut operations = gateway.operations();
            let sources = operations.list_sources(pb::ListSourcesRequest {});
            let sources = sources.await.unwrap().into_inner().sources;
            let file = sources.iter().find(|it| it.source_id == "events").unwrap();
            if file.state() == pb::SourceState::Connected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// That nothing gets in, and what is said of that.
async fn senders_are_told(gateway: &Process) {
    let documents = vec![numbered_body(9999, LARGE).into()];
    let mut ingest = gateway.ingest();
    let published = ingest.publish(pb::PublishRequest { documents }).await;
    let status = published.unwrap_err();
    let details = status.get_error_details();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(details.error_info().unwrap().reason, "LOG_UNWRITABLE");
    assert!(details.retry_info().is_some());
    let (ingest, alerts) = (
        health(gateway, "IngestService").await,
        health(gateway, "AlertService").await,
    );
    assert_eq!(ingest, ServingStatus::NotServing);
    assert_eq!(alerts, ServingStatus::Serving);
    assert!(trouble(gateway).await.contains("No space left"));
}

async fn everything(gateway: &Process) -> usize {
    let mut alerts = gateway.alerts();
    let stream = alerts.stream_alerts(pb::StreamAlertsRequest {
        stop_at_head: true,
        ..from_the_start("")
    });
    let mut frames = Frames::new(stream.await.unwrap().into_inner());
    frames.rest().await.len()
}
