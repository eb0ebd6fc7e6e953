//! gRPC-Web, as a browser speaks it: over HTTP/1.1.

use bytes::Bytes;
use falco_gateway::{pb, rpc::GrpcWeb};
use http_body_util::Full;
use hyper::{Request, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    captures::numbered_body,
    gateway::{Running, from_the_start, loopback},
    in_time,
};

const PAGE: &str = "https://alerts.example.com";

async fn for_the_page() -> Running {
    let mut config = loopback();
    config.grpc_web = GrpcWeb {
        allowed_origins: vec![PAGE.to_owned()],
    };
    Running::with(config).await
}

/// The whole answer to a request on a connection of its own.
async fn answer(gateway: &Running, head: &str, body: &[u8]) -> String {
    let address = gateway.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head =
        format!("{head}\r\nHost: gateway\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    in_time(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn call(method: &str, origin: &str) -> String {
    format!(
        "POST /falcogateway.v1.{method} HTTP/1.1\r\nContent-Type: application/grpc-web+proto\r\n{origin}"
    )
}

fn message(message: &impl Message) -> Vec<u8> {
    let length = u32::try_from(message.encoded_len()).unwrap();
    [&[0][..], &length.to_be_bytes(), &message.encode_to_vec()].concat()
}

/// Whether an alert of this number is in the answer. Its rule is looked for as it is on the
/// wire, with its length: cursors and ids are random text, which may well contain `r2`.
fn shows(answer: &str, number: usize) -> bool {
    let rule = pb::Alert {
        rule: format!("r{number}"),
        ..Default::default()
    };
    answer.contains(&*String::from_utf8_lossy(&rule.encode_to_vec()))
}

#[tokio::test]
async fn a_page_that_may_gets_streams_and_single_answers() {
    let gateway = for_the_page().await;
    let bodies = (0..3).map(|number| numbered_body(number, 0));
    gateway.post_all(bodies).await;
    let origin = format!("Origin: {PAGE}");

    let preflight = format!(
        "OPTIONS /falcogateway.v1.AlertService/StreamAlerts HTTP/1.1\r\n{origin}\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type,x-grpc-web"
    );
    let allowed = answer(&gateway, &preflight, &[]).await;
    assert!(allowed.starts_with("HTTP/1.1 200"), "{allowed}");
    for header in [
        "access-control-allow-origin: https://alerts.example.com",
        "access-control-allow-methods: POST",
        "access-control-allow-headers: content-type,x-grpc-web",
    ] {
        assert!(allowed.contains(header), "{header} is not in {allowed}");
    }

    let request = pb::StreamAlertsRequest {
        stop_at_head: true,
        ..from_the_start("priority = critical")
    };
    let head = call("AlertService/StreamAlerts", &origin);
    let streamed = answer(&gateway, &head, &message(&request)).await;
    assert!(streamed.contains("access-control-allow-origin: https://alerts.example.com"));
    assert!(shows(&streamed, 1) && !shows(&streamed, 2));
    assert!(streamed.contains("grpc-status:0"), "{streamed}");

    let head = call("AlertService/ListAlerts", &origin);
    let listed = answer(&gateway, &head, &message(&pb::ListAlertsRequest::default())).await;
    assert!(shows(&listed, 0) && listed.contains("grpc-status:0"));

    let wrong = message(&from_the_start("priority ="));
    let head = call("AlertService/StreamAlerts", &origin);
    let refused = answer(&gateway, &head, &wrong).await;
    assert!(refused.contains("grpc-status: 3"), "{refused}");
    assert!(refused.contains("grpc-status-details-bin"), "{refused}");
}

#[tokio::test]
async fn other_pages_get_nothing() {
    let gateway = for_the_page().await;
    let body = message(&pb::ListAlertsRequest::default());
    for origin in ["https://evil.example.com", "null", "http://127.0.0.1:5060"] {
        let head = call("AlertService/ListAlerts", &format!("Origin: {origin}"));
        let refused = answer(&gateway, &head, &body).await;
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
        assert!(refused.contains("grpc_web.allowed_origins"), "{refused}");
    }
    // Who is no browser has no origin.
    let head = call("AlertService/ListAlerts", "X-Other: 1");
    let listed = answer(&gateway, &head, &body).await;
    assert!(listed.contains("grpc-status:0"), "{listed}");
}

#[tokio::test]
async fn a_browser_that_just_looks_is_told_where_it_is() {
    let gateway = Running::start().await;
    let told = answer(&gateway, "GET / HTTP/1.1\r\nAccept: */*", &[]).await;
    assert!(told.starts_with("HTTP/1.1 415"), "{told}");
    assert!(told.contains("speaks gRPC"), "{told}");
}

#[tokio::test]
async fn the_end_of_the_gateway_does_not_wait_for_a_browser() {
    let gateway = Running::start().await;
    let address = gateway.address.strip_prefix("http://").unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut some = [0; 16];
    in_time(idle.read_exact(&mut some)).await.unwrap();
    let silent = TcpStream::connect(address).await.unwrap();
    gateway.stopped().await;
    drop((idle, silent));
}

#[tokio::test]
async fn a_page_cannot_hide_what_it_calls_behind_another_type_or_version() {
    let gateway = for_the_page().await;
    let body = message(&pb::ListAlertsRequest::default());
    for two in ["Origin: https://alerts.example.com\r\nOrigin: https://evil.example.com"] {
        let refused = answer(&gateway, &call("AlertService/ListAlerts", two), &body).await;
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    }
    // As a form sends it, which asks nobody first, and over HTTP/2, as with TLS.
    let address = gateway.address.strip_prefix("http://").unwrap();
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    for (origin, status) in [("https://evil.example.com", 403), (PAGE, 200)] {
        let request = Request::post("http://gateway/falcogateway.v1.IngestService/Publish")
            .header("content-type", "text/plain")
            .header("origin", origin)
            .body(Full::new(Bytes::from(message(
                &pb::PublishRequest::default(),
            ))))
            .unwrap();
        let answered = in_time(sender.send_request(request)).await.unwrap();
        assert_eq!(answered.status(), status, "{origin}");
    }
}
