//! What a disk or a crash does to files.

use super::*;
use crate::log::format::{RECORD_HEADER, SEGMENT_HEADER, SYNC, write_record};

/// A closed log with these alerts, one commit each.
async fn closed(rules: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    for rule in rules {
        opened.append(&[rule]).await;
    }
    opened.close().await;
    folder
}

/// Changes the only file of the log, and forgets its index.
fn edit(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = &files(folder)[0];
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
    let _ = fs::remove_file(path.with_extension("index"));
}

/// Where the record of the alert at `position` begins.
fn record(bytes: &[u8], position: usize) -> usize {
    let starts = memchr::memmem::find_iter(bytes, &SYNC);
    // Every second record is a commit's mark.
    starts.step_by(2).nth(position - 1).unwrap()
}

async fn reopened(folder: &Path) -> Vec<String> {
    let opened = open(folder, &large());
    let found = all(&opened.log).await;
    opened.append(&["next"]).await;
    let with_next = all(&opened.log).await;
    assert_eq!(with_next[..found.len()], found);
    assert_eq!(with_next.last().unwrap(), "next");
    opened.close().await;
    assert_eq!(all(&open(folder, &small(1 << 30)).log).await, with_next);
    found
}

#[tokio::test]
async fn a_torn_tail_is_cut() {
    let whole = closed(&["a", "b", "c"]).await;
    let length = fs::read(&files(whole.path())[0]).unwrap().len();
    for cut in 1..=2 * RECORD_HEADER {
        let folder = closed(&["a", "b", "c"]).await;
        edit(folder.path(), |bytes| {
            bytes.truncate(length - cut);
        });
        // The alert is whole as long as only its mark is cut.
        let expected = if cut <= RECORD_HEADER {
            vec!["a", "b", "c"]
        } else {
            vec!["a", "b"]
        };
        assert_eq!(reopened(folder.path()).await, expected, "{cut}");
    }
    for rubbish in [vec![0; 5000], vec![0xff; 70], SYNC.repeat(100)] {
        let folder = closed(&["a", "b", "c"]).await;
        edit(folder.path(), |bytes| bytes.extend(rubbish));
        assert_eq!(reopened(folder.path()).await, ["a", "b", "c"]);
    }
    // As long as it should be, and without its mark: nobody was answered.
    let folder = closed(&["a", "b", "c"]).await;
    edit(folder.path(), |bytes| {
        let last = record(bytes, 3);
        bytes.truncate(last + RECORD_HEADER);
        bytes.extend([0; 200]);
    });
    assert_eq!(reopened(folder.path()).await, ["a", "b"]);
}

#[tokio::test]
async fn a_flipped_byte_costs_the_alert_that_it_is_in() {
    for at in 0..=RECORD_HEADER {
        for (position, expected) in [
            (1, ["Corruption 0..1: 1", "b", "c"]),
            (2, ["a", "Corruption 1..2: 1", "c"]),
            (3, ["a", "b", "Corruption 2..3: 1"]),
        ] {
            let folder = closed(&["a", "b", "c"]).await;
            edit(folder.path(), |bytes| {
                let record = record(bytes, position);
                bytes[record + at] ^= 0x20;
            });
            assert_eq!(reopened(folder.path()).await, expected, "{position} {at}");
        }
    }
}

#[tokio::test]
async fn damage_that_is_found_only_when_it_is_read_is_told_too() {
    let folder = closed(&["a", "b", "c"]).await;
    let path = &files(folder.path())[0];
    let mut bytes = fs::read(path).unwrap();
    let body = record(&bytes, 2) + RECORD_HEADER;
    bytes[body] ^= 1;
    fs::write(path, &bytes).unwrap();
    let opened = open(folder.path(), &large());
    let log = &opened.log;
    assert_eq!(all(log).await, ["a", "Corruption 1..2: 1", "c"]);
    let mut filtered = log.reader(Position::START, wants("c"));
    let expected = ["a", "Corruption 1..2: 0 or more", "c"];
    assert_eq!(rest(&mut filtered).await, expected);
    let page = log.range(Position::START, Position(3), 9).await;
    assert_eq!(page.len(), 2);
    // The file shrinks while it is open.
    bytes.truncate(record(&bytes, 2));
    fs::write(path, &bytes).unwrap();
    opened.append(&["d"]).await;
    opened.close().await;
    let opened = open(folder.path(), &large());
    let found = all(&opened.log).await;
    assert_eq!(found, ["a", "Corruption 1..3: 2", "d"]);
}

#[tokio::test]
async fn a_segment_whose_header_is_damaged_is_read_all_the_same() {
    for at in 8..SEGMENT_HEADER {
        let folder = closed(&["a", "b"]).await;
        edit(folder.path(), |bytes| bytes[at] ^= 1);
        assert_eq!(reopened(folder.path()).await, ["a", "b"], "{at}");
    }
}

#[tokio::test]
async fn a_segment_that_is_gone_is_a_gap() {
    let folder = closed(&["a", "b"]).await;
    for rule in ["c", "d"] {
        let opened = open(folder.path(), &large());
        opened.append(&[rule, rule]).await;
        opened.close().await;
    }
    fs::remove_file(&files(folder.path())[1]).unwrap();
    let expected = ["a", "b", "Corruption 2..4: 2", "d", "d"];
    assert_eq!(reopened(folder.path()).await, expected);
}

#[tokio::test]
async fn a_document_cannot_pass_for_a_record() {
    // What somebody would put into an alert who does not know the salt.
    let mut forged = Vec::new();
    let header = format::RecordHeader::bare(format::Kind::Alert, Position(2), 0);
    write_record(&mut forged, 0, header, b"forged", b"");
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    let mut new = testing::entry("a");
    new.alert.raw = forged.into();
    opened
        .log
        .append(vec![new, testing::entry("b")])
        .await
        .unwrap();
    opened.close().await;
    edit(folder.path(), |bytes| bytes[SEGMENT_HEADER + 20] ^= 1);
    assert_eq!(reopened(folder.path()).await, ["Corruption 0..1: 1", "b"]);
}

#[tokio::test]
async fn what_is_not_of_this_log_is_refused() {
    let folder = closed(&["a"]).await;
    let other = closed(&["b"]).await;
    let path = &files(folder.path())[0];
    let ours = fs::read(path).unwrap();
    fs::write(path, fs::read(&files(other.path())[0]).unwrap()).unwrap();
    let refused = try_open(folder.path(), &large()).err().unwrap().to_string();
    assert!(refused.contains("of another log"), "{refused}");
    fs::write(
        path,
        "a text that is longer than a segment's header is, by a good deal",
    )
    .unwrap();
    let refused = try_open(folder.path(), &large()).err().unwrap().to_string();
    assert!(refused.contains("no segment of a log"), "{refused}");
    let mut newer = ours.clone();
    newer[8] = 9;
    let checksum = crc32fast::hash(&newer[..SEGMENT_HEADER - 4]).to_le_bytes();
    newer[SEGMENT_HEADER - 4..SEGMENT_HEADER].copy_from_slice(&checksum);
    fs::write(path, newer).unwrap();
    let refused = try_open(folder.path(), &large()).err().unwrap().to_string();
    assert!(refused.contains("format 9"), "{refused}");
    fs::write(path, ours).unwrap();
    assert_eq!(reopened(folder.path()).await, ["a"]);
}

#[tokio::test]
async fn two_gateways_on_one_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    let refused = try_open(folder.path(), &large()).err().unwrap().to_string();
    assert!(refused.contains("another falco-gateway"), "{refused}");
    drop(state);
    open(folder.path(), &large());
}
