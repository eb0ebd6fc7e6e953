//! A disk that refuses.

use std::time::Duration;

use super::*;

async fn in_trouble(log: &Log) -> String {
    let mut trouble = log.trouble();
    let trouble = trouble.wait_for(Option::is_some).await.unwrap();
    trouble.as_ref().unwrap().to_string()
}

#[tokio::test]
async fn who_cannot_wait_is_refused_and_who_can_waits() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    opened.append(&["a"]).await;
    opened.close().await;
    let opened = open(folder.path(), &large());
    let log = opened.log.clone();
    // No new segment can be made in a folder that is not there.
    let (here, away) = (folder.path().join("log"), folder.path().join("away"));
    fs::rename(&here, &away).unwrap();
    let refused = log
        .append(vec![testing::entry("refused")])
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("cannot be written"),
        "{refused}"
    );
    assert!(in_trouble(&log).await.contains("No such file"));
    let patient = log
        .begin_append(vec![testing::entry("b")], Patience::Wait)
        .await;
    let second = log
        .begin_append(vec![testing::entry("c")], Patience::Wait)
        .await;
    let lost = Notice {
        source_id: "edge".to_owned(),
        count: 3,
    };
    for _ in 0..2 {
        let batch = vec![testing::entry("refused")];
        let commit = log
            .begin_append(batch, Patience::Fail(vec![lost.clone()]))
            .await;
        assert!(commit.done().await.is_err());
    }
    assert_eq!(log.bounds().head, Position(1));
    fs::rename(&away, &here).unwrap();
    tokio::time::timeout(Duration::from_secs(20), async {
        patient.done().await.unwrap();
        second.done().await.unwrap();
    })
    .await
    .unwrap();
    assert_eq!(*log.trouble().borrow(), None);
    opened.append(&["d"]).await;
    let expected = ["a", "Overflow 1..2: 6", "b", "c", "d"];
    assert_eq!(all(&log).await, expected);
}

#[tokio::test]
async fn readers_go_on_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &large());
    opened.append(&["a"]).await;
    let log = opened.log.clone();
    let mut reader = log.reader(Position::START, Witness::of_all());
    let (here, away) = (folder.path().join("log"), folder.path().join("away"));
    opened.close().await;
    let opened = open(folder.path(), &large());
    fs::rename(&here, &away).unwrap();
    assert!(opened.log.append(vec![testing::entry("b")]).await.is_err());
    assert_eq!(rest(&mut reader).await, ["a"]);
    fs::rename(&away, &here).unwrap();
}
