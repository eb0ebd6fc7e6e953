//! Coming up, and going down in order.

use std::{
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixListener as StdUnixListener,
    },
    time::Duration,
};

use falco_gateway::{
    config::{Listen, Mode, Socket},
    gateway::{Gateway, ListenError, StartError},
    pb::{self, stream_frame::Kind},
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{
    captures::numbered_body,
    frames::Frames,
    gateway::{Running, from_the_start, loopback},
    in_time, unix,
};

#[tokio::test]
async fn streams_get_everything_and_are_told_to_come_back() {
    let gateway = Running::start().await;
    let mut health = HealthClient::new(gateway.channel());
    let request = HealthCheckRequest {
        service: String::new(),
    };
    let mut health = health.watch(request).await.unwrap().into_inner();
    while in_time(health.message()).await.unwrap().unwrap().status != 1 {}
    let mut stream = gateway.stream(from_the_start("")).await;
    stream.opened().await;
    gateway
        .post_all((0..50).map(|number| numbered_body(number, 1000)))
        .await;
    gateway.begin_shutdown();
    assert_eq!(in_time(health.message()).await.unwrap().unwrap().status, 2);
    assert_eq!(stream.records(50).await.len(), 50);
    let closing = stream
        .find(|kind| match kind {
            Kind::Closing(closing) => Some(closing),
            _ => None,
        })
        .await;
    assert_eq!(closing.reason(), pb::ClosingReason::Draining);
    assert!(closing.resume_delay.is_some());
    assert!(stream.try_next().await.unwrap().is_none());
    assert!(in_time(health.message()).await.unwrap().is_none());
    gateway.stopped().await;
}

/// Whoever holds a connection, and however: the end comes within its deadlines.
#[tokio::test(flavor = "multi_thread")]
async fn stuck_peers_of_every_kind_cannot_hold_the_shutdown() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    let gateway = Running::start().await;
    let mut stuck = gateway.stream(from_the_start("")).await;
    stuck.opened().await;
    let grpc = gateway.address.strip_prefix("http://").unwrap().to_owned();
    let (http, operations) = (gateway.http_address(), gateway.operations_address());
    let mut held = Vec::new();
    for (address, said) in [
        (grpc.clone(), &b""[..]),
        (grpc.clone(), &PREFACE[..5]),
        (grpc.clone(), PREFACE),
        (grpc, b"POST / HTTP/1.1\r\n"),
        (http.to_string(), b""),
        (
            http.to_string(),
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx",
        ),
        (operations.to_string(), b""),
        (operations.to_string(), b"GET /metrics HTTP/1.1\r\n"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        held.push(stream);
    }
    // Alerts that nobody reads, more than windows hold.
    let bodies = (0..200).map(|number| numbered_body(number, 20_000));
    gateway.post_all(bodies).await;
    let began = Instant::now();
    gateway.stopped().await;
    let took = began.elapsed();
    // Sources have 6 s, and streams 5 behind them.
    assert!(took < Duration::from_secs(13), "{took:?}");
    drop((held, stuck));
}

#[tokio::test]
async fn a_reader_that_does_not_read_cannot_hold_the_shutdown() {
    let gateway = Running::start().await;
    let mut stuck = gateway.stream(from_the_start("")).await;
    stuck.opened().await;
    gateway
        .post_all((0..400).map(|number| numbered_body(number, 30_000)))
        .await;
    let begun = Instant::now();
    gateway.stopped().await;
    assert!(begun.elapsed() < Duration::from_secs(12));
    drop(stuck);
}

#[tokio::test]
async fn a_unix_socket_serves_and_goes_with_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/gateway.sock");
    let mut config = loopback();
    config
        .listen
        .push(Listen::plaintext(format!("unix://{}", path.display())));
    let gateway = Running::with(config).await;
    let channel = unix::connect(path.clone()).await;
    let mut client = pb::alert_service_client::AlertServiceClient::new(channel);
    let response = in_time(client.stream_alerts(from_the_start("")))
        .await
        .unwrap();
    let mut stream = Frames::new(response.into_inner());
    stream.opened().await;
    gateway.post_all([numbered_body(1, 0)]).await;
    assert_eq!(stream.records(1).await.len(), 1);
    drop((stream, client));
    gateway.stopped().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_left_behind_is_taken_over_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.sock");
    let mut config = loopback();
    config.data_dir = folder.path().join("data");
    config.listen = vec![Listen::plaintext(format!("unix://{}", path.display()))];
    let in_use = StdUnixListener::bind(&path).unwrap();
    let refused = Gateway::bind(config.clone()).await.unwrap_err();
    assert!(
        matches!(refused, StartError::Listen(ListenError::Taken { .. })),
        "{refused}"
    );
    drop(in_use);
    assert!(path.exists());
    drop(Gateway::bind(config.clone()).await.unwrap());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "somebody's").unwrap();
    let refused = Gateway::bind(config).await.unwrap_err();
    assert!(
        matches!(refused, StartError::Listen(ListenError::Bind { .. })),
        "{refused}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's");
}

#[tokio::test]
async fn plaintext_off_loopback_must_be_asked_for() {
    let mut config = loopback();
    let data = tempfile::tempdir().unwrap();
    config.data_dir = data.path().to_owned();
    config.listen = vec![Listen::plaintext("0.0.0.0:0")];
    let refused = Gateway::bind(config.clone()).await.unwrap_err();
    assert!(
        refused.to_string().contains("allow_plaintext_off_loopback"),
        "{refused}"
    );
    config.allow_plaintext_off_loopback = true;
    Gateway::bind(config).await.unwrap();
}

#[tokio::test]
async fn a_socket_is_its_users_alone_unless_more_is_said() {
    let group = nix::unistd::Group::from_gid(nix::unistd::getgid());
    let group = group.unwrap().unwrap();
    for (socket, mode) in [
        (Socket::default(), 0o600),
        (
            Socket {
                group: Some(group.name.clone()),
                ..Socket::default()
            },
            0o660,
        ),
        (
            Socket {
                mode: Some(Mode(0o666)),
                group: Some(group.gid.to_string()),
            },
            0o666,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        // The folder is made, too.
        let path = folder.path().join("run/falco/falco.sock");
        let mut config = loopback();
        config.data_dir = folder.path().to_owned();
        config.listen.push(Listen {
            socket,
            ..Listen::plaintext(format!("unix://{}", path.display()))
        });
        let _gateway = Gateway::bind(config).await.unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode);
        assert_eq!(found.gid(), group.gid.as_raw());
    }
}

#[tokio::test]
async fn a_group_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.sock");
    let mut config = loopback();
    config.data_dir = folder.path().to_owned();
    config.listen = vec![Listen {
        socket: Socket {
            group: Some("no-such-group".to_owned()),
            ..Socket::default()
        },
        ..Listen::plaintext(format!("unix://{}", path.display()))
    }];
    let refused = Gateway::bind(config).await.unwrap_err().to_string();
    assert!(refused.contains("no-such-group"), "{refused}");
}
