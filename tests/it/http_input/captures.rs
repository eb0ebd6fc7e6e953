//! Requests that a real Falco sent, as it sent them.

use falco_gateway::source::http::Config;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::{
    http::Server,
    in_time,
    intake::{accept, intake},
};

struct Captured {
    request: Vec<u8>,
    body: Vec<u8>,
}

fn captured(lines: &str) -> Vec<Captured> {
    let requests = lines.lines().map(|line| {
        let capture: Value = serde_json::from_str(line).unwrap();
        let mut request = format!("{}\r\n", capture["request_line"].as_str().unwrap());
        for header in capture["headers"].as_array().unwrap() {
            let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
            request.extend([name, ": ", value, "\r\n"]);
        }
        let body = capture["body"].as_str().unwrap();
        Captured {
            request: format!("{request}\r\n{body}").into_bytes(),
            body: body.as_bytes().to_vec(),
        }
    });
    requests.collect()
}

const JSON: &str = include_str!("../../fixtures/captures/http.jsonl");
const EXTRA: &str = include_str!("../../fixtures/captures/http_extra_fields.jsonl");
const TEXT: &str = include_str!("../../fixtures/captures/http_text.jsonl");

#[tokio::test]
async fn every_captured_request_gets_in_as_it_is_over_one_connection() {
    for (lines, count) in [(JSON, 195), (EXTRA, 38), (TEXT, 194)] {
        let (intake, mut taken) = intake(accept);
        let server = Server::start(Config::default(), intake).await;
        let captured = captured(lines);
        assert_eq!(captured.len(), count);
        let mut client = server.client().await;
        for captured in &captured {
            client.send(&captured.request).await;
            let answer = client.answer().await;
            assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        }
        let bodies: Vec<_> = captured.into_iter().map(|it| it.body).collect();
        assert_eq!(taken.first(count).await, bodies);
        let status = server.stopped().await.status();
        assert_eq!(
            (status.received, status.accepted),
            (count as u64, count as u64)
        );
        assert!(status.last_alert_time.is_some());
    }
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let (intake, mut taken) = intake(accept);
    let server = Server::start(Config::default(), intake).await;
    let captured = captured(JSON);
    let all: Vec<u8> = captured.iter().flat_map(|it| it.request.clone()).collect();
    let (mut reader, mut writer) = server.client().await.into_stream().into_split();
    let sending = tokio::spawn(async move {
        writer.write_all(&all).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut answers = String::new();
    in_time(tokio::io::AsyncReadExt::read_to_string(
        &mut reader,
        &mut answers,
    ))
    .await
    .unwrap();
    sending.await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 195);
    let bodies: Vec<_> = captured.into_iter().map(|it| it.body).collect();
    assert_eq!(taken.first(195).await, bodies);
}
