//! Bodies in all their forms, and their limits.

use std::io::Write;

use bytes::Bytes;
use falco_gateway::{source::http::Config, units::Size};
use flate2::{Compression, write::GzEncoder};

use crate::support::{
    http::{Server, post},
    intake::{accept, intake, text},
};

const GZIP: &str = "content-encoding: gzip\r\n";
const ZSTD: &str = "content-encoding: zstd\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zstd(body: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(body, 3).unwrap()
}

fn small() -> Config {
    Config {
        max_body: Size(64 << 10),
        ..Config::default()
    }
}

#[tokio::test]
async fn compressed_bodies_get_in_as_what_they_were() {
    let (intake, mut taken) = intake(accept);
    let server = Server::start(Config::default(), intake).await;
    let mut client = server.client().await;
    let large = "x".repeat(3 << 20);
    let mut expected = Vec::new();
    for body in ["{}", large.as_str()] {
        let bytes = body.as_bytes();
        for (headers, sent) in [
            (GZIP, gzip(bytes)),
            ("Content-Encoding: X-Gzip\r\n", gzip(bytes)),
            (ZSTD, zstd(bytes)),
            ("content-encoding: identity\r\n", bytes.to_vec()),
        ] {
            assert_eq!(client.post(headers, sent).await.status, 200, "{headers}");
            expected.push(Bytes::copy_from_slice(bytes));
        }
    }
    // Compressed in parts, as log shippers do.
    let parts = [gzip(b"{\"a\":1}\n"), gzip(b"{\"b\":2}")].concat();
    assert_eq!(client.post(GZIP, parts).await.status, 200);
    expected.push(Bytes::from_static(b"{\"a\":1}\n{\"b\":2}"));
    assert!(taken.first(9).await == expected);
}

#[tokio::test]
async fn what_is_not_compressed_as_it_says_is_refused_and_the_connection_kept() {
    let (intake, mut taken) = intake(accept);
    let server = Server::start(Config::default(), intake).await;
    let mut client = server.client().await;
    let cut = gzip(b"{\"rule\":\"a rule\"}");
    for (headers, body) in [
        (GZIP, b"{}".as_slice()),
        (ZSTD, b"{}"),
        (GZIP, &cut[..cut.len() - 9]),
        (GZIP, b""),
    ] {
        let answer = client.post(headers, body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains("BAD_ENCODING"), "{}", answer.body);
    }
    for encoding in ["br", "deflate", "gzip, zstd", "\u{e9}"] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let answer = client.post(&headers, "{}").await;
        assert_eq!(answer.status, 415);
        assert!(answer.headers.contains("accept-encoding: gzip, zstd\r\n"));
    }
    assert_eq!(client.post("", "{}").await.status, 200);
    assert_eq!(taken.first(1).await, ["{}"]);
    assert_eq!(server.observed.rejected("BAD_ENCODING"), 4);
    assert_eq!(server.observed.rejected("UNSUPPORTED_ENCODING"), 4);
}

#[tokio::test]
async fn bombs_do_not_go_off() {
    let (intake, taken) = intake(accept);
    let server = Server::start(small(), intake).await;
    let mut client = server.client().await;
    let zeros = vec![0; 60 << 20];
    let nested = gzip(&zeros);
    assert!(nested.len() < 512 << 10);
    for (headers, body) in [(ZSTD, zstd(&zeros)), (GZIP, gzip(&zeros[..8 << 20]))] {
        let answer = client.post(headers, body).await;
        assert_eq!(answer.status, 413, "{headers} {}", answer.body);
    }
    assert_eq!(server.observed.rejected("PAYLOAD_TOO_LARGE"), 2);
    // An empty frame that claims a window of 64 MiB: magic, descriptor, window.
    let claim = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 16 << 3, 0x01, 0x00, 0x00];
    let answer = client.post(ZSTD, claim).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("BAD_ENCODING"), "{}", answer.body);
    assert!(taken.now().is_empty());
}

#[tokio::test]
async fn a_large_body_is_refused_and_what_can_be_kept_of_its_connection_is() {
    let (intake, mut taken) = intake(accept);
    let server = Server::start(small(), intake).await;
    let limit = 64 << 10;
    let mut client = server.client().await;
    assert_eq!(client.post("", vec![b'x'; limit]).await.status, 200);
    let answer = client.post("", vec![b'x'; limit + 1]).await;
    assert_eq!(answer.status, 413);
    assert_eq!(
        answer.body,
        "{\"accepted\":0,\"refused\":1,\"refusals\":[{\"index\":0,\"reason\":\"PAYLOAD_TOO_LARGE\",\
         \"message\":\"the body, decompressed, is larger than 64KiB\"}]}"
    );
    assert_eq!(client.post("", "{}").await.status, 200);
    // One that is far too large is not waited for, but its sender gets the answer
    // even if it sends everything first.
    assert!(client.send(post("", vec![b'x'; 8 << 20])).await);
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert!(answer.headers.contains("connection: close\r\n"));
    assert_eq!(taken.first(2).await.len(), 2);
    assert_eq!(server.observed.rejected("PAYLOAD_TOO_LARGE"), 2);
}

#[tokio::test]
async fn chunked_bodies_are_put_together_within_the_limit() {
    let (intake, mut taken) = intake(accept);
    let server = Server::start(small(), intake).await;
    let mut client = server.client().await;
    client
        .send(format!(
            "{CHUNKED}2\r\n{{\"\r\n5;x=y\r\na\":1}}\r\n0\r\n\r\n"
        ))
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(text(&taken.first(1).await[0]), "{\"a\":1}");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let body = chunk.repeat(17);
    client.send(format!("{CHUNKED}{body}0\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 413);
    assert_eq!(client.post("", "{}").await.status, 200);
    client
        .send(format!("{CHUNKED}zz\r\n{{}}\r\n0\r\n\r\n"))
        .await;
    assert_eq!(client.answer().await.status, 400);
    client.end().await;
    assert_eq!(server.observed.rejected("INCOMPLETE_BODY"), 1);
}

#[tokio::test]
async fn a_sender_that_asks_first_is_told_to_go_on_or_not_to() {
    let (intake, mut taken) = intake(accept);
    let server = Server::start(small(), intake).await;
    let head = |length: usize| {
        format!(
            "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let mut client = server.client().await;
    client.send(head(2)).await;
    assert_eq!(client.answer().await.status, 100);
    client.send("{}").await;
    assert_eq!(client.answer().await.status, 200);
    client.send(head(1 << 20)).await;
    assert_eq!(client.answer().await.status, 413);
    client.end().await;
    assert_eq!(taken.first(1).await.len(), 1);
}

#[tokio::test]
async fn a_sender_that_leaves_before_the_body_ends_is_counted() {
    let (intake, taken) = intake(accept);
    let server = Server::start(Config::default(), intake).await;
    let mut client = server.client().await;
    let whole = post("", "{\"rule\":1}");
    client.send(&whole[..whole.len() - 3]).await;
    client.send_no_more().await;
    assert_eq!(client.answer().await.status, 400);
    client.end().await;
    let status = server.stopped().await.status();
    assert_eq!(status.received, 1);
    assert_eq!(status.rejected.get("INCOMPLETE_BODY"), Some(&1));
    assert!(taken.now().is_empty());
}
