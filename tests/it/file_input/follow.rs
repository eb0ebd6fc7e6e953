//! A file that only grows.

use falco_gateway::{
    source::{
        SourceState,
        file::{Config, Start},
    },
    units::Size,
};

use super::{Folder, alert, alerts, numbered};
use crate::support::intake::{accept, accepted, intake};

#[tokio::test]
async fn lines_get_in_as_they_are_appended() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    folder.append(&alerts(0..2));
    let following = folder.follow(&intake);
    assert_eq!(taken.lines(2).await, numbered(0..2));
    folder.append(&alerts(2..1000));
    assert_eq!(taken.lines(1000).await, numbered(0..1000));
    // Half a line is no line until its end comes.
    let whole = alert(1000);
    let (half, rest) = whole.split_at(9);
    folder.append(&format!("{}\n{half}", alert(1001)));
    taken.first(1001).await;
    folder.append(&format!("{rest}\n"));
    assert_eq!(taken.lines(1002).await[1000..], [alert(1001), alert(1000)]);
    let status = following.stop().await.status();
    assert_eq!((status.received, status.accepted), (1002, 1002));
}

#[tokio::test]
async fn many_lines_are_on_their_way_at_a_time_and_in_order() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(|_| None);
    folder.append(&alerts(0..200));
    let following = folder.follow(&intake);
    assert_eq!(taken.lines(64).await, numbered(0..64));
    assert_eq!(following.observed.status().accepted, 0);
    for round in 2..=4 {
        taken.release();
        taken.first((round * 64).min(200)).await;
    }
    taken.release();
    assert_eq!(taken.lines(200).await, numbered(0..200));
    assert_eq!(following.stop().await.status().accepted, 200);
}

#[tokio::test]
async fn a_missing_file_is_waited_for() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    let config = Config {
        start: Start::End,
        ..folder.config()
    };
    let following = folder.follow_by(config, &intake);
    let observed = &following.observed;
    let detail = observed.reaches(SourceState::Disconnected).await;
    assert!(detail.ends_with("events.json does not exist"), "{detail}");
    // It is new, so nothing of it is passed over.
    folder.append(&alerts(0..3));
    observed.reaches(SourceState::Connected).await;
    assert_eq!(taken.lines(3).await, numbered(0..3));
    following.stop().await;
}

#[tokio::test]
async fn a_folder_in_its_place_is_no_file() {
    let folder = Folder::new();
    std::fs::create_dir(folder.events()).unwrap();
    let (intake, _taken) = intake(accept);
    let following = folder.follow(&intake);
    let detail = following.observed.reaches(SourceState::Disconnected).await;
    assert!(detail.ends_with("it is no regular file"), "{detail}");
    following.stop().await;
}

#[tokio::test]
async fn at_the_end_means_from_now_on() {
    let folder = Folder::new();
    folder.append(&alerts(0..5));
    let (intake, mut taken) = intake(accept);
    let config = Config {
        start: Start::End,
        ..folder.config()
    };
    let following = folder.follow_by(config, &intake);
    following.observed.reaches(SourceState::Connected).await;
    folder.append(&alerts(5..7));
    assert_eq!(taken.lines(2).await, numbered(5..7));
    following.stop().await;
}

#[tokio::test]
async fn what_is_no_alert_is_counted_and_passed_over() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(|raw| {
        let broken = raw.payload.len() == 1;
        Some(if broken {
            falco_gateway::source::Receipt {
                refusals: vec![crate::support::intake::refusal(0)],
                ..Default::default()
            }
        } else {
            accepted(1)
        })
    });
    let config = Config {
        max_line: Size(1 << 10),
        ..folder.config()
    };
    let following = folder.follow_by(config, &intake);
    let long = "x".repeat(1 << 20);
    folder.append(&format!(
        "Wed Nov 25 03:47:36 2026: Falco initialized\n\n \r\n{}\r\n\t{}\n[1]\n{{\"x\":\"{long}\"}}\n{{\n",
        alert(0),
        alert(1)
    ));
    folder.append(&format!("{long}\n{}\n", alert(2)));
    let lines = taken.lines(4).await;
    assert_eq!(lines, [alert(0), alert(1), "{".to_owned(), alert(2)]);
    let observed = following.stop().await;
    assert_eq!(observed.rejected("NOT_JSON"), 2);
    assert_eq!(observed.rejected("LINE_TOO_LONG"), 2);
    assert_eq!(observed.rejected("INVALID_JSON"), 1);
    assert_eq!(observed.status().received, 8);
}

#[tokio::test]
async fn lines_need_not_be_utf8() {
    let folder = Folder::new();
    let (intake, mut taken) = intake(accept);
    let following = folder.follow(&intake);
    std::fs::write(folder.events(), b"{\"a\":\"\xff\"}\n\xfe\n").unwrap();
    assert_eq!(taken.first(1).await[0], b"{\"a\":\"\xff\"}".as_slice());
    following
        .observed
        .counts(|status| status.rejected.contains_key("NOT_JSON"))
        .await;
    following.stop().await;
}
