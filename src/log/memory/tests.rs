use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::{alert::testing, log::Read};

fn new_entry(rule: &str) -> NewEntry {
    NewEntry {
        alert: testing::alert(rule),
        encoded: bytes::Bytes::from_static(b"encoded"),
    }
}

fn cost_of_one() -> u64 {
    Entry {
        position: Position(1),
        alert: testing::alert("r"),
        encoded: bytes::Bytes::from_static(b"encoded"),
    }
    .cost()
}

fn log_of(alerts: u64) -> Log {
    let config = Config {
        memory: Size(alerts * cost_of_one()),
    };
    Log::new(&config, Incarnation(7))
}

fn all() -> Witness {
    Witness::new(|_| true)
}

#[tokio::test]
async fn a_reader_gets_everything_in_order_and_then_waits() {
    let log = log_of(10);
    let mut reader = log.reader(Position::START, all());
    log.append(vec![new_entry("a"), new_entry("b")]).await;
    let Read::Entries(entries) = reader.read(10).await else {
        panic!("no entries");
    };
    let rules: Vec<_> = entries
        .iter()
        .map(|entry| entry.alert.rule.as_str())
        .collect();
    assert_eq!(rules, ["a", "b"]);
    assert!(matches!(reader.read(10).await, Read::AtHead));
    let waiting = tokio::spawn(async move {
        reader.wait_past(Position(2)).await;
        reader.read(10).await
    });
    log.append(vec![new_entry("c")]).await;
    assert!(matches!(waiting.await.unwrap(), Read::Entries(entries) if entries.len() == 1));
}

#[tokio::test]
async fn what_retention_takes_is_counted_for_who_wanted_it() {
    let log = log_of(2);
    let mut reader = log.reader(
        Position::START,
        Witness::new(|alert| alert.rule == "wanted"),
    );
    let rules = ["wanted", "other", "wanted", "other", "wanted"];
    for rule in rules {
        log.append(vec![new_entry(rule)]).await;
    }
    let Read::Gap(gap) = reader.read(10).await else {
        panic!("no gap");
    };
    assert!(gap.missed >= 1 && gap.through < Position(5));
    let Read::Entries(rest) = reader.read(10).await else {
        panic!("no entries");
    };
    let read = rest
        .iter()
        .filter(|entry| entry.alert.rule == "wanted")
        .count() as u64;
    assert_eq!(gap.missed + read, 3);
}

#[tokio::test]
async fn a_time_is_found_though_receive_times_are_not_in_order() {
    let log = log_of(100);
    for second in [10, 12, 11, 20] {
        let mut new = new_entry("r");
        new.alert.receive_time = Timestamp::from_second(second).unwrap();
        log.append(vec![new]).await;
    }
    for (second, after) in [(0, 0), (10, 0), (11, 1), (12, 1), (13, 3), (21, 4)] {
        let time = Timestamp::from_second(second).unwrap();
        assert_eq!(log.before_time(time), Position(after), "{second}");
    }
}

#[tokio::test]
async fn the_newest_alert_stays_though_it_is_above_the_budget() {
    let log = log_of(0);
    log.append(vec![new_entry("a"), new_entry("b")]).await;
    assert_eq!(log.bounds().alerts, 1);
    assert_eq!(log.bounds().start, Position(1));
}

#[test]
fn a_dropped_reader_is_forgotten() {
    let log = log_of(1);
    drop(log.reader(Position::START, all()));
    assert!(log.shared.lock().readers.is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Read { reader: usize, limit: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..6_u8).prop_map(Step::Append),
        (0..3_usize, 1..5_usize).prop_map(|(reader, limit)| Step::Read { reader, limit }),
    ]
}

proptest! {
    /// Against a plain list: each reader's alerts and gaps, put together, are
    /// the list, in order, with each missed one counted once.
    #[test]
    fn readers_agree_with_a_plain_list(steps in prop::collection::vec(step(), 1..80)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let log = log_of(7);
            let mut readers: Vec<_> = (0..3)
                .map(|_| (log.reader(Position::START, Witness::new(|alert| alert.rule == "odd")), 0_u64, 0_u64))
                .collect();
            let mut model: VecDeque<u64> = VecDeque::new();
            for step in steps {
                match step {
                    Step::Append(count) => {
                        let first = model.len() as u64 + 1;
                        let numbers = first..first + u64::from(count);
                        let batch = numbers.clone().map(|n| new_entry(if n % 2 == 1 { "odd" } else { "even" })).collect();
                        log.append(batch).await;
                        model.extend(numbers);
                    }
                    Step::Read { reader, limit } => {
                        let (reader, seen, odd) = &mut readers[reader];
                        match reader.read(limit).await {
                            Read::Entries(entries) => {
                                assert!(entries.len() <= limit);
                                for entry in entries {
                                    assert_eq!(entry.position.0, *seen + 1);
                                    *seen += 1;
                                    *odd += *seen % 2;
                                }
                            }
                            Read::Gap(gap) => {
                                assert_eq!(gap.after.0, *seen);
                                *seen = gap.through.0;
                                *odd += gap.missed;
                            }
                            Read::AtHead => assert_eq!(*seen, model.len() as u64),
                        }
                        assert_eq!(*odd, seen.div_ceil(2));
                    }
                }
            }
        });
    }
}
