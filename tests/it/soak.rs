//! A gateway under everything at once, for a while: no alert is lost or comes twice, and
//! memory stays where it was.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use falco_gateway::{
    client::{AlertStream, Event},
    pb::{self, stream_alerts_request::Start},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinHandle};
use tonic::transport::Channel;

use crate::support::{
    captures::numbered_body,
    gateway::from_the_start,
    http::Client,
    process::{Process, serve},
    soon,
};

/// How many alerts, unless `FALCO_GATEWAY_SOAK_ALERTS` says.
const ALERTS: usize = 20_000;

/// Posted with one request.
const AT_ONCE: usize = 20;

/// What memory may grow by in the second half, in KiB. The log's share of it is full then.
const GROWTH: u64 = 32 << 10;

/// Does something again and again, until it is over.
fn again<F, W>(over: &Arc<AtomicBool>, mut work: W) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send,
    W: FnMut(usize) -> F + Send + 'static,
{
    let over = Arc::clone(over);
    tokio::spawn(async move {
        let mut round = 0;
        while !over.load(Ordering::Relaxed) {
            work(round).await;
            round += 1;
        }
    })
}

/// Follows everything, and ends with the rules that came.
fn follow(channel: Channel, alerts: usize) -> JoinHandle<Vec<String>> {
    let mut stream = AlertStream::new(channel, from_the_start(""));
    tokio::spawn(async move {
        let mut rules = Vec::with_capacity(alerts);
        while rules.len() < alerts {
            // Of the whole nobody can say how long it takes, as long as it goes on.
            match soon("the next", stream.next()).await.unwrap().unwrap() {
                Event::Alert { alert, .. } => rules.push(alert.rule),
                Event::Loss { notice, .. } => panic!("{notice:?}"),
                _ => {}
            }
        }
        rules
    })
}

/// Opens streams and drops them, each at another place.
async fn come_and_go(channel: Channel) {
    let mut client = pb::alert_service_client::AlertServiceClient::new(channel);
    let request = pb::StreamAlertsRequest {
        start: Some(Start::Last(fastrand::u32(..500))),
        filter: ["", "priority >= critical", "rule glob \"*9\""][fastrand::usize(..3)].to_owned(),
        ..Default::default()
    };
    if let Ok(answer) = client.stream_alerts(request).await {
        let mut frames = answer.into_inner();
        for _ in 0..fastrand::usize(1..5) {
            let _ = tokio::time::timeout(Duration::from_millis(20), frames.message()).await;
        }
    }
}

/// What is no request, no alert, or only half of one.
async fn garbage(http: std::net::SocketAddr, round: usize) {
    let pieces: [&[u8]; 5] = [
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{\"rule\":",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nno alert!",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"\x00\xff\x00\xff",
    ];
    if let Ok(mut stream) = TcpStream::connect(http).await {
        let _ = stream.write_all(pieces[round % pieces.len()]).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn post(http: std::net::SocketAddr, numbers: std::ops::Range<usize>) {
    let mut client = Client::connect(http).await;
    for first in numbers.step_by(AT_ONCE) {
        let bodies: Vec<_> = (first..first + AT_ONCE)
            .map(|number| numbered_body(number, 600))
            .collect();
        let answer = soon("an answer", client.post("", bodies.join("\n")));
        assert_eq!(answer.await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_loses_nothing_and_keeps_no_memory() {
    let alerts = std::env::var("FALCO_GATEWAY_SOAK_ALERTS");
    let alerts = alerts.map_or(ALERTS, |alerts| alerts.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let command = serve(folder.path(), "{memory: 1MiB}");
    let config = folder.path().join("gateway.yaml");
    let yaml = std::fs::read_to_string(&config).unwrap();
    let gateway = Process::of(command, folder.path()).await;
    let id = Pid::from_raw(i32::try_from(gateway.id()).unwrap());
    let (http, channel) = (gateway.http, gateway.channel());
    let readers = [
        follow(channel.clone(), alerts),
        follow(channel.clone(), alerts),
    ];
    // One that stalls, for as long as it goes on.
    let mut stalled = gateway.alerts();
    let stalled = stalled.stream_alerts(from_the_start("")).await.unwrap();
    let over = Arc::<AtomicBool>::default();
    let others = [
        again(&over, move |_| come_and_go(channel.clone())),
        again(&over, move |round| garbage(http, round)),
        again(&over, move |round| {
            // Those who hold it go on by themselves, whatever it is called.
            let grant = format!(
                "access: {{grants: [{{name: a{}, to: ['*'], may: [read, admin]}}]}}\n",
                round % 2
            );
            std::fs::write(&config, format!("{yaml}{grant}")).unwrap();
            kill(id, Signal::SIGHUP).unwrap();
            tokio::time::sleep(Duration::from_millis(150))
        }),
    ];
    post(http, 0..alerts / 2).await;
    let half = gateway.resident();
    post(http, alerts / 2..alerts).await;
    let wanted: Vec<_> = (0..alerts).map(|number| format!("r{number}")).collect();
    for reader in readers {
        let rules = reader.await.unwrap();
        assert!(
            rules == wanted,
            "{} came, in another order or twice",
            rules.len()
        );
    }
    let whole = gateway.resident();
    over.store(true, Ordering::Relaxed);
    for other in others {
        soon("the end", other).await.unwrap();
    }
    drop(stalled);
    println!("{alerts} alerts: {half} KiB at half of them, {whole} KiB in the end");
    assert!(
        whole < half + GROWTH,
        "memory grew from {half} to {whole} KiB"
    );
}
