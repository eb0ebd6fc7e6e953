//! Syslog on sockets; a real receiver is in `tests/receivers`.

use std::time::Duration;

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpSocket, TcpStream, UdpSocket},
};

use super::{bridges, post, with};
use crate::support::in_time;

fn syslog(address: &str) -> Vec<falco_gateway::bridge::Config> {
    bridges(&format!(
        "- name: siem\n  max_backoff: 50ms\n  syslog: {{address: \"{address}\", settle: 50ms}}\n"
    ))
}

/// The next message of a stream, by its length.
async fn message(stream: &mut TcpStream) -> String {
    let mut length = 0;
    loop {
        match in_time(stream.read_u8()).await.unwrap() {
            b' ' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut message = vec![0; length];
    in_time(stream.read_exact(&mut message)).await.unwrap();
    String::from_utf8(message).unwrap()
}

fn rule(message: &str) -> String {
    let parsed = syslog_loose::parse_message(message, syslog_loose::Variant::RFC5424);
    let data = &parsed.structured_data[0];
    let mut parameters = data.params();
    let rule = parameters.find(|(name, _)| **name == "rule");
    rule.unwrap().1
}

#[tokio::test]
async fn each_message_has_its_length_before_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = with(syslog(&format!("tcp://{}", listener.local_addr().unwrap()))).await;
    post(&gateway, 0..20).await;
    let (mut stream, _) = in_time(listener.accept()).await.unwrap();
    for number in 0..20 {
        let message = message(&mut stream).await;
        assert!(message.starts_with("<13"), "{message}");
        assert_eq!(rule(&message), format!("r{number}"));
    }
    assert_eq!(gateway.settled(20).await.delivered, 20);
}

#[tokio::test]
async fn what_was_written_to_one_that_hangs_up_is_written_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = with(syslog(&format!("tcp://{}", listener.local_addr().unwrap()))).await;
    post(&gateway, 0..1).await;
    // It is killed before it has read: the write itself went well.
    let (stream, _) = in_time(listener.accept()).await.unwrap();
    in_time(stream.readable()).await.unwrap();
    drop(stream);
    let (mut stream, _) = in_time(listener.accept()).await.unwrap();
    assert_eq!(rule(&message(&mut stream).await), "r0");
    let status = gateway.settled(1).await;
    assert_eq!((status.delivered, status.retries), (1, 1));
    // So one that hung up while there was nothing to send.
    drop(stream);
    post(&gateway, 1..2).await;
    let (mut stream, _) = in_time(listener.accept()).await.unwrap();
    assert_eq!(rule(&message(&mut stream).await), "r1");
}

#[tokio::test]
async fn a_datagram_holds_one_message() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let gateway = with(syslog(&format!("udp://{}", socket.local_addr().unwrap()))).await;
    post(&gateway, 0..5).await;
    for number in 0..5 {
        let mut datagram = vec![0; 65_536];
        let length = in_time(socket.recv(&mut datagram)).await.unwrap();
        let message = std::str::from_utf8(&datagram[..length]).unwrap();
        assert_eq!(rule(message), format!("r{number}"));
    }
}

/// A full receiver is waited for.
#[tokio::test]
async fn a_receiver_that_does_not_read_stops_its_bridge_alone() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut config = syslog(&format!("tcp://{}", listener.local_addr().unwrap()));
    config[0].timeout.0 = Duration::from_millis(300);
    config[0].batch.alerts = 2000;
    let gateway = with(config).await;
    let bodies = (0..2000).map(|it| crate::support::captures::numbered_body(it, 6000));
    gateway.post_all(bodies).await;
    let (stalled, _) = in_time(listener.accept()).await.unwrap();
    let status = gateway.bridge_that(|it| it.retries > 0).await;
    assert!(
        status.detail.contains("did not answer within"),
        "{}",
        status.detail
    );
    drop(stalled);
}
