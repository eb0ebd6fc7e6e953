//! What a subscription does not get, and is told.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_stalled_stream_is_told_exactly_what_it_lost() {
    let bench = Bench::short();
    let mut subscription = bench
        .open(Request {
            choice: of_rule("odd"),
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
            choice: of_rule("odd"),
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
            choice: of_rule("odd"),
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
