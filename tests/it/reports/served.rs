//! Reports as the gateway gives them.

use falco_gateway::pb;
use tonic::Code;

use crate::support::{
    captures,
    cli::{run_at, text},
    gateway::Running,
    in_time,
};

async fn with_captures() -> Running {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    gateway
}

#[tokio::test]
async fn a_report_has_the_alerts_around_it() {
    let gateway = with_captures().await;
    let found = gateway
        .all_that_match("rule = \"Fileless execution via memfd_create\"")
        .await;
    let id = found[0].decode_alert().unwrap().id;
    let request = pb::GetAlertReportRequest {
        id: id.clone(),
        ..Default::default()
    };
    let answer = in_time(gateway.alerts().get_alert_report(request)).await;
    let answer = answer.unwrap().into_inner();
    assert_eq!(answer.media_type, "text/markdown; charset=utf-8");
    assert!(
        answer
            .content
            .starts_with("# Alert report: Fileless execution via memfd\\_create\n")
    );
    assert!(answer.content.contains("same host"), "{}", answer.content);

    let shown = run_at(&gateway.address, &["report", &id]).await;
    assert!(shown.status.success());
    assert!(text(&shown.stdout).starts_with("ALERT REPORT: Fileless execution"));
    let page = run_at(&gateway.address, &["report", &id, "-o", "html"]).await;
    assert!(text(&page.stdout).starts_with("<!doctype html>"));
}

#[tokio::test]
async fn what_cannot_be_reported_on_is_said() {
    let gateway = with_captures().await;
    let nobody = "0".repeat(32);
    for (id, window, code) in [
        ("nonsense", None, Code::InvalidArgument),
        (&nobody, None, Code::NotFound),
        (&nobody, Some(-1), Code::InvalidArgument),
    ] {
        let request = pb::GetAlertReportRequest {
            id: id.to_owned(),
            format: 0,
            window: window.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
        };
        let answer = in_time(gateway.alerts().get_alert_report(request)).await;
        assert_eq!(answer.unwrap_err().code(), code, "{id}");
    }
}

#[test]
fn a_report_is_made_of_a_file_without_a_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alert.json");
    std::fs::write(&file, captures::bodies("http.jsonl")[0].as_bytes()).unwrap();
    let command = ["report", "--file", file.to_str().unwrap(), "-o", "markdown"];
    let shown = crate::support::cli::falco_gateway(&command)
        .output()
        .unwrap();
    assert!(
        text(&shown.stdout).starts_with("# Alert report: "),
        "{}",
        text(&shown.stderr)
    );
    std::fs::write(&file, "nonsense").unwrap();
    let refused = crate::support::cli::falco_gateway(&command)
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("alert.json"));
}
