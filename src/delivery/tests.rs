use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::{
    alert::{Origin, Transport, testing},
    filter::Filter,
    log::{self, Incarnation, NewEntry, Position},
    source::SourceState,
    units::Size,
};

struct Bench {
    delivery: Delivery,
    sources: Sources,
    shutdown: CancellationToken,
}

/// About what one test alert costs the log.
const COST: u64 = 1024 + 3 * 7;

impl Bench {
    fn new() -> Self {
        Self::with(1000, Config::default())
    }

    fn with(alerts: u64, config: Config) -> Self {
        let memory = log::Config {
            memory: Size(alerts * COST),
        };
        let log = Log::new(&memory, Incarnation(1));
        let sources = Sources::new();
        let shutdown = CancellationToken::new();
        Self {
            delivery: Delivery::new(config, log, sources.clone(), shutdown.clone()),
            sources,
            shutdown,
        }
    }

    async fn append(&self, rule: &str, count: usize) {
        let new = NewEntry {
            alert: testing::alert(rule),
            encoded: bytes::Bytes::from_static(b"encoded"),
        };
        self.delivery.log.append(vec![new; count]).await;
    }

    fn open(&self, request: Request) -> Subscription {
        self.delivery.open(request, Timestamp::UNIX_EPOCH).unwrap()
    }
}

fn request(start: Start) -> Request {
    Request {
        filter: Filter::all(),
        start,
        on_expired: OnExpired::Fail,
        stop_at_head: false,
        overflow: Overflow::CatchUp,
        view: View::Full,
        batching: Batching::default(),
        heartbeat: Duration::from_secs(10),
        label: String::new(),
        peer: String::new(),
    }
}

fn of_rule(rule: &str) -> Filter {
    Filter::parse(&format!("rule = {rule:?}")).unwrap()
}

async fn next(subscription: &mut Subscription) -> Frame {
    subscription.next().await.unwrap().unwrap()
}

/// Every frame up to the end of the stream.
async fn all(subscription: &mut Subscription) -> Vec<FrameKind> {
    let mut kinds = Vec::new();
    while let Some(frame) = subscription.next().await {
        kinds.push(frame.unwrap().kind);
    }
    kinds
}

/// A frame in a word or two.
fn short(kind: &FrameKind) -> String {
    match kind {
        FrameKind::Opened(_) => "opened".into(),
        FrameKind::Alerts(entries) => {
            let positions: Vec<_> = entries.iter().map(|entry| entry.position.0).collect();
            format!("{positions:?}")
        }
        FrameKind::Heartbeat { lag, .. } => format!("heartbeat {lag}"),
        FrameKind::State(state) => format!("{state:?}"),
        FrameKind::Loss(loss) => format!(
            "lost {}{} in {}..{} {:?}",
            if loss.lower_bound { "at least " } else { "" },
            loss.lost,
            loss.after,
            loss.through,
            loss.cause
        ),
        FrameKind::Source(status) => format!("{:?}", status.state),
        FrameKind::Closing(reason) => format!("{reason:?}"),
    }
}

async fn shorts(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut frames = Vec::new();
    for _ in 0..count {
        frames.push(short(&next(subscription).await.kind));
    }
    frames
}

#[tokio::test(start_paused = true)]
async fn history_then_live_is_one_order_without_gap_or_repeat() {
    let bench = Bench::new();
    bench.append("a", 2).await;
    let mut subscription = bench.open(request(Start::Earliest));
    assert_eq!(
        shorts(&mut subscription, 4).await,
        ["opened", "CatchingUp", "[1, 2]", "Live"]
    );
    bench.append("a", 1).await;
    assert_eq!(shorts(&mut subscription, 1).await, ["[3]"]);
}

#[tokio::test(start_paused = true)]
async fn live_is_said_also_without_history() {
    let bench = Bench::new();
    let mut subscription = bench.open(request(Start::Latest));
    let frames = shorts(&mut subscription, 3).await;
    assert_eq!(frames, ["opened", "CatchingUp", "Live"]);
}

#[tokio::test(start_paused = true)]
async fn every_start_starts_where_it_says() {
    let bench = Bench::new();
    for second in 1..=6 {
        let mut alert = testing::alert(if second % 2 == 1 { "odd" } else { "even" });
        alert.receive_time = Timestamp::from_second(second).unwrap();
        let encoded = bytes::Bytes::from_static(b"encoded");
        let new = NewEntry { alert, encoded };
        bench.delivery.log.append(vec![new]).await;
    }
    let starts = [
        (Start::Earliest, "[1, 3, 5]"),
        (Start::Since(Timestamp::from_second(3).unwrap()), "[3, 5]"),
        (Start::Last(2), "[3, 5]"),
        (Start::Last(9), "[1, 3, 5]"),
        (Start::After(bench.delivery.cursor(Position(3))), "[5]"),
        (Start::Latest, "Live"),
        (Start::Last(0), "Live"),
    ];
    for (start, expected) in starts {
        let mut subscription = bench.open(Request {
            filter: of_rule("odd"),
            stop_at_head: true,
            ..request(start)
        });
        let frames: Vec<_> = all(&mut subscription).await.iter().map(short).collect();
        assert_eq!(frames[2], expected, "{start:?}");
        assert_eq!(frames.last().unwrap(), "ReachedHead");
    }
}

