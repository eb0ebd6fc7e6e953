//! Subscribers that do not keep up.

use falco_gateway::{
    pb::{self, stream_frame::Kind},
    units::Size,
};

use crate::support::{
    captures::numbered_body,
    gateway::{Running, from_the_start, loopback},
    soon,
};

/// More than all windows and buffers between the gateway and a client that does
/// not read: what is beyond it can only wait in the log.
const MANY: usize = 600;
const LARGE: usize = 30_000;

#[tokio::test]
async fn a_stalled_reader_delays_nobody_and_is_told_what_it_lost() {
    let mut config = loopback();
    config.log.retention_bytes = Size(4 << 20);
    let gateway = Running::with(config).await;
    // A connection of its own: its window is full soon.
    let channel = tonic::transport::Channel::from_shared(gateway.address.clone()).unwrap();
    let channel = channel.connect().await.unwrap();
    let mut client = pb::alert_service_client::AlertServiceClient::new(channel);
    let response = client
        .stream_alerts(from_the_start("priority = critical"))
        .await;
    let mut stalled = crate::support::frames::Frames::new(response.unwrap().into_inner());
    stalled.opened().await;
    stalled.live().await;

    let mut lively = gateway.stream(from_the_start("")).await;
    let mut got = 0;
    let posting = gateway.post_all((0..MANY).map(|number| numbered_body(number, LARGE)));
    let reading = async {
        while got < MANY {
            match lively.next().await {
                Kind::Alerts(batch) => got += batch.records.len(),
                Kind::Loss(loss) => panic!("the lively one lost {}", loss.lost),
                _ => {}
            }
        }
    };
    soon("the lively reader", async {
        tokio::join!(posting, reading)
    })
    .await;

    let (mut delivered, mut lost) = (0, 0);
    while delivered + lost < MANY as u64 / 2 {
        match stalled.next().await {
            Kind::Alerts(batch) => delivered += batch.records.len() as u64,
            Kind::Loss(loss) => {
                assert!(!loss.lower_bound);
                assert_eq!(loss.cause(), pb::LossCause::Retention);
                lost += loss.lost;
            }
            _ => {}
        }
    }
    assert!(lost > 0);
    assert_eq!(delivered + lost, MANY as u64 / 2);
}

#[tokio::test]
async fn who_asked_to_be_disconnected_is() {
    let mut config = loopback();
    config.delivery.overflow_lag = 10;
    let gateway = Running::with(config).await;
    let mut request = from_the_start("");
    request.set_overflow_policy(pb::OverflowPolicy::Disconnect);
    let mut stream = gateway.stream(request).await;
    stream.opened().await;
    stream.live().await;
    gateway
        .post_all((0..MANY).map(|number| numbered_body(number, LARGE)))
        .await;
    let ended = loop {
        match stream.try_next().await {
            Ok(kind) => assert!(kind.is_some(), "ended with OK"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), tonic::Code::ResourceExhausted);
}

#[tokio::test]
async fn who_asked_to_skip_ahead_is_told_how_many() {
    let mut config = loopback();
    config.delivery.overflow_lag = 10;
    let gateway = Running::with(config).await;
    let mut request = from_the_start("priority = critical");
    request.set_overflow_policy(pb::OverflowPolicy::SkipAhead);
    let mut stream = gateway.stream(request).await;
    stream.opened().await;
    stream.live().await;
    gateway
        .post_all((0..MANY).map(|number| numbered_body(number, LARGE)))
        .await;
    let (mut delivered, mut lost) = (0, 0);
    while delivered + lost < MANY as u64 / 2 {
        match stream.next().await {
            Kind::Alerts(batch) => delivered += batch.records.len() as u64,
            Kind::Loss(loss) => {
                assert_eq!(loss.cause(), pb::LossCause::SkippedByPolicy);
                assert!(!loss.lower_bound);
                lost += loss.lost;
            }
            _ => {}
        }
    }
    assert!(lost > 0);
    assert_eq!(delivered + lost, MANY as u64 / 2);
}
