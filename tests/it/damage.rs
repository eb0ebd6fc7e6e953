//! Promise: what a damaged disk takes is told, and the rest is served.

use std::fs;

use falco_gateway::pb::{self, stream_frame::Kind};

use crate::support::{
    captures::numbered_body,
    frames::Frames,
    gateway::from_the_start,
    http::Client,
    process::{Process, segments},
};

const POSTED: usize = 200;
const LOG: &str = "{}";

#[derive(Debug, Default)]
struct Told {
    delivered: u64,
    lost: u64,
    examined: u64,
    is_exact: bool,
}

async fn read(gateway: &Process, filter: &str) -> Told {
    let request = pb::StreamAlertsRequest {
        stop_at_head: true,
        ..from_the_start(filter)
    };
    let stream = gateway.alerts().stream_alerts(request).await.unwrap();
    let mut frames = Frames::new(stream.into_inner());
    let mut told = Told {
        is_exact: true,
        ..Told::default()
    };
    while let Some(kind) = frames.try_next().await.unwrap() {
        match kind {
            Kind::Alerts(batch) => told.delivered += batch.records.len() as u64,
            Kind::Loss(loss) => {
                assert_eq!(loss.cause(), pb::LossCause::LogCorruption);
                told.lost += loss.lost;
                told.examined += loss.examined;
                told.is_exact &= !loss.lower_bound;
            }
            _ => {}
        }
    }
    told
}

#[tokio::test]
async fn every_damaged_alert_is_told_and_every_other_served() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Process::start(folder.path(), LOG).await;
    let mut client = Client::connect(gateway.http).await;
    for number in 0..POSTED {
        let answer = client.post("", numbered_body(number, 500)).await;
        assert_eq!(answer.status, 200);
    }
    gateway.kill().await;
    let damaged = damage(folder.path());
    let gateway = Process::start(folder.path(), LOG).await;
    let posted = POSTED as u64;
    let all = read(&gateway, "").await;
    assert!(all.is_exact);
    assert_eq!((all.lost, all.examined), (damaged, damaged));
    assert_eq!(all.delivered + all.lost, posted);
    // Nobody knows what was in them: at least none, at most all were wanted.
    let some = read(&gateway, "priority = critical").await;
    assert!(!some.is_exact && some.lost == 0);
    assert_eq!(some.examined, damaged);
    assert!(some.delivered + some.examined >= posted / 2);
    gateway.kill().await;
}

/// Flips a byte in some alerts, each once; how many.
fn damage(folder: &std::path::Path) -> u64 {
    let path = segments(folder).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    // Alerts have their document's padding twice: as output, and as it came.
    let padding = "x".repeat(500);
    let paddings: Vec<_> = memchr::memmem::find_iter(&bytes, padding.as_bytes()).collect();
    assert_eq!(paddings.len(), 2 * POSTED);
    let hit: Vec<_> = paddings.into_iter().step_by(2).step_by(7).collect();
    for at in &hit {
        bytes[at + fastrand::usize(0..500)] ^= 1 << fastrand::u8(0..8);
    }
    fs::write(path, bytes).unwrap();
    hit.len() as u64
}
