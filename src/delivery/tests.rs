use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::{
    alert::{Origin, Transport},
    filter::Filter,
    log::{
        Epoch, Incarnation, Position,
        testing::{self, Opened, entry, entry_at},
    },
    source::SourceState,
};

pub(super) struct Bench {
    pub(super) delivery: Delivery,
    sources: Sources,
    shutdown: CancellationToken,
    opened: Opened,
    _folder: tempfile::TempDir,
}

/// About how many alerts a log holds whose retention takes the others.
const KEPT: u64 = 16;

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(&testing::large(), Config::default())
    }

    /// A log that keeps [`KEPT`] alerts.
    fn short() -> Self {
        // A record of its own, with its commit's mark, for each.
        Self::with(&testing::small(KEPT * 120), Config::default())
    }

    fn bounded(config: Config) -> Self {
        Self::with(&testing::large(), config)
    }

    fn with(log: &crate::log::Config, config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = testing::open(folder.path(), log);
        let sources = Sources::new();
        let shutdown = CancellationToken::new();
        Self {
            delivery: Delivery::new(
                config,
                opened.log.clone(),
                sources.clone(),
                shutdown.clone(),
            ),
            sources,
            shutdown,
            opened,
            _folder: folder,
        }
    }

    /// Appends alerts, each on its own.
    pub(super) async fn append(&self, rule: &str, count: usize) {
        for _ in 0..count {
            self.opened.append(&[rule]).await;
        }
    }

    pub(super) async fn open(&self, request: Request) -> Subscription {
        self.try_open(request).await.unwrap()
    }

    async fn try_open(&self, request: Request) -> Result<Subscription, OpenError> {
        self.delivery.open(request, Timestamp::UNIX_EPOCH).await
    }
}

