use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::{
    testing::{entry_at, large, open, small, try_open},
    *,
};
use crate::alert::{Part, Parts};

mod damage;
mod model;
mod trouble;

fn wants(rule: &'static str) -> Witness {
    let mut parts = Parts::default();
    parts.add(Part::Rule);
    Witness::new(rule, parts, move |alert| alert.rule == rule)
}

/// Everything that is to be read now: alerts as their rules, losses in words.
async fn rest(reader: &mut Reader) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        match reader.read(3).await {
            Read::AtHead => return found,
            Read::Entries(entries) => {
                found.extend(entries.iter().map(|it| it.alert().unwrap().rule.clone()));
            }
            Read::Lost(lost) => found.push(format!(
                "{:?} {}..{}: {}{}",
                lost.cause,
                lost.after,
                lost.through,
                lost.count,
                if lost.lower_bound { " or more" } else { "" }
            )),
        }
    }
}

async fn all(log: &Log) -> Vec<String> {
    rest(&mut log.reader(Position::START, Witness::of_all())).await
}

/// The log's files, the oldest first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder.join("log"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "log"))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_reader_gets_everything_in_order_and_then_waits() {
    for config in [small(1 << 30), large()] {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), &config);
        let mut reader = opened.log.reader(Position::START, Witness::of_all());
        opened.append(&["a", "b"]).await;
        assert_eq!(rest(&mut reader).await, ["a", "b"]);
        let waiting = tokio::spawn(async move {
            reader.wait_past(Position(2)).await;
            rest(&mut reader).await
        });
        opened.append(&["c"]).await;
        assert_eq!(waiting.await.unwrap(), ["c"]);
    }
}

#[tokio::test]
async fn what_was_appended_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    opened.append(&["a", "b"]).await;
    let incarnation = opened.log.incarnation();
    opened.close().await;
    let opened = open(folder.path(), &large());
    assert_eq!(opened.log.bounds().head, Position(2));
    opened.append(&["c"]).await;
    assert_eq!(all(&opened.log).await, ["a", "b", "c"]);
    assert_eq!(opened.log.incarnation(), incarnation);
    assert_eq!(opened.log.epoch(), Epoch(1));
    let file = fs::metadata(&files(folder.path())[0]).unwrap();
    let folder = fs::metadata(folder.path().join("log")).unwrap();
    let modes = [folder, file].map(|it| it.permissions().mode() & 0o777);
    assert_eq!(modes, [0o700, 0o600]);
}

#[tokio::test]
async fn what_was_on_its_way_at_the_end_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    let log = opened.log.clone();
    let commit = log
        .begin_append(vec![testing::entry("a")], Patience::Fail(Vec::new()))
        .await;
    opened.close().await;
    commit.done().await.unwrap();
    let late = log.append(vec![testing::entry("b")]).await;
    assert!(late.is_err());
    drop(log);
    assert_eq!(all(&open(folder.path(), &large()).log).await, ["a"]);
}

#[tokio::test]
async fn what_retention_takes_is_counted_for_who_wanted_it() {
    // Segments of a commit or two, and of many: then readers are left behind in
    // the middle of one.
    for (retention, pairs) in [(4 << 10, 50), (32 << 10, 1000)] {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), &small(retention));
        let mut odd = opened.log.reader(Position::START, wants("odd"));
        let mut everything = opened.log.reader(Position::START, Witness::of_all());
        let mut halfway = opened.log.reader(Position(21), wants("odd"));
        for _ in 0..pairs {
            opened.append(&["odd"]).await;
            opened.append(&["even"]).await;
        }
        opened.trimmed().await;
        let start = opened.log.bounds().start;
        assert!(start > Position(pairs / 2), "{start}");
        for (reader, after, missed) in [
            (&mut odd, 0, start.0.div_ceil(2)),
            (&mut everything, 0, start.0),
            (&mut halfway, 21, start.0.div_ceil(2) - 11),
        ] {
            let expected = format!("Retention {after}..{start}: {missed}");
            let found = rest(reader).await;
            assert_eq!(found[0], expected);
            assert_eq!(found.len() as u64, 2 * pairs + 1 - start.0);
        }
        assert!(files(folder.path()).len() <= 20);
    }
}

#[tokio::test]
async fn who_comes_after_retention_is_told_what_can_be_known() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &small(4 << 10));
    for _ in 0..50 {
        opened.append(&["odd", "even"]).await;
    }
    opened.trimmed().await;
    let start = opened.log.bounds().start;
    let first = rest(&mut opened.log.reader(Position(3), Witness::of_all())).await;
    assert_eq!(first[0], format!("Retention 3..{start}: {}", start.0 - 3));
    let first = rest(&mut opened.log.reader(Position(3), wants("odd"))).await;
    assert_eq!(first[0], format!("Retention 3..{start}: 0 or more"));
}

