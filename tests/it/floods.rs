//! What a hostile peer can do to the gRPC listeners: others are served, and memory stays
//! where it was.

use std::{path::Path, time::Duration};

use falco_gateway::pb;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{
    captures::numbered_body,
    frames::Frames,
    gateway::from_the_start,
    http::Client,
    in_time,
    process::{Process, serve},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const LIMITS: &str = "{connections: 200, connections_per_address: 60, calls: 6000, \
                      calls_per_address: 4000, calls_per_connection: 1000, \
                      greeting_time: 1s, request_time: 1s, keep_alive: 2s}";

/// How long a flood goes on, and from how many connections.
const TIME: Duration = Duration::from_millis(700);
const FLOODERS: usize = 4;

/// What memory may grow by meanwhile, in KiB: buffers of a connection, and what the
/// allocator keeps of them.
const GROWTH: u64 = 128 << 10;

/// And when the same comes again.
const AGAIN: u64 = 32 << 10;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}

/// A call's headers: POST, http, the path, the authority, the type of content.
fn call(path: &str) -> Vec<u8> {
    let named = |name: &str, value: &str| [&[0][..], &text(name), &text(value)].concat();
    let parts = [
        vec![0x83, 0x86],
        [&[0x44][..], &text(path)].concat(),
        [&[0x41][..], &text("gateway")].concat(),
        named("content-type", "application/grpc"),
        named("te", "trailers"),
    ];
    parts.concat()
}

const LIST: &str = "/falcogateway.v1.AlertService/ListAlerts";
const STREAM: &str = "/falcogateway.v1.AlertService/StreamAlerts";

/// An endless supply of something hostile, a piece at a time. The first piece comes after
/// the preface.
type Flood = fn(u32) -> Vec<u8>;

const FLOODS: [(&str, Flood); 11] = [
    ("rapid reset", |turn| {
        let stream = 2 * turn + 1;
        let reset = frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
        [frame(HEADERS, END_HEADERS, stream, &call(LIST)), reset].concat()
    }),
    ("settings", |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])),
    ("pings", |_| frame(PING, 0, 0, &[7; 8])),
    ("continuation", |turn| match turn {
        0 => frame(HEADERS, 0, 1, &call(LIST)),
        _ => frame(CONTINUATION, 0, 1, &[0; 64]),
    }),
    ("large headers", |turn| {
        let large = [
            &[0][..],
            &text("x"),
            &[0x7f, 0x81, 0xfe, 0],
            &[b'a'; 16_000],
        ]
        .concat();
        let block = [call(LIST), large].concat();
        frame(HEADERS, END_HEADERS, 2 * turn + 1, &block)
    }),
    ("calls that never end", |turn| {
        let stream = 2 * turn + 1;
        let headers = frame(HEADERS, END_HEADERS, stream, &call(LIST));
        // Of a message that is said to be large, the beginning.
        let data = frame(DATA, 0, stream, &[0, 0, 1, 0, 0, 1, 2, 3]);
        [headers, data].concat()
    }),
    ("streams that are not read", |turn| {
        let stream = 2 * turn + 1;
        let settings = match turn {
            // Its windows are shut.
            0 => frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
            _ => Vec::new(),
        };
        let headers = frame(HEADERS, END_HEADERS, stream, &call(STREAM));
        // From the earliest on.
        let data = frame(DATA, END_STREAM, stream, &[0, 0, 0, 0, 2, 0x2a, 0]);
        [settings, headers, data].concat()
    }),
    ("empty data", |turn| match turn {
        0 => frame(HEADERS, END_HEADERS, 1, &call(LIST)),
        _ => frame(DATA, 0, 1, &[]),
    }),
    ("priorities", |turn| {
        frame(PRIORITY, 0, 2 * turn + 1, &[0, 0, 0, 0, 1])
    }),
    ("window updates", |_| {
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])
    }),
    ("garbage", |turn| {
        vec![u8::try_from(turn % 251).unwrap(); 333]
    }),
];

