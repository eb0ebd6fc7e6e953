//! Slow senders, silent ones, and those who should not wait for them.

use std::time::Duration;

use falco_gateway::{source::http::Config, units::Span};

use crate::support::{
    http::{Server, get},
    intake::{accept, intake},
};

const SHORT: Span = Span(Duration::from_millis(100));

#[tokio::test]
async fn slow_headers_time_out_and_a_silent_connection_does_not() {
    let (intake, mut taken) = intake(accept);
    let config = Config {
        header_timeout: SHORT,
        ..Config::default()
    };
    let server = Server::start(config, intake).await;
    let mut silent = server.client().await;
    let mut used = server.client().await;
    assert_eq!(used.post("", "{}").await.status, 200);
    for _ in 0..2 {
        let mut slow = server.client().await;
        slow.send("POST / HTTP/1.1\r\nhost: x\r\nx-").await;
        // Others are served meanwhile.
        assert_eq!(server.once(get("/ping")).await.status, 200);
        assert_eq!(slow.answer().await.status, 408);
        slow.end().await;
    }
    assert_eq!(server.observed.rejected("SLOW_HEADERS"), 2);
    assert_eq!(silent.post("", "{}").await.status, 200);
    assert_eq!(used.post("", "{}").await.status, 200);
    assert_eq!(taken.first(3).await.len(), 3);
    assert_eq!(server.observed.status().received, 5);
}

#[tokio::test]
async fn a_connection_that_stays_silent_is_closed_uncounted() {
    let (intake, _taken) = intake(accept);
    let config = Config {
        header_timeout: Span(Duration::from_millis(20)),
        idle_timeout: Span(Duration::from_millis(500)),
        ..Config::default()
    };
    let server = Server::start(config, intake).await;
    let mut silent = server.client().await;
    let mut used = server.client().await;
    assert_eq!(used.post("", "{}").await.status, 200);
    silent.end().await;
    used.end().await;
    let status = server.stopped().await.status();
    assert!(status.rejected.is_empty(), "{status:?}");
}

#[tokio::test]
async fn a_slow_body_times_out_and_others_are_served() {
    let (intake, mut taken) = intake(accept);
    let config = Config {
        body_timeout: SHORT,
        ..Config::default()
    };
    let server = Server::start(config, intake).await;
    let mut slow = server.client().await;
    slow.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        .await;
    let mut quick = server.client().await;
    assert_eq!(quick.post("", "{}").await.status, 200);
    let answer = slow.answer().await;
    assert_eq!(answer.status, 408);
    assert!(answer.headers.contains("connection: close\r\n"));
    slow.end().await;
    assert_eq!(server.observed.rejected("SLOW_BODY"), 1);
    assert_eq!(quick.post("", "{}").await.status, 200);
    assert_eq!(taken.first(2).await.len(), 2);
}
