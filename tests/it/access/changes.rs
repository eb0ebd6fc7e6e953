//! What becomes of open streams when what they go by changes.

use std::time::Duration;

use falco_gateway::{
    access,
    client::{AlertStream, Connection, Event},
    config::Config,
    pb::{
        self, alert_service_client::AlertServiceClient, stream_frame::Kind as FrameKind,
        subscription_service_client::SubscriptionServiceClient,
    },
};
use time::OffsetDateTime;
use tonic::{Code, transport::Channel};

use crate::support::{
    captures::numbered_body,
    credentials::{Credentials, Signer, grants, token, write_jwks},
    frames::Frames,
    gateway::{Running, from_the_start},
    in_time, soon,
};

const READERS: &str = "{name: readers, to: ['*'], may: [read, consume]}";
const CRITICAL: &str =
    "{name: readers, to: ['*'], may: [read, consume], scope: priority >= critical}";

async fn stream(connection: Connection, request: pb::StreamAlertsRequest) -> Frames {
    let mut client = AlertServiceClient::new(connection);
    let answer = in_time(client.stream_alerts(request)).await.unwrap();
    Frames::new(answer.into_inner())
}

async fn closing(frames: &mut Frames) -> pb::ClosingReason {
    let reason = frames
        .find(|kind| match kind {
            FrameKind::Closing(closing) => Some(closing.reason()),
            _ => None,
        })
        .await;
    // And nothing behind it, not even an error.
    assert_eq!(frames.try_next().await.unwrap(), None);
    reason
}