pub(super) fn request(start: Start) -> Request {
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

pub(super) fn of_rule(rule: &str) -> Filter {
    Filter::parse(&format!("rule = {rule:?}")).unwrap()
}

pub(super) async fn next(subscription: &mut Subscription) -> Frame {
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
        FrameKind::Alerts(frame) => {
            let positions: Vec<_> = frame
                .entries()
                .iter()
                .map(|entry| entry.position.0)
                .collect();
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

pub(super) async fn shorts(subscription: &mut Subscription, count: usize) -> Vec<String> {
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
    let mut subscription = bench.open(request(Start::Earliest)).await;
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
    let mut subscription = bench.open(request(Start::Latest)).await;
    let frames = shorts(&mut subscription, 3).await;
    assert_eq!(frames, ["opened", "CatchingUp", "Live"]);
}

#[tokio::test(start_paused = true)]
async fn every_start_starts_where_it_says() {
    let bench = Bench::new();
    for second in 1..=6 {
        let rule = if second % 2 == 1 { "odd" } else { "even" };
        let batch = vec![entry_at(rule, second)];
        bench.delivery.log.append(batch).await.unwrap();
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
        let mut subscription = bench
            .open(Request {
                filter: of_rule("odd"),
                stop_at_head: true,
                ..request(start)
            })
            .await;
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
    let mut whole = bench.open(odd(Start::Earliest)).await;
    let mut seen = Vec::new();
    while let Some(frame) = whole.next().await {
        let frame = frame.unwrap();
        if let FrameKind::Alerts(frame) = &frame.kind {
            seen.extend(frame.entries().iter().map(|entry| entry.position));
        }
        let mut rest = bench
            .open(odd(Start::After(bench.delivery.cursor(frame.position))))
            .await;
        let mut positions = seen.clone();
        for kind in all(&mut rest).await {
            if let FrameKind::Alerts(frame) = kind {
                positions.extend(frame.entries().iter().map(|entry| entry.position));
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
    let mut subscription = bench
        .open(Request {
            filter: of_rule("never"),
            ..request(Start::Latest)
        })
        .await;
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
    let bench = Bench::short();
    let mut subscription = bench
        .open(Request {
            filter: of_rule("odd"),
            ..request(Start::Latest)
        })
        .await;
    shorts(&mut subscription, 3).await;
    for _ in 0..50 {
        bench.append("odd", 1).await;
        bench.append("even", 1).await;
    }
    bench.opened.trimmed().await;
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
    assert!(lost > 30, "{lost}");
    let mut delivered = 0;
    while lost + delivered < 50 {
        let FrameKind::Alerts(frame) = next(&mut subscription).await.kind else {
            panic!("no alerts");
        };
        delivered += frame.entries().len() as u64;
    }
    assert_eq!(lost + delivered, 50);
    assert_eq!(bench.delivery.streams()[0].lost, lost);
}

#[tokio::test(start_paused = true)]
async fn a_gap_without_a_match_is_no_loss() {
    let bench = Bench::short();
    let mut subscription = bench
        .open(Request {
            filter: of_rule("odd"),
            ..request(Start::Latest)
        })
        .await;
    shorts(&mut subscription, 3).await;
    bench.append("even", 50).await;
    bench.opened.trimmed().await;
    let frame = next(&mut subscription).await;
    assert_eq!(short(&frame.kind), "heartbeat 0");
    assert_eq!(frame.position, Position(50));
}

#[tokio::test(start_paused = true)]
async fn who_asked_to_skip_skips_to_the_head_and_is_told() {
    let bench = Bench::bounded(Config {
        overflow_lag: 10,
        ..Config::default()
    });
    let mut subscription = bench
        .open(Request {
            filter: of_rule("odd"),
            overflow: Overflow::SkipAhead,
            ..request(Start::Latest)
        })
        .await;
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
    let bench = Bench::bounded(Config {
        overflow_lag: 10,
        ..Config::default()
    });
    let mut subscription = bench
        .open(Request {
            overflow: Overflow::Disconnect,
            ..request(Start::Latest)
        })
        .await;
    shorts(&mut subscription, 3).await;
    bench.append("a", 11).await;
    assert_eq!(shorts(&mut subscription, 1).await, ["SlowConsumer"]);
    let end = subscription.next().await.unwrap().unwrap_err();
    assert_eq!(end, SlowConsumer { lag: 11 });
    assert!(subscription.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_expired_cursor_is_refused_or_told_as_asked() {
    let bench = Bench::short();
    bench.append("a", 50).await;
    bench.opened.trimmed().await;
    let begin = bench.delivery.log.bounds().start.0;
    let start = Start::After(bench.delivery.cursor(Position(3)));
    let refused = bench.try_open(request(start)).await;
    assert!(matches!(
        refused,
        Err(OpenError::Cursor(CursorError::Expired { .. }))
    ));
    let (gone, left) = (begin - 3, 50 - begin);
    for (on_expired, filter, expected) in [
        (
            OnExpired::Earliest,
            Filter::all(),
            format!("lost {gone} in 3..{begin} Retention"),
        ),
        (
            OnExpired::Earliest,
            of_rule("a"),
            format!("lost at least 0 in 3..{begin} Retention"),
        ),
        (
            OnExpired::Latest,
            Filter::all(),
            "lost 47 in 3..50 SkippedByPolicy".to_owned(),
        ),
        (
            OnExpired::Latest,
            of_rule("a"),
            format!("lost at least {left} in 3..50 SkippedByPolicy"),
        ),
    ] {
        let mut subscription = bench
            .open(Request {
                on_expired,
                filter,
                ..request(start)
            })
            .await;
        let frames = shorts(&mut subscription, 3).await;
        assert_eq!(frames[2], expected, "{on_expired:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn foreign_and_future_cursors_are_told_apart() {
    let bench = Bench::new();
    let foreign = Cursor::new(
        Incarnation(bench.delivery.log.incarnation().0 ^ 1),
        Epoch(0),
        Position(0),
    );
    let future = bench.delivery.cursor(Position(1));
    let error = async |cursor| {
        let opened = bench.try_open(request(Start::After(cursor))).await;
        opened.unwrap_err()
    };
    assert_eq!(
        error(foreign).await,
        OpenError::Cursor(CursorError::Foreign)
    );
    assert!(matches!(
        error(future).await,
        OpenError::Cursor(CursorError::Malformed(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn draining_delivers_what_is_there_and_closes() {
    let bench = Bench::new();
    let mut subscription = bench.open(request(Start::Latest)).await;
    shorts(&mut subscription, 3).await;
    bench.append("a", 2).await;
    bench.shutdown.cancel();
    let frames: Vec<_> = all(&mut subscription).await.iter().map(short).collect();
    assert_eq!(frames, ["[1, 2]", "Draining"]);
    let refused = bench.try_open(request(Start::Latest)).await;
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
    let mut subscription = bench.open(request(Start::Latest)).await;
    assert_eq!(shorts(&mut subscription, 3).await[2], "Live");
    source.enter(SourceState::Disconnected, "", Timestamp::UNIX_EPOCH);
    assert_eq!(shorts(&mut subscription, 1).await, ["Disconnected"]);
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_held_back_only_as_long_as_asked() {
    let bench = Bench::new();
    let mut subscription = bench
        .open(Request {
            batching: Batching {
                max_delay: Duration::from_secs(2),
                ..Batching::default()
            },
            ..request(Start::Latest)
        })
        .await;
    shorts(&mut subscription, 3).await;
    let before = Instant::now();
    bench.append("a", 1).await;
    let log = bench.delivery.log.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        log.append(vec![entry("a")]).await.unwrap();
    });
    assert_eq!(shorts(&mut subscription, 1).await, ["[1, 2]"]);
    assert_eq!(before.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn streams_are_limited_and_leave_when_dropped() {
    let bench = Bench::bounded(Config {
        max_streams: 1,
        ..Config::default()
    });
    let first = bench.open(request(Start::Latest)).await;
    let refused = bench.try_open(request(Start::Latest)).await;
    assert_eq!(refused.unwrap_err(), OpenError::TooManyStreams(1));
    assert_eq!(bench.delivery.streams().len(), 1);
    drop(first);
    assert!(bench.delivery.streams().is_empty());
    bench.open(request(Start::Latest)).await;
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
            let wanted = PageRequest {
                filter: &filter,
                since: None,
                until: None,
                newest_first,
                size: 4,
                view: View::Full,
                from,
            };
            let page = bench.delivery.history().page(&wanted).await;
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
