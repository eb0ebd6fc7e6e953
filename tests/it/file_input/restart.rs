//! Stops and crashes, and what happens to the file meanwhile.

use std::fs;

use falco_gateway::source::{
    SourceState,
    file::{Config, Start},
};

use super::{Folder, alerts, numbered};
use crate::support::{
    in_time,
    intake::{accept, accepted, intake},
};

#[tokio::test]
async fn a_clean_stop_neither_repeats_nor_loses() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    for round in 0_u32..4 {
        folder.append(&alerts(round * 10..round * 10 + 10));
        let following = folder.follow(&intake);
        taken.first(round as usize * 10 + 10).await;
        following.stop().await;
    }
    assert_eq!(taken.lines(40).await, numbered(0..40));
}

#[tokio::test]
async fn what_was_not_answered_for_comes_again_and_nothing_else() {
    let folder = Folder::new();
    folder.append(&alerts(0..4));
    // The log takes four lines, then it gets stuck, and the gateway dies.
    let mut left = 4;
    let (stuck, mut taken) = intake(move |_| {
        left -= 1;
        (left >= 0).then(|| accepted(1))
    });
    let following = folder.follow(&stuck);
    in_time(async {
        while folder.kept_offset() != Some(alerts(0..4).len() as u64) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    folder.append(&alerts(4..10));
    taken.first(10).await;
    following.kill().await;
    let (intake, mut taken) = intake(accept);
    let following = folder.follow(&intake);
    assert_eq!(taken.lines(6).await, numbered(4..10));
    following.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stuck_log_does_not_hold_the_shutdown_and_loses_nothing() {
    let folder = Folder::new();
    folder.append(&alerts(0..10));
    let (stuck, mut taken) = intake(|_| None);
    let following = folder.follow(&stuck);
    taken.first(10).await;
    following.stop().await;
    let (intake, mut taken) = intake(accept);
    let following = folder.follow(&intake);
    assert_eq!(taken.lines(10).await, numbered(0..10));
    following.stop().await;
}

#[tokio::test]
async fn a_log_that_dies_loses_nothing() {
    let folder = Folder::new();
    folder.append(&alerts(0..4));
    let mut left = 4;
    let (dying, mut taken) = intake(move |_| {
        left -= 1;
        (left >= 0).then(|| accepted(1))
    });
    let following = folder.follow(&dying);
    let observed = &following.observed;
    observed.counts(|status| status.accepted == 4).await;
    // The last line is read and counted, but only done with after those before.
    folder.append(&format!("{}no JSON\n", alerts(4..10)));
    taken.first(10).await;
    observed
        .counts(|status| status.rejected.contains_key("NOT_JSON"))
        .await;
    taken.die();
    let detail = observed.reaches(SourceState::Finished).await;
    assert!(detail.contains("takes no more alerts"), "{detail}");
    following.stop().await;
    let (intake, mut taken) = intake(accept);
    let following = folder.follow(&intake);
    assert_eq!(taken.lines(6).await, numbered(4..10));
    following.stop().await;
}

#[tokio::test]
async fn a_file_rotated_while_nobody_followed_it_is_finished_first() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    folder.append(&alerts(0..3));
    let following = folder.follow(&intake);
    taken.first(3).await;
    following.stop().await;
    folder.append(&alerts(3..5));
    folder.rename("events.json.1");
    folder.append(&alerts(5..7));
    let following = folder.follow(&intake);
    assert_eq!(taken.lines(7).await, numbered(0..7));
    following.stop().await;
}

#[tokio::test]
async fn another_file_in_its_place_is_read_from_its_beginning() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    folder.append(&alerts(0..3));
    let config = || Config {
        start: Start::End,
        ..folder.config()
    };
    let following = folder.follow(&intake);
    taken.first(3).await;
    following.stop().await;
    // The inode may well be the same; and one that was emptied has the same.
    fs::remove_file(folder.events()).unwrap();
    folder.append(&alerts(3..30));
    let following = folder.follow_by(config(), &intake);
    taken.first(30).await;
    following.stop().await;
    fs::write(folder.events(), alerts(30..32)).unwrap();
    let following = folder.follow_by(config(), &intake);
    assert_eq!(taken.lines(32).await, numbered(0..32));
    following.stop().await;
}
