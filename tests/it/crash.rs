//! Promise: what an ingest answered for is on disk, a followed file is taken
//! whole, and a cursor that resumes repeats and skips nothing; a durable
//! subscription gives again what was not acknowledged, and nothing that was
//! confirmed. A real process is killed at random moments.

mod durable;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions},
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use falco_gateway::pb::{
    self, ingest_service_client::IngestServiceClient, stream_alerts_request::Start,
    stream_frame::Kind,
};
use tokio::task::JoinHandle;
use tonic::transport::Channel;

use self::durable::Durable;
use crate::support::{
    captures::numbered_body,
    frames::alerts,
    gateway::from_the_start,
    http::Client,
    process::{Process, events, segments},
    soon,
};

/// How often the gateway is killed; `scripts/test` asks for more.
const ROUNDS: &str = "FALCO_GATEWAY_CRASH_ROUNDS";
const FEW_ROUNDS: usize = 12;

const SENDERS: usize = 4;

/// Segments are full every now and then, and retention has work.
const LOG: &str = "{retention_bytes: 4MiB}";

/// What was seen of the gateway over all its lives.
struct Seen {
    posted: Arc<AtomicUsize>,
    /// Answered with 200.
    acknowledged: BTreeSet<usize>,
    /// What each sender sent, in its order.
    sent: BTreeMap<(usize, usize), Vec<usize>>,
    /// Lines that were written to the file that is followed.
    written: usize,
    /// What a subscriber got that always resumed after its last record.
    followed: Vec<usize>,
    /// And of the file.
    followed_file: Vec<usize>,
    cursor: Option<String>,
    durable: Durable,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_for_is_lost_and_nothing_comes_twice() {
    let rounds = std::env::var(ROUNDS).map_or(FEW_ROUNDS, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Seen::of(folder.path());
    for round in 0..rounds {
        live(folder.path(), round, &mut seen).await;
        match round % 4 {
            0 => damage_tail(folder.path(), b"rubbish that is no record"),
            1 => damage_tail(folder.path(), &[0; 8192]),
            2 => damage_tail(folder.path(), &beginning_of_a_record(folder.path())),
            _ => {}
        }
    }
    let gateway = Process::start(folder.path(), LOG).await;
    seen.follow_to_the_end(&gateway).await;
    let head = seen.cursor.clone().unwrap();
    seen.durable.finish(&gateway, &head).await;
    let all = read(&gateway, from_the_start("")).await;
    println!(
        "{rounds} rounds, {} posted, {} acknowledged, {} lines, {} repeated, {} in the log",
        seen.posted.load(Ordering::Relaxed),
        seen.acknowledged.len(),
        seen.written,
        seen.followed_file.len() - seen.written,
        all.len()
    );
    assert!(seen.acknowledged.len() > rounds, "hardly anything was sent");
    seen.check(&all);
}

/// One life of the gateway, under load, to its sudden end.
async fn live(folder: &Path, round: usize, seen: &mut Seen) {
    let gateway = Process::start(folder, LOG).await;
    let mut senders: Vec<_> = (1..SENDERS)
        .map(|_| tokio::spawn(post(gateway.http, Arc::clone(&seen.posted))))
        .collect();
    let publisher = publish(gateway.ingest(), Arc::clone(&seen.posted));
    senders.push(tokio::spawn(publisher));
    seen.write_lines(folder);
    let follower = follow(&gateway, seen.request()).await;
    let consumer = seen.durable.consume(&gateway).await;
    tokio::time::sleep(Duration::from_micros(fastrand::u64(1_000..60_000))).await;
    gateway.kill().await;
    for (sender, task) in senders.into_iter().enumerate() {
        let (sent, acknowledged) = soon("a sender", task).await.unwrap();
        seen.sent.insert((round, sender), sent);
        seen.acknowledged.extend(acknowledged);
    }
    let records = soon("the follower", follower).await.unwrap();
    seen.got(&records);
    let life = soon("the consumer", consumer).await.unwrap();
    seen.durable.ended(&life);
}

/// What a sender sent, and what of it was answered.
type Sent = (Vec<usize>, Vec<usize>);

/// Posts one alert after the other until the gateway is gone.
async fn post(gateway: SocketAddr, posted: Arc<AtomicUsize>) -> Sent {
    let mut client = Client::connect(gateway).await;
    let (mut sent, mut acknowledged) = (Vec::new(), Vec::new());
    loop {
        let number = posted.fetch_add(1, Ordering::Relaxed);
        let body = numbered_body(number, fastrand::usize(0..2000));
        let length = body.len();
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        sent.push(number);
        if !client.send(head + &body).await {
            return (sent, acknowledged);
        }
        match client.read_answer().await {
            Some(answer) => assert_eq!(answer.status, 200, "{}", answer.body),
            None => return (sent, acknowledged),
        }
        acknowledged.push(number);
    }
}

/// Publishes a few alerts after the others until the gateway is gone.
async fn publish(mut gateway: IngestServiceClient<Channel>, posted: Arc<AtomicUsize>) -> Sent {
    let (mut sent, mut acknowledged) = (Vec::new(), Vec::new());
    loop {
        let count = fastrand::usize(1..5);
        let first = posted.fetch_add(count, Ordering::Relaxed);
        let numbers = first..first + count;
        let documents = numbers
            .clone()
            .map(|number| numbered_body(number, 100).into());
        let request = pb::PublishRequest {
            documents: documents.collect(),
        };
        sent.extend(numbers.clone());
        match gateway.publish(request).await {
            Ok(answer) => assert_eq!(answer.into_inner().accepted, count as u64),
            Err(_) => return (sent, acknowledged),
        }
        acknowledged.extend(numbers);
    }
}

/// Reads until the gateway is gone.
async fn follow(
    gateway: &Process,
    request: pb::StreamAlertsRequest,
) -> JoinHandle<Vec<pb::AlertRecord>> {
    let mut frames = gateway
        .alerts()
        .stream_alerts(request)
        .await
        .unwrap()
        .into_inner();
    tokio::spawn(async move {
        let mut records = Vec::new();
        while let Ok(Some(frame)) = frames.message().await {
            match frame.kind {
                Some(Kind::Alerts(batch)) => records.extend(batch.records),
                Some(Kind::Loss(loss)) => panic!("{loss:?}"),
                _ => {}
            }
        }
        records
    })
}

async fn read(gateway: &Process, request: pb::StreamAlertsRequest) -> Vec<pb::AlertRecord> {
    let request = pb::StreamAlertsRequest {
        stop_at_head: true,
        ..request
    };
    let reading = follow(gateway, request).await;
    soon("everything", reading).await.unwrap()
}

/// The numbers of the alerts that came from this source.
fn numbers(records: &[pb::AlertRecord], is_file: bool) -> Vec<usize> {
    alerts(records)
        .iter()
        .filter(|alert| (alert.origin.as_ref().unwrap().source_id == "events") == is_file)
        .map(|alert| alert.rule[1..].parse().unwrap())
        .collect()
}

impl Seen {
    /// Of a gateway that is to work in `folder`.
    fn of(folder: &Path) -> Self {
        Self {
            posted: Arc::default(),
            acknowledged: BTreeSet::new(),
            sent: BTreeMap::new(),
            written: 0,
            followed: Vec::new(),
            followed_file: Vec::new(),
            cursor: None,
            durable: Durable::new(folder),
        }
    }

    fn request(&self) -> pb::StreamAlertsRequest {
        pb::StreamAlertsRequest {
            start: Some(match &self.cursor {
                Some(cursor) => Start::AfterCursor(cursor.clone()),
                None => Start::Earliest(()),
            }),
            ..pb::StreamAlertsRequest::default()
        }
    }

    fn got(&mut self, records: &[pb::AlertRecord]) {
        self.followed.extend(numbers(records, false));
        self.followed_file.extend(numbers(records, true));
        if let Some(last) = records.last() {
            self.cursor = Some(last.cursor.clone());
        }
    }

    /// Also what of the file is still to come.
    async fn follow_to_the_end(&mut self, gateway: &Process) {
        soon("the file's end", async {
            loop {
                let is_whole =
                    self.followed_file.iter().max() == self.written.checked_sub(1).as_ref();
                let records = read(gateway, self.request()).await;
                self.got(&records);
                if is_whole {
                    return;
                }
            }
        })
        .await;
    }

    /// What Falco writes meanwhile.
    fn write_lines(&mut self, folder: &Path) {
        let mut file = OpenOptions::new();
        let mut file = file.append(true).create(true).open(events(folder)).unwrap();
        for number in self.written..self.written + 30 {
            writeln!(file, "{}", numbered_body(number, 50)).unwrap();
        }
        self.written += 30;
    }

    /// The follower was there all the time; of the log retention took a part.
    fn check(&self, log: &[pb::AlertRecord]) {
        let places: BTreeMap<_, _> = self.followed.iter().zip(0..).collect();
        assert_eq!(places.len(), self.followed.len(), "an alert came twice");
        let lost: Vec<_> = self
            .acknowledged
            .iter()
            .filter(|number| !places.contains_key(number))
            .collect();
        assert!(
            lost.is_empty(),
            "{} are lost, {} first",
            lost.len(),
            lost[0]
        );
        for sent in self.sent.values() {
            let order: Vec<_> = sent
                .iter()
                .filter_map(|number| places.get(number))
                .collect();
            assert!(order.is_sorted(), "a sender's alerts are out of order");
        }
        let mut lines = self.followed_file.clone();
        lines.sort_unstable();
        lines.dedup();
        assert!(lines.into_iter().eq(0..self.written), "lines are lost");
        for (followed, is_file) in [(&self.followed, false), (&self.followed_file, true)] {
            let log = numbers(log, is_file);
            assert!(followed.ends_with(&log), "the follower saw another log");
        }
    }
}

/// What a write that was cut short may leave.
fn damage_tail(folder: &Path, rubbish: &[u8]) {
    let path = newest(folder);
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(rubbish).unwrap();
}

/// A part of a real record, as one that was begun.
fn beginning_of_a_record(folder: &Path) -> Vec<u8> {
    let bytes = fs::read(newest(folder)).unwrap();
    let whole = &bytes[64..];
    whole[..whole.len().min(fastrand::usize(1..300))].to_vec()
}

fn newest(folder: &Path) -> PathBuf {
    segments(folder).pop().unwrap()
}
