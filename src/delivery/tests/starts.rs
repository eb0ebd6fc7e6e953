//! Where a subscription starts, and what comes then.

use super::*;

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
                choice: of_rule("odd"),
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
        choice: of_rule("odd"),
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
    for (on_expired, choice, expected) in [
        (
            OnExpired::Earliest,
            filtered(""),
            format!("lost {gone} in 3..{begin} Retention"),
        ),
        (
            OnExpired::Earliest,
            of_rule("a"),
            format!("lost at least 0 in 3..{begin} Retention"),
        ),
        (
            OnExpired::Latest,
            filtered(""),
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
                choice,
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
    let other = Bench::new();
    let foreign = other.delivery.cursor(Position(0));
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