/// As it runs, with other grants.
fn with_grants(config: &Config, yamls: &[&str]) -> Config {
    let access = access::Config {
        grants: Some(grants(yamls)),
        ..config.access.clone()
    };
    Config {
        access,
        ..config.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_grant_changes_and_only_then() {
    let mut credentials = Credentials::new();
    for name in ["ann", "bea"] {
        credentials.add_token(name);
    }
    credentials.grant("{name: ann, to: ['token:ann'], may: [read]}");
    credentials.grant("{name: bea, to: ['token:bea'], may: [read]}");
    let config = credentials.config();
    let gateway = Running::with(config.clone()).await;
    let open = async |name: &str| {
        let connection = credentials.with_token(&gateway, &token(name));
        stream(connection, from_the_start("")).await
    };
    let (mut ann, mut bea) = (open("ann").await, open("bea").await);
    gateway.post_all([numbered_body(1, 0)]).await;
    ann.records(1).await;
    bea.records(1).await;
    let after = ann.cursor.clone();
    // The same in another order, with another quota: nothing for anybody.
    let same = with_grants(
        &config,
        &[
            "{name: bea, to: ['token:bea'], may: [read], quota: {streams: 5}}",
            "{name: ann, to: ['token:ann', 'token:cid'], may: [read]}",
        ],
    );
    assert_eq!(gateway.reload(same).await.unwrap().ended, 0);
    let narrowed = with_grants(
        &config,
        &[
            "{name: ann, to: ['token:ann'], may: [read], scope: priority >= critical}",
            "{name: bea, to: ['token:bea'], may: [read]}",
        ],
    );
    assert_eq!(gateway.reload(narrowed).await.unwrap().ended, 1);
    assert_eq!(closing(&mut ann).await, pb::ClosingReason::PolicyChanged);
    gateway
        .post_all([numbered_body(2, 0), numbered_body(3, 0)])
        .await;
    bea.records(2).await;
    // Who goes on gets what he is granted now, and none of it twice.
    let request = pb::StreamAlertsRequest {
        start: Some(pb::stream_alerts_request::Start::AfterCursor(after)),
        stop_at_head: true,
        ..Default::default()
    };
    let connection = credentials.with_token(&gateway, &token("ann"));
    let mut again = stream(connection, request.clone()).await;
    assert_eq!(again.opened().await.effective_scope, "priority >= critical");
    let rest = again.rest().await;
    let rules: Vec<_> = rest
        .iter()
        .map(|it| it.decode_alert().unwrap().rule)
        .collect();
    assert_eq!(rules, ["r3"]);
    // And who has no grant any more gets nothing.
    let none = with_grants(&config, &["{name: ann, to: ['token:ann'], may: [read]}"]);
    gateway.reload(none).await.unwrap();
    assert_eq!(closing(&mut bea).await, pb::ClosingReason::PolicyChanged);
    let connection = credentials.with_token(&gateway, &token("bea"));
    let refused = AlertServiceClient::new(connection)
        .stream_alerts(request)
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}

/// What was decided under the old grant and not sent yet is not sent any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_slow_client_is_not_sent_under_the_old_grant() {
    let mut credentials = Credentials::new();
    credentials.grant(READERS);
    let config = credentials.config();
    let gateway = Running::with(config.clone()).await;
    let bodies = (0..200).map(|number| numbered_body(2 * number, 20_000));
    gateway.post_all(bodies).await;
    let endpoint = Channel::from_shared(gateway.address.clone()).unwrap();
    let slow = endpoint
        .initial_stream_window_size(70_000)
        .connect()
        .await
        .unwrap();
    let mut frames = stream(slow.into(), from_the_start("")).await;
    let opened = frames.opened().await;
    assert_eq!(opened.grant, "readers");
    gateway
        .reload(with_grants(&config, &[CRITICAL]))
        .await
        .unwrap();
    let mut records = 0;
    while let Some(kind) = frames.try_next().await.unwrap() {
        match kind {
            FrameKind::Alerts(batch) => records += batch.records.len(),
            FrameKind::Closing(closing) => {
                assert_eq!(closing.reason(), pb::ClosingReason::PolicyChanged);
            }
            _ => {}
        }
    }
    // What was on the wire cannot be called back: windows and a frame or two.
    assert!(records < 100, "{records}");
    let request = pb::StreamAlertsRequest {
        start: Some(pb::stream_alerts_request::Start::AfterCursor(frames.cursor)),
        stop_at_head: true,
        ..Default::default()
    };
    let rest = stream(gateway.channel().into(), request).await.rest().await;
    assert_eq!(rest.len(), 0, "all of these are below the new scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_credentials() {
    let mut credentials = Credentials::new();
    credentials.grant(READERS);
    let gateway = Running::with(credentials.config()).await;
    let token = credentials.signer.token("ann", 2);
    let connection = credentials.with_token(&gateway, &token);
    let mut frames = stream(connection, from_the_start("")).await;
    let opened = frames.opened().await;
    assert!(opened.authorization_expire_time.is_some());
    let reason = closing(&mut frames).await;
    assert_eq!(reason, pb::ClosingReason::AuthorizationExpired);
    // So does one with its certificate.
    let end = OffsetDateTime::now_utc() + Duration::from_secs(2);
    let shown = credentials.authority.issue_until("ann", &[], end);
    let channel = credentials.over_tls(&gateway, Some(&shown)).await;
    let mut frames = stream(channel.into(), from_the_start("")).await;
    let reason = closing(&mut frames).await;
    assert_eq!(reason, pb::ClosingReason::AuthorizationExpired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_taken_back_is_worth_nothing() {
    let mut credentials = Credentials::new();
    credentials.add_token("ann");
    credentials.grant(READERS);
    let config = credentials.config();
    let gateway = Running::with(config.clone()).await;
    let connection = credentials.with_token(&gateway, &token("ann"));
    let mut frames = stream(connection.clone(), from_the_start("")).await;
    // Another one beside it, and then only that.
    let file = credentials.path("ann.token");
    std::fs::write(&file, format!("{}\na-second-token-of-ann\n", token("ann"))).unwrap();
    assert_eq!(gateway.reload(config.clone()).await.unwrap().ended, 0);
    std::fs::write(&file, "a-second-token-of-ann\n").unwrap();
    assert_eq!(gateway.reload(config.clone()).await.unwrap().ended, 1);
    assert_eq!(closing(&mut frames).await, pb::ClosingReason::PolicyChanged);
    let refused = AlertServiceClient::new(connection)
        .stream_alerts(from_the_start(""))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    let second = credentials.with_token(&gateway, "a-second-token-of-ann");
    stream(second, from_the_start("")).await.opened().await;
    // One that cannot be read leaves everything as it is.
    std::fs::write(&file, "short").unwrap();
    let refused = gateway.reload(config).await.unwrap_err().to_string();
    assert!(refused.contains("could be guessed"), "{refused}");
    let second = credentials.with_token(&gateway, "a-second-token-of-ann");
    stream(second, from_the_start("")).await.opened().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_an_issuer_are_rotated() {
    let mut credentials = Credentials::new();
    credentials.grant(READERS);
    let config = credentials.config();
    let gateway = Running::with(config.clone()).await;
    let next = Signer::new("second");
    let open = async |signer: &Signer| {
        let connection = credentials.with_token(&gateway, &signer.token("ann", 600));
        let mut client = AlertServiceClient::new(connection);
        in_time(client.stream_alerts(from_the_start(""))).await
    };
    let mut frames = Frames::new(open(&credentials.signer).await.unwrap().into_inner());
    assert!(open(&next).await.is_err());
    write_jwks(&credentials.path("jwks.json"), &[&next]);
    gateway.reload(config).await.unwrap();
    open(&next).await.unwrap();
    assert!(open(&credentials.signer).await.is_err());
    // What was opened with the old key goes on until it expires.
    gateway.post_all([numbered_body(1, 0)]).await;
    frames.records(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_end_with_their_grant() {
    let mut credentials = Credentials::new();
    credentials.grant(READERS);
    let config = credentials.config();
    let gateway = Running::with(config.clone()).await;
    let mut client = SubscriptionServiceClient::new(gateway.channel());
    let create = pb::CreateSubscriptionRequest {
        name: "cron".to_owned(),
        filter: "rule = never".to_owned(),
        ..Default::default()
    };
    client.create_subscription(create).await.unwrap();
    let pull = pb::PullAlertsRequest {
        name: "cron".to_owned(),
        max_wait: Some(prost_types::Duration {
            seconds: 60,
            nanos: 0,
        }),
        ..Default::default()
    };
    let mut puller = client.clone();
    let pulling = tokio::spawn(async move { puller.pull_alerts(pull).await });
    let mut outputs = pb::falco::outputs::service_client::ServiceClient::new(gateway.channel());
    let asks = tokio_stream::StreamExt::chain(
        tokio_stream::iter([pb::falco::outputs::Request {}]),
        tokio_stream::pending(),
    );
    let mut alerts = outputs.sub(asks).await.unwrap().into_inner();
    gateway.post_all([numbered_body(1, 0)]).await;
    in_time(alerts.message()).await.unwrap().unwrap();
    gateway
        .reload(with_grants(&config, &[CRITICAL]))
        .await
        .unwrap();
    let ended = in_time(alerts.message()).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    // Of the session's end and the subscription's change it hears one.
    let ended = soon("the pull", pulling).await.unwrap().unwrap_err();
    let is_told = matches!(ended.code(), Code::Unavailable | Code::Aborted);
    assert!(is_told, "{ended:?}");
}

/// A subscription sees what its grant does, whenever that changes; what is not acknowledged
/// comes again, as far as it is still to be seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_durable_subscription_goes_by_its_grant() {
    let mut credentials = Credentials::new();
    credentials.grant(READERS);
    let config = credentials.config();
    let gateway = Running::with(config.clone()).await;
    let mut client = SubscriptionServiceClient::new(gateway.channel());
    let create = pb::CreateSubscriptionRequest {
        name: "siem".to_owned(),
        ..Default::default()
    };
    client.create_subscription(create).await.unwrap();
    gateway
        .post_all((0..6).map(|number| numbered_body(number, 0)))
        .await;
    let pull = async |client: &SubscriptionServiceClient<Channel>| {
        let pull = pb::PullAlertsRequest {
            name: "siem".to_owned(),
            ..Default::default()
        };
        let pulled = client.clone().pull_alerts(pull).await.unwrap().into_inner();
        let alerts = pulled
            .records
            .iter()
            .map(|it| it.decode_alert().unwrap().rule);
        alerts.collect::<Vec<_>>()
    };
    assert_eq!(pull(&client).await.len(), 6);
    gateway
        .reload(with_grants(&config, &[CRITICAL]))
        .await
        .unwrap();
    assert_eq!(pull(&client).await, ["r1", "r3", "r5"]);
    gateway
        .reload(with_grants(&config, &[READERS]))
        .await
        .unwrap();
    assert_eq!(pull(&client).await.len(), 6);
}

/// Certificates, keys, tokens and grants change again and again under clients that resume
/// by themselves: none of them misses an alert, and none gets one twice.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_certificates_and_grants_are_rotated() {
    const ALERTS: usize = 300;
    let mut credentials = Credentials::new();
    credentials.grant(READERS);
    let config = credentials.config();
    let gateway = Running::with(config.clone()).await;
    let shown = credentials.authority.issue_client("ann", &[]);
    let over_tls = credentials.over_tls(&gateway, Some(&shown)).await;
    let mut readers = Vec::new();
    for connection in [Connection::from(gateway.channel()), over_tls.into()] {
        let mut stream = AlertStream::new(connection, from_the_start(""));
        readers.push(tokio::spawn(async move {
            let (mut rules, mut opened) = (Vec::new(), 0);
            while rules.len() < ALERTS {
                match in_time(stream.next()).await.unwrap().unwrap() {
                    Event::Alert { alert, .. } => rules.push(alert.rule),
                    Event::Opened { .. } => opened += 1,
                    Event::Loss { notice, .. } => panic!("{notice:?}"),
                    _ => {}
                }
            }
            (rules, opened)
        }));
    }
    for round in 0..10 {
        let from = round * ALERTS / 10;
        let bodies = (from..from + ALERTS / 10).map(|number| numbered_body(number, 0));
        gateway.post_all(bodies).await;
        let server = credentials.authority.issue("localhost");
        let (certificate, key) = server.pems();
        std::fs::write(credentials.path("server.crt"), certificate).unwrap();
        std::fs::write(credentials.path("server.key"), key).unwrap();
        let history = format!("{}h", round + 1);
        let grant = format!("{{name: readers, to: ['*'], may: [read], history: {history}}}");
        gateway
            .reload(with_grants(&config, &[&grant]))
            .await
            .unwrap();
    }
    let wanted: Vec<_> = (0..ALERTS).map(|number| format!("r{number}")).collect();
    for reader in readers {
        let (rules, opened) = soon("a reader", reader).await.unwrap();
        assert_eq!(rules, wanted);
        assert!(opened > 1, "it was never ended");
    }
    // New connections get the new certificate.
    credentials.over_tls(&gateway, None).await;
}

/// A certificate of another authority, and one without its key.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_no_good_is_not_taken_over() {
    let mut credentials = Credentials::new();
    credentials.grant(READERS);
    let config = credentials.config();
    let gateway = Running::with(config.clone()).await;
    std::fs::write(credentials.path("server.crt"), "no certificate").unwrap();
    let refused = gateway.reload(config).await.unwrap_err().to_string();
    assert!(refused.contains("server.crt"), "{refused}");
    credentials.over_tls(&gateway, None).await;
}