#[tokio::test(start_paused = true)]
async fn resuming_after_any_frame_repeats_and_skips_nothing() {
    let bench = Bench::new();
    for index in 0..20 {
        bench
            .append(if index % 3 == 0 { "odd" } else { "x" }, 1)
            .await;
    }
    let odd = |start| Request {
        filter: of_rule("odd"),
        batching: Batching {
            max_alerts: 2,
            ..Batching::default()
        },
        stop_at_head: true,
        ..request(start)
    };
    let mut whole = bench.open(odd(Start::Earliest));
    let mut seen = Vec::new();
    while let Some(frame) = whole.next().await {
        let frame = frame.unwrap();
        if let FrameKind::Alerts(entries) = &frame.kind {
            seen.extend(entries.iter().map(|entry| entry.position));
        }
        let mut rest = bench.open(odd(Start::After(bench.delivery.cursor(frame.position))));
        let mut positions = seen.clone();
        for kind in all(&mut rest).await {
            if let FrameKind::Alerts(entries) = kind {
                positions.extend(entries.iter().map(|entry| entry.position));
            }
        }
        let expected: Vec<_> = (0..20)
            .step_by(3)
            .map(|index| Position(index + 1))
            .collect();
        assert_eq!(positions, expected, "after {:?}", frame.kind);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_filled_with_heartbeats_whose_cursor_moves() {
    let bench = Bench::new();
    let mut subscription = bench.open(Request {
        filter: of_rule("never"),
        ..request(Start::Latest)
    });
    shorts(&mut subscription, 3).await;
    let before = Instant::now();
    bench.append("a", 5).await;
    let frame = next(&mut subscription).await;
    assert_eq!(short(&frame.kind), "heartbeat 0");
    assert_eq!(frame.position, Position(5));
    assert_eq!(before.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_stream_is_told_exactly_what_it_lost() {
    let bench = Bench::with(10, Config::default());
    let mut subscription = bench.open(Request {
        filter: of_rule("odd"),
        ..request(Start::Latest)
    });
    shorts(&mut subscription, 3).await;
    for _ in 0..50 {
        bench.append("odd", 1).await;
        bench.append("even", 1).await;
    }
    let Loss {
        lost,
        lower_bound,
        cause,
        ..
    } = match next(&mut subscription).await.kind {
        FrameKind::Loss(loss) => loss,
        other => panic!("{other:?}"),
    };
    assert!(!lower_bound);
    assert_eq!(cause, LossCause::Retention);
    let FrameKind::Alerts(entries) = next(&mut subscription).await.kind else {
        panic!("no alerts");
    };
    assert_eq!(lost + entries.len() as u64, 50);
    assert_eq!(bench.delivery.streams()[0].lost, lost);
}

#[tokio::test(start_paused = true)]
async fn a_gap_without_a_match_is_no_loss() {
    let bench = Bench::with(2, Config::default());
    let mut subscription = bench.open(Request {
        filter: of_rule("odd"),
        ..request(Start::Latest)
    });
    shorts(&mut subscription, 3).await;
    bench.append("even", 20).await;
    let frame = next(&mut subscription).await;
    assert_eq!(short(&frame.kind), "heartbeat 0");
    assert_eq!(frame.position, Position(20));
}

#[tokio::test(start_paused = true)]
async fn who_asked_to_skip_skips_to_the_head_and_is_told() {
    let bench = Bench::with(
        1000,
        Config {
            overflow_lag: 10,
            ..Config::default()
        },
    );
    let mut subscription = bench.open(Request {
        filter: of_rule("odd"),
        overflow: Overflow::SkipAhead,
        ..request(Start::Latest)
    });
    shorts(&mut subscription, 3).await;
    for _ in 0..10 {
        bench.append("odd", 1).await;
        bench.append("even", 2).await;
    }
    let frames = shorts(&mut subscription, 1).await;
    assert_eq!(frames, ["lost 10 in 0..30 SkippedByPolicy"]);
    bench.append("odd", 1).await;
    assert_eq!(shorts(&mut subscription, 1).await, ["[31]"]);
}

#[tokio::test(start_paused = true)]
async fn who_asked_to_be_disconnected_is() {
    let bench = Bench::with(
        1000,
        Config {
            overflow_lag: 10,
            ..Config::default()
        },
    );
    let mut subscription = bench.open(Request {
        overflow: Overflow::Disconnect,
        ..request(Start::Latest)
    });
    shorts(&mut subscription, 3).await;
    bench.append("a", 11).await;
    assert_eq!(shorts(&mut subscription, 1).await, ["SlowConsumer"]);
    let end = subscription.next().await.unwrap().unwrap_err();
    assert_eq!(end, SlowConsumer { lag: 11 });
    assert!(subscription.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_expired_cursor_is_refused_or_told_as_asked() {
    let bench = Bench::with(5, Config::default());
    bench.append("a", 20).await;
    let start = Start::After(bench.delivery.cursor(Position(3)));
    let refused = bench.delivery.open(request(start), Timestamp::UNIX_EPOCH);
    assert!(matches!(
        refused,
        Err(OpenError::Cursor(CursorError::Expired { .. }))
    ));
    for (on_expired, filter, expected) in [
        (
            OnExpired::Earliest,
            Filter::all(),
            "lost 12 in 3..15 Retention",
        ),
        (
            OnExpired::Earliest,
            of_rule("a"),
            "lost at least 0 in 3..15 Retention",
        ),
        (
            OnExpired::Latest,
            Filter::all(),
            "lost 17 in 3..20 SkippedByPolicy",
        ),
        (
            OnExpired::Latest,
            of_rule("a"),
            "lost at least 5 in 3..20 SkippedByPolicy",
        ),
    ] {
        let mut subscription = bench.open(Request {
            on_expired,
            filter,
            ..request(start)
        });
        let frames = shorts(&mut subscription, 3).await;
        assert_eq!(frames[2], expected, "{on_expired:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn foreign_and_future_cursors_are_told_apart() {
    let bench = Bench::new();
    let foreign = Cursor::new(Incarnation(2), Position(0));
    let future = bench.delivery.cursor(Position(1));
    let error = |cursor| {
        bench
            .delivery
            .open(request(Start::After(cursor)), Timestamp::UNIX_EPOCH)
            .unwrap_err()
    };
    assert_eq!(error(foreign), OpenError::Cursor(CursorError::Foreign));
    assert!(matches!(
        error(future),
        OpenError::Cursor(CursorError::Malformed(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn draining_delivers_what_is_there_and_closes() {
    let bench = Bench::new();
    let mut subscription = bench.open(request(Start::Latest));
    shorts(&mut subscription, 3).await;
    bench.append("a", 2).await;
    bench.shutdown.cancel();
    let frames: Vec<_> = all(&mut subscription).await.iter().map(short).collect();
    assert_eq!(frames, ["[1, 2]", "Draining"]);
    let refused = bench
        .delivery
        .open(request(Start::Latest), Timestamp::UNIX_EPOCH);
    assert_eq!(refused.unwrap_err(), OpenError::Draining);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_source_is_said_and_old_ones_are_not() {
    let bench = Bench::new();
    let source = bench.sources.register(
        Origin::new("falco", Transport::FalcoGrpc),
        String::new(),
        Timestamp::UNIX_EPOCH,
    );
    source.enter(SourceState::Connected, "", Timestamp::UNIX_EPOCH);
    let mut subscription = bench.open(request(Start::Latest));
    assert_eq!(shorts(&mut subscription, 3).await[2], "Live");
    source.enter(SourceState::Disconnected, "", Timestamp::UNIX_EPOCH);
    assert_eq!(shorts(&mut subscription, 1).await, ["Disconnected"]);
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_held_back_only_as_long_as_asked() {
    let bench = Bench::new();
    let mut subscription = bench.open(Request {
        batching: Batching {
            max_delay: Duration::from_secs(2),
            ..Batching::default()
        },
        ..request(Start::Latest)
    });
    shorts(&mut subscription, 3).await;
    let before = Instant::now();
    bench.append("a", 1).await;
    let log = bench.delivery.log.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let alert = testing::alert("a");
        let encoded = bytes::Bytes::from_static(b"encoded");
        log.append(vec![NewEntry { alert, encoded }]).await;
    });
    assert_eq!(shorts(&mut subscription, 1).await, ["[1, 2]"]);
    assert_eq!(before.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn streams_are_limited_and_leave_when_dropped() {
    let bench = Bench::with(
        10,
        Config {
            max_streams: 1,
            ..Config::default()
        },
    );
    let first = bench.open(request(Start::Latest));
    let refused = bench
        .delivery
        .open(request(Start::Latest), Timestamp::UNIX_EPOCH);
    assert_eq!(refused.unwrap_err(), OpenError::TooManyStreams(1));
    assert_eq!(bench.delivery.streams().len(), 1);
    drop(first);
    assert!(bench.delivery.streams().is_empty());
    bench.open(request(Start::Latest));
}

#[tokio::test]
async fn pages_put_together_are_the_history_either_way_round() {
    let bench = Bench::new();
    for index in 0..50 {
        bench
            .append(if index % 3 == 0 { "odd" } else { "x" }, 1)
            .await;
    }
    let filter = of_rule("odd");
    for newest_first in [true, false] {
        let mut from = None;
        let mut found = Vec::new();
        loop {
            let page = bench.delivery.history().page(&PageRequest {
                filter: &filter,
                since: None,
                until: None,
                newest_first,
                size: 4,
                view: View::Full,
                from,
            });
            found.extend(page.entries.iter().map(|entry| entry.position.0));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        if newest_first {
            found.reverse();
        }
        let expected: Vec<_> = (0..50).step_by(3).map(|index| index + 1).collect();
        assert_eq!(found, expected);
    }
}
