//! The token, and the pages.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use falco_gateway::source::http::Config;
use serde_json::Value;

use crate::support::{
    http::{Server, get, post},
    intake::{accept, intake},
};

fn with_token(folder: &tempfile::TempDir) -> Config {
    let path = folder.path().join("token");
    std::fs::write(&path, "s3cret\n").unwrap();
    Config {
        token_file: Some(path),
        ..Config::default()
    }
}

#[tokio::test]
async fn the_token_is_taken_from_every_place_and_asked_of_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let (intake, mut taken) = intake(accept);
    let server = Server::start(with_token(&folder), intake).await;
    let mut client = server.client().await;
    let basic = STANDARD.encode("falco:s3cret");
    for (path, header) in [
        ("/", "authorization: Bearer s3cret\r\n".to_owned()),
        ("/", format!("authorization: Basic {basic}\r\n")),
        ("/s3cret", String::new()),
        ("/s3cret/any/path", String::new()),
        ("/any?token=s3cret", String::new()),
    ] {
        let request = post(&header, "{}");
        let path = format!("POST {path} HTTP");
        let request = String::from_utf8(request).unwrap();
        client.send(request.replace("POST / HTTP", &path)).await;
        assert_eq!(client.answer().await.status, 200, "{path} {header}");
    }
    assert_eq!(taken.first(5).await.len(), 5);
    for header in ["", "authorization: Bearer s3cre\r\n"] {
        let answer = client.post(header, "{}").await;
        assert_eq!(answer.status, 401);
        assert!(answer.headers.contains("www-authenticate: bearer"));
        assert!(!answer.body.contains("s3cret"));
    }
    assert_eq!(server.observed.rejected("UNAUTHENTICATED"), 2);
    let token = "authorization: Bearer s3cret\r\n";
    for page in [
        "origin: https://evil.example.com",
        "sec-fetch-site: cross-site",
    ] {
        let answer = client.post(&format!("{token}{page}\r\n"), "{}").await;
        assert_eq!(answer.status, 403, "{page}");
    }
    assert_eq!(server.observed.rejected("FROM_A_PAGE"), 2);
    for (path, status) in [
        ("/ping", 200),
        ("/healthz", 200),
        ("/test", 401),
        ("/other", 401),
        ("/s3cret/ping", 200),
        ("/s3cret/test", 200),
        ("/s3cret/other", 405),
    ] {
        client.send(get(path)).await;
        assert_eq!(client.answer().await.status, status, "{path}");
    }
    assert_eq!(taken.first(6).await.len(), 6);
}

#[tokio::test]
async fn without_its_token_the_input_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_token(&folder);
    assert!(!format!("{config:?}").contains("s3cret"));
    std::fs::remove_file(folder.path().join("token")).unwrap();
    assert!(config.check().is_err());
    let (intake, _) = intake(accept);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let observed = crate::support::intake::Observed::new(falco_gateway::alert::Transport::Http);
    let source = observed.source.clone();
    falco_gateway::source::http::run(config, (listener, None), intake, source, Default::default())
        .await;
    assert!(observed.status().detail.contains("token"));
}

#[tokio::test]
async fn the_pages_are_falcosidekicks() {
    let (intake, mut taken) = intake(accept);
    let server = Server::start(Config::default(), intake).await;
    let mut client = server.client().await;
    client.send(get("/ping")).await;
    assert_eq!(client.answer().await.body, "pong");
    client.send(get("/healthz")).await;
    let answer = client.answer().await;
    assert_eq!(answer.body, "{\"status\": \"ok\"}");
    assert!(
        answer
            .headers
            .contains("content-type: application/json\r\n")
    );
    client.send(get("/test")).await;
    assert_eq!(client.answer().await.status, 200);
    client
        .send("POST /test HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        .await;
    assert_eq!(client.answer().await.status, 200);
    for alert in taken.first(2).await {
        let alert: Value = serde_json::from_slice(&alert).unwrap();
        assert_eq!(alert["rule"], "Test rule");
        assert_eq!(alert["priority"], "Debug");
        assert_eq!(alert["source"], "internal");
        assert!(!alert["output_fields"].as_object().unwrap().is_empty());
    }
    for request in [get("/"), get("/metrics"), get("/").replace("GET", "DELETE")] {
        client.send(request).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 405);
        assert!(answer.headers.contains("allow: post\r\n"));
        assert!(answer.body.contains("/healthz"));
    }
    // Falco's path is free, whatever its name.
    client
        .send("POST /ping HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(taken.first(3).await[2], "{}");
}
