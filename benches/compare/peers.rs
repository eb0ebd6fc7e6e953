//! Message brokers, with their defaults.

use std::{process::Command, sync::Arc};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    case::{Case, Selection},
    load::{Measured, Received, drain, payload, run},
    process::{Server, connect, free_port},
    tls,
};

/// NATS: any number of subscriptions on a connection.
pub(crate) async fn nats(case: &Case) -> Option<Measured> {
    let port = free_port();
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
    if case.tls {
        command.arg("--tls");
        for (option, file) in [("--tlscert", "server.crt"), ("--tlskey", "server.key")] {
            command.arg(option).arg(tls::folder().join(file));
        }
    }
    let server = Server::start(&mut command)?;
    let received = Arc::<Received>::default();
    let payload = payload();
    let mut bytes = 0;
    for connection in 0..case.connections {
        let ids = (connection..case.subscribers).step_by(case.connections);
        let mut greeting = "CONNECT {\"verbose\":false}\r\n".to_owned();
        for id in ids {
            let subject = subject(case.sort_of(id));
            greeting.extend(["SUB ", &subject, " ", &id.to_string(), "\r\n"]);
            let message = format!("MSG {subject} {id} {}\r\n\r\n", payload.len());
            bytes += (message.len() + payload.len()) * case.matching();
        }
        let stream = welcomed(case, port).await;
        let stream = subscribed(stream, &(greeting + "PING\r\n"), "PONG\r\n").await;
        drain(stream, Arc::clone(&received));
    }
    let publisher = welcomed(case, port).await;
    let greeting = "CONNECT {\"verbose\":false}\r\nPING\r\n";
    let mut publisher = subscribed(publisher, greeting, "PONG\r\n").await;
    let mut burst = Vec::new();
    for alert in 0..case.burst {
        let subject = subject(case.sort_of_alert(alert));
        burst.extend(format!("PUB {subject} {}\r\n", payload.len()).into_bytes());
        burst.extend(&payload);
        burst.extend(b"\r\n");
    }
    let bytes = bytes as u64;
    let publish = async || {
        publisher.write_all(&burst).await.unwrap();
        publisher.flush().await.unwrap();
    };
    Some(run(case, &server, &received, bytes, publish).await)
}

/// A connection to NATS, which says who it is before TLS begins.
async fn welcomed(case: &Case, port: u16) -> Box<dyn tls::Stream> {
    let mut stream = connect(port).await;
    until(&mut stream, "\r\n").await;
    tls::client(case, stream).await
}

fn subject(sort: Option<usize>) -> String {
    sort.map_or_else(|| "a".to_owned(), |sort| format!("a.{sort}"))
}

/// Redis: a channel once on a connection.
pub(crate) async fn redis(case: &Case) -> Option<Measured> {
    if case.connections != case.subscribers || case.selection != Selection::All || case.tls {
        return None;
    }
    let port = free_port();
    let mut command = Command::new("redis-server");
    let port_text = port.to_string();
    let arguments = ["--bind", "127.0.0.1", "--port", &port_text, "--save", ""];
    let server = Server::start(command.args(arguments))?;
    let received = Arc::<Received>::default();
    let payload = payload();
    let message = format!(
        "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n${}\r\n\r\n",
        payload.len()
    );
    for _ in 0..case.connections {
        let stream = subscribed(connect(port).await, "SUBSCRIBE a\r\n", ":1\r\n").await;
        drain(stream, Arc::clone(&received));
    }
    let publisher = connect(port).await;
    let (mut answers, mut publisher) = publisher.into_split();
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(1..) = answers.read(&mut buffer).await {}
    });
    let mut burst = Vec::new();
    for _ in 0..case.burst {
        burst.extend(
            format!("*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n${}\r\n", payload.len()).into_bytes(),
        );
        burst.extend(&payload);
        burst.extend(b"\r\n");
    }
    let bytes = ((message.len() + payload.len()) * case.burst * case.subscribers) as u64;
    let publish = async || publisher.write_all(&burst).await.unwrap();
    Some(run(case, &server, &received, bytes, publish).await)
}

/// The connection, on which `request` was answered with something that ends so.
async fn subscribed<S: tls::Stream>(mut stream: S, request: &str, end: &str) -> S {
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    until(&mut stream, end).await;
    stream
}

async fn until(stream: &mut impl tls::Stream, end: &str) {
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the peer hung up");
        answer.extend(&buffer[..read]);
    }
}