/// A gateway with tight limits, and the address of its listener.
async fn start(folder: &Path) -> (Process, String) {
    let command = serve(folder, "{}");
    let config = folder.join("gateway.yaml");
    let yaml = std::fs::read_to_string(&config).unwrap();
    let yaml = yaml.replacen("listen: [", "listen: [\"127.0.0.1:0\", ", 1);
    std::fs::write(&config, format!("{yaml}limits: {LIMITS}\n")).unwrap();
    let gateway = Process::of(command, folder).await;
    let address = gateway.grpc.clone();
    (gateway, address)
}

/// Sends a flood until it is over, or the gateway has had enough, and begins again.
async fn flood(address: String, flood: Flood) {
    let _ = timeout(TIME, async {
        loop {
            // Refused: there are others already.
            let Ok(stream) = TcpStream::connect(&address).await else {
                continue;
            };
            let (mut answers, mut stream) = stream.into_split();
            let reading = tokio::spawn(async move {
                let mut answer = vec![0; 64 << 10];
                while answers.read(&mut answer).await.is_ok_and(|read| read > 0) {}
            });
            let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
            for turn in 0.. {
                bytes.extend(flood(turn));
                if bytes.len() > 16 << 10 {
                    if stream.write_all(&bytes).await.is_err() {
                        break;
                    }
                    bytes.clear();
                    tokio::task::yield_now().await;
                }
            }
            reading.abort();
        }
    })
    .await;
}

/// Posts alerts and has them come, while the floods go on.
async fn is_served(gateway: &Process, frames: &mut Frames, numbers: std::ops::Range<usize>) {
    let mut client = Client::connect(gateway.http).await;
    for number in numbers {
        assert_eq!(
            client.post("", numbered_body(number, 500)).await.status,
            200
        );
        let records = frames.records(1).await;
        let alert = records[0].decode_alert().unwrap();
        assert_eq!(alert.rule, format!("r{number}"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_hold_up_nobody_and_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, address) = start(folder.path()).await;
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
    let mut healthy =
        pb::alert_service_client::AlertServiceClient::new(channel.connect().await.unwrap());
    let stream = in_time(healthy.stream_alerts(from_the_start("")))
        .await
        .unwrap();
    let mut frames = Frames::new(stream.into_inner());
    is_served(&gateway, &mut frames, 0..50).await;
    let mut number = 50;
    // What is left of the first round the second finds again, or it was lost.
    for most in [GROWTH, AGAIN] {
        let before = gateway.resident();
        for (name, flooding) in FLOODS {
            let flooders: Vec<_> = (0..FLOODERS)
                .map(|_| tokio::spawn(flood(address.clone(), flooding)))
                .collect();
            is_served(&gateway, &mut frames, number..number + 10).await;
            number += 10;
            // Who comes from elsewhere gets in meanwhile.
            let list = pb::ListAlertsRequest::default();
            in_time(gateway.alerts().list_alerts(list)).await.unwrap();
            for flooder in flooders {
                flooder.await.unwrap();
            }
            let grown = gateway.resident().saturating_sub(before);
            println!("{name}: {grown} KiB more than before");
            assert!(grown < most, "{name}: memory grew by {grown} KiB");
        }
    }
    // A new client gets in as before.
    let list = pb::ListAlertsRequest::default();
    in_time(healthy.list_alerts(list)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, address) = start(folder.path()).await;
    let mut silent = Vec::new();
    for number in 0..80_usize {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        // Some say a little.
        let said = &PREFACE[..number % 20];
        // Those that are too many are closed meanwhile.
        let _ = stream.write_all(said).await;
        silent.push(stream);
    }
    // All are closed, none before its time but those that were too many.
    for mut stream in silent {
        let mut answer = Vec::new();
        let _ = in_time(stream.read_to_end(&mut answer)).await;
    }
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = in_time(channel.connect()).await.unwrap();
    let mut client = pb::alert_service_client::AlertServiceClient::new(channel);
    let list = pb::ListAlertsRequest::default();
    in_time(client.list_alerts(list)).await.unwrap();
    drop(gateway);
}
