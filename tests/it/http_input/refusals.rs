//! What becomes of alerts that do not get in, or only in part.

use std::time::Duration;

use falco_gateway::{
    source::{Receipt, http::Config},
    units::{Size, Span},
};
use serde_json::{Value, json};

use crate::support::{
    http::{Server, get, post},
    intake::{accept, accepted, intake, refusal},
};

#[tokio::test]
async fn a_refusal_says_which_items_and_why_and_the_others_are_in() {
    let mut many = false;
    let (intake, mut taken) = intake(move |_| {
        let refused = if many { 150 } else { 1 };
        many = true;
        Some(Receipt {
            refusals: (3..3 + refused).map(refusal).collect(),
            ..accepted(2)
        })
    });
    let server = Server::start(Config::default(), intake).await;
    let mut client = server.client().await;
    let answer = client.post("", "[1,2,3]").await;
    assert_eq!(answer.status, 400);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        body,
        json!({"accepted": 2, "refused": 1, "refusals": [
            {"index": 3, "reason": "INVALID_JSON", "message": "item 3 is \"broken\""}
        ]})
    );
    let answer = client.post("", "[1,2,3]").await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["refused"], 150);
    assert_eq!(body["refusals"].as_array().unwrap().len(), 100);
    taken.first(2).await;
    let status = server.stopped().await.status();
    assert_eq!((status.received, status.accepted), (155, 4));
    assert_eq!(status.rejected.get("INVALID_JSON"), Some(&151));
}

#[tokio::test]
async fn a_connection_outlives_its_bad_requests() {
    let (intake, mut taken) = intake(|raw| {
        Some(if raw.payload.len() == 3 {
            Receipt::default()
        } else {
            accepted(1)
        })
    });
    let server = Server::start(Config::default(), intake).await;
    let mut client = server.client().await;
    for (headers, body, status) in [
        ("", "", 400),
        ("", " \n ", 400),
        ("content-encoding: br\r\n", "{}", 415),
        ("content-encoding: gzip\r\n", "{}", 400),
        ("content-type: image/png\r\n", "{}", 200),
    ] {
        let answer = client.post(headers, body).await;
        assert_eq!(answer.status, status, "{headers}{body}");
        assert!(!answer.headers.contains("connection: close"));
    }
    client.send(get("/nothing")).await;
    assert_eq!(client.answer().await.status, 405);
    assert_eq!(client.post("", "{}").await.status, 200);
    assert_eq!(taken.first(3).await.len(), 3);
    assert_eq!(server.observed.rejected("EMPTY_BODY"), 2);
}

#[tokio::test]
async fn a_closed_intake_is_said_to_be_closed() {
    let (intake, taken) = intake(accept);
    intake.close();
    let server = Server::start(Config::default(), intake).await;
    let mut client = server.client().await;
    for _ in 0..2 {
        let answer = client.post("", "{}").await;
        assert_eq!(answer.status, 503);
        assert!(answer.headers.contains("retry-after: 5\r\n"));
    }
    assert_eq!(server.observed.rejected("INTAKE_CLOSED"), 2);
    assert!(taken.now().is_empty());
}

#[tokio::test]
async fn a_stuck_intake_does_not_hold_its_sender_for_ever() {
    let (intake, mut taken) = intake(|_| None);
    let config = Config {
        request_timeout: Span(Duration::from_millis(50)),
        ..Config::default()
    };
    let server = Server::start(config, intake).await;
    let mut client = server.client().await;
    let answer = client.post("", "{}").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("may still get in"), "{}", answer.body);
    assert_eq!(server.observed.rejected("INTAKE_TIMEOUT"), 1);
    assert_eq!(taken.first(1).await.len(), 1);
}

#[tokio::test]
async fn bulk_does_not_fill_the_memory_nor_hold_up_alerts() {
    let (intake, mut taken) = intake(|_| None);
    let config = Config {
        max_body: Size(1 << 20),
        max_body_memory: Size(2 << 20),
        body_timeout: Span(Duration::from_secs(1)),
        ..Config::default()
    };
    let server = Server::start(config, intake).await;
    let bulk = post("", vec![b'x'; 1 << 20]);
    let mut first = server.client().await;
    let mut second = server.client().await;
    first.send(&bulk).await;
    second.send(&bulk).await;
    taken.first(2).await;
    let answer = server.once(&bulk).await;
    assert_eq!(answer.status, 503);
    assert_eq!(server.observed.rejected("OVERLOADED"), 1);
    server.client().await.send(post("", "{}")).await;
    assert_eq!(taken.first(3).await[2], "{}");
}