#[tokio::test]
async fn age_takes_segments_too() {
    let mut config = small(1 << 30);
    config.retention_age = crate::units::Span(std::time::Duration::from_secs(160));
    let now = crate::clock::now().as_second();
    for (seconds, taken) in [
        (vec![now - 1000, now - 900, now - 5, now], 2),
        // Also when nothing newer comes.
        (vec![now - 1000, now - 900], 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), &config);
        for second in seconds {
            let batch = vec![entry_at("a", second)];
            opened.log.append(batch).await.unwrap();
        }
        opened.close().await;
        let opened = open(folder.path(), &config);
        while opened.log.bounds().start < Position(taken) {
            tokio::task::yield_now().await;
        }
        assert_eq!(opened.log.bounds().start, Position(taken));
    }
}

#[tokio::test]
async fn a_time_is_found_though_receive_times_are_not_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for config in [small(1 << 13), large()] {
        let opened = open(folder.path(), &config);
        let before = opened.log.bounds().head.0;
        for second in [10, 12, 11, 20].map(|second| second + before as i64 * 100) {
            opened
                .log
                .append(vec![entry_at("r", second)])
                .await
                .unwrap();
        }
        for (second, after) in [(10, 0), (11, 1), (12, 1), (13, 3), (21, 4)] {
            let time = Timestamp::from_second(second + before as i64 * 100).unwrap();
            let found = opened.log.before_time(time).await;
            assert_eq!(found, Position(before + after), "{second}");
        }
        opened.close().await;
    }
    let opened = open(folder.path(), &large());
    let early = opened.log.before_time(Timestamp::UNIX_EPOCH).await;
    assert_eq!(early, Position::START);
}

#[tokio::test]
async fn a_notice_is_told_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    let notice = Notice {
        source_id: "edge".to_owned(),
        count: 7,
    };
    opened.append(&["a"]).await;
    opened.log.begin_notice(notice).await.done().await.unwrap();
    opened.append(&["b"]).await;
    let expected = ["a", "Overflow 1..2: 7", "b"];
    assert_eq!(all(&opened.log).await, expected);
    assert_eq!(opened.log.bounds().alerts, 2);
    opened.close().await;
    let opened = open(folder.path(), &small(1 << 30));
    assert_eq!(all(&opened.log).await, expected);
    assert_eq!(opened.log.bounds().alerts, 2);
}

#[tokio::test]
async fn a_dropped_reader_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    drop(opened.log.reader(Position::START, Witness::of_all()));
    assert!(opened.log.shared.lock().readers.is_empty());
}

#[tokio::test]
async fn a_position_that_did_not_outlive_its_epoch_leads_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    opened.append(&["a", "b", "c"]).await;
    assert_eq!(
        opened.log.surviving(Epoch(0), Position(3)),
        Some(Position(3))
    );
    assert_eq!(opened.log.surviving(Epoch(0), Position(4)), None);
    assert_eq!(opened.log.surviving(Epoch(1), Position(0)), None);
    opened.close().await;
    // As if the machine had crashed before the disk had all.
    fs::remove_file(&files(folder.path())[0]).unwrap();
    let opened = open(folder.path(), &large());
    opened.append(&["d"]).await;
    assert_eq!(
        opened.log.surviving(Epoch(0), Position(3)),
        Some(Position(0))
    );
    assert_eq!(
        opened.log.surviving(Epoch(1), Position(1)),
        Some(Position(1))
    );
}

#[tokio::test]
async fn who_passes_what_it_does_not_want_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &small(2000));
    let mut reader = opened.log.reader(Position::START, wants("odd"));
    for _ in 0..50 {
        opened.append(&["odd"]).await;
    }
    opened.trimmed().await;
    let start = opened.log.bounds().start;
    assert!(start > Position(20));
    // It cannot pass what it has not got.
    assert!(!reader.pass(start.previous()));
    while !reader.pass(start) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let kept = opened.log.bounds().head.since(start);
    assert_eq!(rest(&mut reader).await.len() as u64, kept);
}

#[tokio::test]
async fn what_is_at_hand_can_be_picked() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    let reader = opened.log.reader(Position::START, Witness::of_all());
    opened.append(&["a", "b", "c"]).await;
    let notice = Notice {
        source_id: "s".to_owned(),
        count: 1,
    };
    opened.log.begin_notice(notice).await.done().await.unwrap();
    opened.append(&["d"]).await;
    let pick = |places: &[u64]| {
        let places: Vec<_> = places.iter().copied().map(Position).collect();
        let picked = reader.pick(&places)?;
        let places = picked.entries.iter().map(|entry| entry.position.0);
        Some((places.collect::<Vec<_>>(), picked.ends_before))
    };
    assert_eq!(pick(&[1, 3]), Some((vec![1, 3], None)));
    assert_eq!(pick(&[2, 4, 5]), Some((vec![2], Some(Position(4)))));
    assert_eq!(pick(&[5]), Some((vec![5], None)));
    assert_eq!(pick(&[6]), None);
    drop(opened);
    let opened = open(folder.path(), &large());
    let reader = opened.log.reader(Position::START, Witness::of_all());
    assert!(reader.pick(&[Position(1)]).is_none());
}
