//! What a subscription says beside alerts, and its end.

use super::*;

#[tokio::test(start_paused = true)]
async fn silence_is_filled_with_heartbeats_whose_cursor_moves() {
    let bench = Bench::new();
    let mut subscription = bench
        .open(Request {
            choice: of_rule("never"),
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
