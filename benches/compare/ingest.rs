//! Alerts over HTTP into the durable log, beside a server that drops what it is sent.

use std::time::Instant;

use axum::{Router, body::Bytes, routing::post};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{
    ROUNDS, gateway,
    load::{Throughput, cells},
    process::{Server, connect, free_port},
    settings::Settings,
};

const CONNECTIONS: usize = 16;
const POSTS: usize = 24_000;

pub(crate) async fn run(settings: &Settings) -> Option<String> {
    let mut lines = Vec::new();
    if settings.wants("ingest over HTTP") {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push((axum().await, ours().await));
        }
        let rates: Vec<_> = rounds
            .iter()
            .map(|(bare, ours)| (bare.rate, ours.rate))
            .collect();
        let costs: Vec<_> = rounds
            .iter()
            .map(|(bare, ours)| (bare.ns, ours.ns))
            .collect();
        let posts = format!("posts a second, on {CONNECTIONS} connections");
        lines.push(format!("| {posts} | {} |", cells(&rates)));
        lines.push(format!("| CPU ns for each | {} |", cells(&costs)));
    }
    if settings.wants("ingest with nobody listening") {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push((published(0).await, published(1000).await));
        }
        let what = "CPU ns for an alert without streams, and with 1000 that do not want it";
        lines.push(format!("| {what} | {} |", cells(&rounds)));
    }
    let head = "| | limit | falco-gateway | ratio |\n|---|---|---|---|\n";
    (!lines.is_empty()).then(|| format!("{head}{}\n", lines.join("\n")))
}

/// Nanoseconds for an alert that is published and that none of `streams` wants.
async fn published(streams: usize) -> f64 {
    let options = [
        ("--subscribers", streams.to_string()),
        ("--connections", "10".to_owned()),
        ("--filter", "proc.pid = 1000{}".to_owned()),
        ("--burst", "64".to_owned()),
        ("--alerts", "38400".to_owned()),
    ];
    let report = gateway::bench(&options, &[]).await;
    report["server_ns_per_alert"].as_f64().unwrap()
}

async fn axum() -> Throughput {
    let port = free_port();
    let server = Server::own("serve-http", port);
    post_all(port, &server).await
}

async fn ours() -> Throughput {
    let folder = tempfile::tempdir().unwrap();
    let (port, data) = (free_port(), folder.path().join("data"));
    let yaml = format!(
        "data_dir: {}\nlisten: [\"127.0.0.1:{}\"]\noperations: {{listen: \"\"}}\nsources:\n  - {{id: falco, http: {{listen: \"127.0.0.1:{port}\"}}}}\n",
        data.display(),
        port + 1,
    );
    let config = folder.path().join("gateway.yaml");
    std::fs::write(&config, yaml).unwrap();
    let server = Server::gateway(&config);
    post_all(port, &server).await
}

async fn post_all(port: u16, server: &Server) -> Throughput {
    drop(connect(port).await);
    let body = Bytes::from(document());
    let (before, started) = (server.cpu_seconds(), Instant::now());
    let mut posting = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let body = body.clone();
        posting.spawn(async move {
            let io = TokioIo::new(connect(port).await);
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            for _ in 0..POSTS / CONNECTIONS {
                let request = Request::post("/")
                    .header("host", "localhost")
                    .header("content-type", "application/json")
                    .body(Full::new(body.clone()))
                    .unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert!(answer.status().is_success(), "{answer:?}");
                sender.ready().await.unwrap();
            }
        });
    }
    posting.join_all().await;
    Throughput::of(POSTS, started, server.cpu_seconds() - before)
}

/// As Falco posts it, of about 1.2 kB.
fn document() -> String {
    let requests = include_str!("../../tests/fixtures/captures/http.jsonl");
    let bodies = requests.lines().map(|request| {
        let request: serde_json::Value = serde_json::from_str(request).unwrap();
        request["body"].as_str().unwrap().to_owned()
    });
    let mut usual = bodies.filter(|body| (1100..1400).contains(&body.len()));
    usual.next_back().unwrap()
}

/// Takes each body, and drops it.
pub(crate) fn serve() {
    let port: u16 = std::env::args().nth(2).unwrap().parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let app = Router::new().route("/", post(async |_: Bytes| StatusCode::OK));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
