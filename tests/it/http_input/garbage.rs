//! Bytes that are no request, and bodies that are anything.

use std::cell::RefCell;

use falco_gateway::source::http::Config;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::support::{
    http::{Server, get, post},
    intake::{accept, intake},
};

#[tokio::test]
async fn what_is_no_request_costs_its_own_connection_only() {
    let (intake, mut taken) = intake(accept);
    let server = Server::start(Config::default(), intake).await;
    let mut good = server.client().await;
    let tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n";
    let cases: [&[u8]; 6] = [
        tls_hello,
        b"\0\0\0\0\r\n\r\n",
        b"{\"rule\":\"not http\"}\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ];
    for case in cases {
        let mut bad = server.client().await;
        bad.send(case).await;
        assert_eq!(bad.answer().await.status, 400, "{case:?}");
        bad.end().await;
        assert_eq!(good.post("", "{}").await.status, 200);
    }
    let mut http2 = server.client().await;
    http2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    http2.end().await;
    assert_eq!(server.observed.rejected("MALFORMED_REQUEST"), 7);
    assert_eq!(taken.first(6).await.len(), 6);
}

#[tokio::test]
async fn headers_have_their_limits() {
    let (intake, _taken) = intake(accept);
    let server = Server::start(Config::default(), intake).await;
    let wide = format!("x-wide: {}\r\n", "x".repeat(200 << 10));
    assert_eq!(server.once(post(&wide, "{}")).await.status, 431);
    let many = "x-many: x\r\n".repeat(150);
    assert_eq!(server.once(post(&many, "{}")).await.status, 431);
    let unfinished = format!("POST / HTTP/1.1\r\n{many}");
    let mut client = server.client().await;
    client.send(unfinished).await;
    assert_eq!(client.answer().await.status, 431);
    assert_eq!(server.observed.rejected("HEADERS_TOO_LARGE"), 3);
    let mut leaver = server.client().await;
    leaver.send("POST / HTTP/1.1\r\nx-").await;
    leaver.send_no_more().await;
    leaver.end().await;
    assert_eq!(server.observed.rejected("INCOMPLETE_REQUEST"), 1);
}

/// A listener that all cases share.
fn with_server(test: impl FnOnce(&Runtime, &Server)) {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(async {
        let (intake, _) = intake(accept);
        Server::start(Config::default(), intake).await
    });
    test(&runtime, &server);
    runtime.block_on(async {
        assert_eq!(server.once(get("/ping")).await.body, "pong");
        server.stopped().await;
    });
}

#[test]
fn random_bytes_never_stop_the_listener() {
    let pieces = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        Just(b"POST / HTTP/1.1\r\n".to_vec()),
        Just(b"content-length: 5\r\n".to_vec()),
        Just(b"transfer-encoding: chunked\r\n".to_vec()),
        Just(b"content-encoding: gzip\r\n".to_vec()),
        Just(b"expect: 100-continue\r\n".to_vec()),
        Just(b"connection: close\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"5\r\nhello\r\n0\r\n\r\n".to_vec()),
    ];
    let cases = proptest::collection::vec(pieces, 0..12);
    with_server(|runtime, server| {
        proptest!(ProptestConfig::with_cases(128), |(pieces in cases)| {
            runtime.block_on(async {
                let mut client = server.client().await;
                client.send(pieces.concat()).await;
                client.send_no_more().await;
                while client.read_answer().await.is_some() {}
                prop_assert_eq!(server.once(get("/ping")).await.status, 200);
                Ok(())
            })?;
        });
    });
}

#[test]
fn any_body_is_answered_and_its_connection_kept() {
    let encodings = prop_oneof![
        Just(""),
        Just("content-encoding: gzip\r\n"),
        Just("content-encoding: zstd\r\n"),
        Just("content-encoding: br\r\n"),
    ];
    let bodies = proptest::collection::vec(any::<u8>(), 0..2000);
    with_server(|runtime, server| {
        let client = RefCell::new(runtime.block_on(server.client()));
        proptest!(ProptestConfig::with_cases(256), |(headers in encodings, body in bodies)| {
            let answer = runtime.block_on(client.borrow_mut().post(headers, &body));
            let expected = match (headers, body.is_empty()) {
                ("", false) => 200,
                ("content-encoding: br\r\n", _) => 415,
                _ => 400,
            };
            prop_assert_eq!(answer.status, expected);
        });
    });
}
