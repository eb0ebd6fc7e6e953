//! Files that are renamed, emptied, removed and made anew.

use std::{
    fs::{self, File},
    io::Write,
};

use falco_gateway::source::SourceState;

use super::{Folder, alert, alerts, numbered};
use crate::support::intake::{accept, intake};

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    let mut old = folder.writer();
    old.write_all(alerts(0..3).as_bytes()).unwrap();
    let following = folder.follow(&intake);
    taken.first(3).await;
    for round in 0_u32..3 {
        let first = 3 + round * 4;
        folder.rename(&format!("events.json.{round}"));
        // Falco writes on to the old file until it is told to open the path again,
        // and logrotate may have made the new one already.
        let mut new = folder.writer();
        old.write_all(alerts(first..first + 2).as_bytes()).unwrap();
        taken.first(first as usize + 2).await;
        old.write_all(alerts(first + 2..first + 3).as_bytes())
            .unwrap();
        new.write_all(alerts(first + 3..first + 4).as_bytes())
            .unwrap();
        taken.first(first as usize + 4).await;
        old = new;
    }
    assert_eq!(taken.lines(15).await, numbered(0..15));
    assert_eq!(following.stop().await.status().received, 15);
}

#[tokio::test]
async fn an_unfinished_last_line_of_a_renamed_file_gets_in() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    folder.append(&format!("{}\n{}", alert(0), alert(1)));
    let following = folder.follow(&intake);
    taken.first(1).await;
    folder.rename("events.json.1");
    folder.append(&alerts(2..3));
    assert_eq!(taken.lines(3).await, numbered(0..3));
    following.stop().await;
}

#[tokio::test]
async fn an_emptied_file_is_read_from_its_beginning() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    // Falco's file is opened to append, so it goes on at 0 by itself.
    let mut writer = folder.writer();
    writer.write_all(alerts(0..9).as_bytes()).unwrap();
    let following = folder.follow(&intake);
    taken.first(9).await;
    fs::copy(folder.events(), folder.path("events.json.1")).unwrap();
    File::options()
        .write(true)
        .open(folder.events())
        .unwrap()
        .set_len(0)
        .unwrap();
    writer.write_all(alerts(9..11).as_bytes()).unwrap();
    assert_eq!(taken.lines(11).await, numbered(0..11));
    following.stop().await;
}

#[tokio::test]
async fn a_file_written_anew_is_noticed_even_when_it_is_no_shorter() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    folder.append(&alerts(0..3));
    let following = folder.follow(&intake);
    taken.first(3).await;
    fs::write(folder.events(), alerts(5..8)).unwrap();
    taken.first(6).await;
    fs::write(folder.events(), format!("{{\"half\":\n{}", alerts(10..30))).unwrap();
    let lines = taken.lines(27).await;
    assert_eq!(lines[..3], numbered(0..3));
    assert_eq!(lines[3..6], numbered(5..8));
    assert_eq!(lines[6], "{\"half\":");
    assert_eq!(lines[7..], numbered(10..30));
    following.stop().await;
}

#[tokio::test]
async fn a_removed_file_is_waited_for() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    let mut old = folder.writer();
    old.write_all(alerts(0..2).as_bytes()).unwrap();
    let following = folder.follow(&intake);
    taken.first(2).await;
    fs::remove_file(folder.events()).unwrap();
    let observed = &following.observed;
    let detail = observed.reaches(SourceState::Disconnected).await;
    assert!(detail.ends_with("does not exist"), "{detail}");
    // Its writer does not know yet.
    old.write_all(alerts(2..3).as_bytes()).unwrap();
    taken.first(3).await;
    folder.append(&alerts(3..5));
    assert_eq!(taken.lines(5).await, numbered(0..5));
    following.observed.reaches(SourceState::Connected).await;
    following.stop().await;
}

#[tokio::test]
async fn a_file_opened_anew_for_each_alert_is_the_same_file() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    let following = folder.follow(&intake);
    for number in 0..20 {
        folder.append(&alerts(number..number + 1));
        taken.first(number as usize + 1).await;
    }
    assert_eq!(taken.lines(20).await, numbered(0..20));
    following.stop().await;
}
