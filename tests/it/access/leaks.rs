//! Nobody learns of what his grant does not show him.
//!
//! Two gateways differ only in that: one has alerts outside the scope besides those within,
//! and other values in the fields that are redacted. Whoever has the grant asks both the
//! same, by every method and with filters that would find out, and must get the same
//! answers to the letter.

use std::collections::BTreeSet;

use falco_gateway::{
    client::Connection,
    pb::{
        self, alert_service_client::AlertServiceClient,
        gateway_service_client::GatewayServiceClient, ingest_service_client::IngestServiceClient,
        stream_alerts_request::Start, stream_frame::Kind as FrameKind,
        subscription_service_client::SubscriptionServiceClient,
    },
};
use prost::Message;
use prost_types::FileDescriptorSet;
use regex::Regex;
use tonic::{Code, Status};

use crate::support::{
    credentials::{Credentials, Kind},
    gateway::Running,
    in_time,
};

/// The grant of those who must not find out.
const TENANT: &str = "{name: tenant, to: [IDENTITY], may: [read, consume], \
    scope: 'k8s.ns.name = payments', redact: ['user.*', proc.cmdline, hostname, 'evt.arg.*']}";

/// Filters that ask for what is hidden, and some that do not.
const FILTERS: [&str; 22] = [
    "",
    "rule contains Shell",
    "user.name = alice",
    "user.name = bob",
    "user.name exists",
    "not user.name = alice",
    "user.uid > 100",
    "proc.cmdline contains secret",
    "not proc.cmdline contains secret",
    "proc.cmdline regex '.*s.cret.*'",
    "output contains alice",
    "output icontains SECRET or message contains secret",
    "hostname = vault",
    "hostname exists",
    "evt.arg.path startswith /etc",
    "k8s.ns.name = vault",
    "k8s.ns.name exists",
    "rule = Hidden",
    "not rule = Hidden",
    "priority >= emergency",
    "proc.name = sh",
    "proc.name in (sh, vaultd) or user.name in (alice, bob)",
];

/// What only the first gateway has.
const SECRETS: [&str; 6] = [
    "alice",
    "s3cret",
    "vault",
    "Hidden",
    "10.9.8.7",
    "/etc/shadow",
];

/// A world to ask about.
struct World {
    gateway: Running,
    credentials: Credentials,
}

fn visible(number: usize, user: &str, argument: &str, host: &str, path: &str) -> String {
    format!(
        r#"{{"rule":"Shell {number}","priority":"Notice","source":"syscall","hostname":"{host}",
        "time":"2026-11-25T03:48:04.{number:09}Z","tags":["a"],
        "output":"Shell by {user}: sh -c {argument}","output_fields":{{"k8s.ns.name":"payments",
        "proc.name":"sh","proc.cmdline":"sh -c {argument}","user.name":"{user}","user.uid":{uid},
        "evt.arg.path":"{path}","container.id":"abc"}}}}"#,
        uid = user.len() * 100,
    )
}

fn hidden(number: usize) -> String {
    format!(
        r#"{{"rule":"Hidden","priority":"Emergency","source":"syscall","hostname":"vault",
        "time":"2026-11-25T03:48:05.{number:09}Z","tags":["b"],"output":"vault s3cret 10.9.8.7",
        "output_fields":{{"k8s.ns.name":"vault","proc.name":"vaultd","user.name":"alice"}}}}"#
    )
}

impl World {
    async fn new(kind: Kind, has_secrets: bool) -> Self {
        let mut credentials = Credentials::new();
        credentials.add_token("tenant");
        let identity = format!("'{}'", Credentials::identity(kind, "tenant"));
        credentials.grant(&TENANT.replace("IDENTITY", &identity));
        credentials.add_token("root");
        credentials.grant("{name: root, to: ['token:root'], may: [read, consume, publish, admin]}");
        let gateway = Running::with(credentials.config()).await;
        let others = |number| has_secrets.then(|| hidden(number));
        for number in 0..5 {
            let (user, argument, host, path) = match has_secrets {
                true => ("alice", "s3cret", "vault", "/etc/shadow"),
                false => ("bob", "public", "lobby", "/tmp/x"),
            };
            let bodies = others(number * 2).into_iter().chain(others(number * 2 + 1));
            gateway.post_all(bodies).await;
            gateway
                .post_all([visible(number, user, argument, host, path)])
                .await;
        }
        gateway.post_all(others(100)).await;
        Self {
            gateway,
            credentials,
        }
    }

    /// Subscriptions and streams of somebody else, and what he has refused.
    async fn others(&self, has_secrets: bool) {
        if !has_secrets {
            return;
        }
        let root = self
            .credentials
            .with_token(&self.gateway, "secret-token-of-root");
        let create = pb::CreateSubscriptionRequest {
            name: "vault".to_owned(),
            ..Default::default()
        };
        let mut client = SubscriptionServiceClient::new(root.clone());
        client.create_subscription(create).await.unwrap();
        let documents = vec!["vault is no JSON".into()];
        let publish = pb::PublishRequest { documents };
        IngestServiceClient::new(root)
            .publish(publish)
            .await
            .unwrap();
    }
}

/// What was seen, with what differs from run to run blotted out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    answers: Vec<(String, String)>,
    methods: BTreeSet<&'static str>,
}

impl Seen {
    fn note(&mut self, method: &'static str, what: &str, answer: &impl std::fmt::Debug) {
        self.methods.insert(method);
        let answer = blotted(&format!("{answer:?}"));
        self.answers.push((format!("{method} {what}"), answer));
    }

    fn answer<T: std::fmt::Debug>(
        &mut self,
        method: &'static str,
        what: &str,
        answer: Result<tonic::Response<T>, Status>,
    ) -> Option<T> {
        match answer {
            Ok(answer) => {
                let message = answer.into_inner();
                self.note(method, what, &message);
                Some(message)
            }
            Err(status) => {
                let told = (status.code(), status.message(), status.details());
                self.note(method, what, &told);
                None
            }
        }
    }

    /// Alerts as they are and not as their bytes.
    fn records(&mut self, method: &'static str, what: &str, records: &[pb::AlertRecord]) {
        let alerts: Vec<_> = records
            .iter()
            .map(|record| (record.cursor.len(), record.decode_alert().unwrap()))
            .collect();
        assert!(alerts.iter().all(|(_, alert)| alert.raw.is_empty()));
        self.note(method, what, &alerts);
    }
}

/// Cursors, ids, times, epochs, addresses.
fn blotted(text: &str) -> String {
    let patterns = [
        (r#""A[A-Za-z0-9_-]{38}""#, "CURSOR"),
        (r"\b[0-9a-f]{32}\b", "ID"),
        (r#"stream_id: "[0-9a-f]{16}""#, "STREAM"),
        (r"Timestamp \{ seconds: \d+, nanos: \d+ \}", "TIME"),
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?", "CLOCK"),
        (r"as_alert_[0-9a-f]{8}", "EXCEPTION"),
        (r"epoch: \d+", "EPOCH"),
        (r"127\.0\.0\.1:\d+", "PEER"),
        (r"retry_delay[^}]*", "DELAY"),
    ];
    let mut text = text.to_owned();
    for (pattern, name) in patterns {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, name).into_owned();
    }
    text
}

/// Asks everything there is to ask.
async fn look(connection: Connection) -> Seen {
    let mut seen = Seen::default();
    alert_service(&connection, &mut seen).await;
    streams(&connection, &mut seen).await;
    subscription_service(&connection, &mut seen).await;
    consume(&connection, &mut seen).await;
    others(&connection, &mut seen).await;
    falco(&connection, &mut seen).await;
    seen
}

async fn alert_service(connection: &Connection, seen: &mut Seen) {
    let mut client = AlertServiceClient::new(connection.clone());
    let mut first = None;
    for filter in FILTERS {
        for view in [
            pb::AlertView::Unspecified,
            pb::AlertView::Basic,
            pb::AlertView::Raw,
        ] {
            for order in [pb::ListOrder::OldestFirst, pb::ListOrder::NewestFirst] {
                let request = pb::ListAlertsRequest {
                    filter: filter.to_owned(),
                    view: view.into(),
                    order: order.into(),
                    page_size: 3,
                    ..Default::default()
                };
                let what = format!("{filter:?} {view:?} {order:?}");
                match in_time(client.list_alerts(request)).await {
                    Ok(answer) => {
                        let page = answer.into_inner();
                        seen.records("ListAlerts", &what, &page.records);
                        seen.note("ListAlerts", &what, &page.next_page_token.len());
                        first = first.or_else(|| page.records.into_iter().next());
                    }
                    Err(status) => {
                        seen.answer::<()>("ListAlerts", &what, Err(status));
                    }
                }
            }
        }
        let validate = pb::ValidateFilterRequest {
            filter: filter.to_owned(),
            samples: vec![sample()],
        };
        seen.answer(
            "ValidateFilter",
            filter,
            client.validate_filter(validate).await,
        );
    }
    one_alert(&mut client, seen, first.unwrap()).await;
}

async fn one_alert(
    client: &mut AlertServiceClient<Connection>,
    seen: &mut Seen,
    first: pb::AlertRecord,
) {
    let id = first.decode_alert().unwrap().id;
    for id in [id.clone(), "0".repeat(32)] {
        for format in [pb::ReportFormat::Text, pb::ReportFormat::Html] {
            let request = pb::GetAlertReportRequest {
                id: id.clone(),
                format: format.into(),
                window: None,
            };
            let answer = in_time(client.get_alert_report(request)).await;
            seen.answer("GetAlertReport", &format!("{format:?}"), answer);
        }
    }
    for (what, key) in [
        ("its id", pb::get_alert_request::Key::Id(id)),
        (
            "its cursor",
            pb::get_alert_request::Key::Cursor(first.cursor),
        ),
        ("another id", pb::get_alert_request::Key::Id("0".repeat(32))),
    ] {
        let request = pb::GetAlertRequest {
            key: Some(key),
            ..Default::default()
        };
        match in_time(client.get_alert(request)).await {
            Ok(answer) => seen.records("GetAlert", what, &[answer.into_inner().record.unwrap()]),
            Err(status) => {
                seen.answer::<()>("GetAlert", what, Err(status));
            }
        }
    }
}

fn sample() -> pb::Alert {
    let field = |text: &str| pb::FieldValue {
        kind: Some(pb::field_value::Kind::StringValue(text.to_owned())),
    };
    pb::Alert {
        rule: "Hidden".to_owned(),
        output: "alice".to_owned(),
        output_fields: [
            ("k8s.ns.name".to_owned(), field("payments")),
            ("user.name".to_owned(), field("alice")),
        ]
        .into(),
        ..Default::default()
    }
}

async fn streams(connection: &Connection, seen: &mut Seen) {
    let mut client = AlertServiceClient::new(connection.clone());
    for filter in FILTERS {
        for start in [Start::Earliest(()), Start::Last(3), Start::Latest(())] {
            let what = format!("{filter:?} {start:?}");
            let request = pb::StreamAlertsRequest {
                filter: filter.to_owned(),
                start: Some(start),
                stop_at_head: true,
                ..Default::default()
            };
            let mut frames = client.stream_alerts(request).await.unwrap().into_inner();
            while let Some(frame) = in_time(frames.message()).await.unwrap() {
                assert_eq!(frame.cursor.len(), 39);
                match frame.kind.unwrap() {
                    FrameKind::Alerts(batch) => {
                        seen.records("StreamAlerts", &what, &batch.records);
                    }
                    kind => seen.note("StreamAlerts", &what, &kind),
                }
            }
        }
    }
    heartbeat(&mut client, seen).await;
}

/// What is said when nothing is.
async fn heartbeat(client: &mut AlertServiceClient<Connection>, seen: &mut Seen) {
    let request = pb::StreamAlertsRequest {
        heartbeat_interval: Some(prost_types::Duration {
            seconds: 1,
            nanos: 0,
        }),
        ..Default::default()
    };
    let mut frames = client.stream_alerts(request).await.unwrap().into_inner();
    loop {
        let frame = in_time(frames.message()).await.unwrap().unwrap();
        let kind = frame.kind.unwrap();
        seen.note("StreamAlerts", "heartbeat", &kind);
        if let FrameKind::Heartbeat(beat) = kind {
            assert_eq!((beat.lag, beat.head_time), (None, None));
            return;
        }
    }
}

async fn subscription_service(connection: &Connection, seen: &mut Seen) {
    let mut client = SubscriptionServiceClient::new(connection.clone());
    for name in ["mine", "vault", "/vault", "root/vault", "nobody/x"] {
        let create = pb::CreateSubscriptionRequest {
            name: name.to_owned(),
            filter: "not user.name = alice".to_owned(),
            start: Some(pb::SubscriptionStart {
                start: Some(pb::subscription_start::Start::Earliest(())),
            }),
        };
        seen.answer(
            "CreateSubscription",
            name,
            client.create_subscription(create).await,
        );
        let get = pb::GetSubscriptionRequest {
            name: name.to_owned(),
        };
        seen.answer("GetSubscription", name, client.get_subscription(get).await);
        let update = pb::UpdateSubscriptionRequest {
            subscription: Some(pb::Subscription {
                name: name.to_owned(),
                filter: "not user.name = bob".to_owned(),
                ..Default::default()
            }),
            update_mask: None,
        };
        seen.answer(
            "UpdateSubscription",
            name,
            client.update_subscription(update).await,
        );
        pull(&mut client, seen, name).await;
        let seek = pb::SeekSubscriptionRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        seen.answer(
            "SeekSubscription",
            name,
            client.seek_subscription(seek).await,
        );
        let list = client.list_subscriptions(pb::ListSubscriptionsRequest {});
        seen.answer("ListSubscriptions", name, list.await);
        let delete = pb::DeleteSubscriptionRequest {
            name: name.to_owned(),
        };
        seen.answer(
            "DeleteSubscription",
            name,
            client.delete_subscription(delete).await,
        );
    }
}

async fn pull(
    client: &mut SubscriptionServiceClient<Connection>,
    seen: &mut Seen,
    name: &'static str,
) {
    let pull = pb::PullAlertsRequest {
        name: name.to_owned(),
        max_alerts: 2,
        ..Default::default()
    };
    match in_time(client.pull_alerts(pull)).await {
        Ok(answer) => {
            let pulled = answer.into_inner();
            seen.records("PullAlerts", name, &pulled.records);
            seen.note("PullAlerts", name, &pulled.losses);
            let acknowledge = pb::AcknowledgeAlertsRequest {
                name: name.to_owned(),
                cursor: pulled.cursor,
                epoch: pulled.epoch,
            };
            let answer = client.acknowledge_alerts(acknowledge).await;
            seen.answer("AcknowledgeAlerts", name, answer);
        }
        Err(status) => {
            seen.answer::<()>("PullAlerts", name, Err(status));
        }
    }
}

async fn consume(connection: &Connection, seen: &mut Seen) {
    use pb::consume_subscription_request::Kind::Open;
    let mut client = SubscriptionServiceClient::new(connection.clone());
    let create = pb::CreateSubscriptionRequest {
        name: "consumed".to_owned(),
        filter: "not rule = Hidden".to_owned(),
        start: Some(pb::SubscriptionStart {
            start: Some(pb::subscription_start::Start::Earliest(())),
        }),
    };
    client.create_subscription(create).await.unwrap();
    for name in ["consumed", "vault", "/vault", "root/vault"] {
        let open = pb::ConsumeOpen {
            name: name.to_owned(),
            ..Default::default()
        };
        let request = pb::ConsumeSubscriptionRequest {
            kind: Some(Open(open)),
        };
        let asks =
            tokio_stream::StreamExt::chain(tokio_stream::iter([request]), tokio_stream::pending());
        let mut frames = match in_time(client.consume_subscription(asks)).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => {
                seen.answer::<()>("ConsumeSubscription", name, Err(status));
                continue;
            }
        };
        let mut alerts = 0;
        while alerts < 5 {
            match in_time(frames.message())
                .await
                .unwrap()
                .unwrap()
                .kind
                .unwrap()
            {
                FrameKind::Alerts(batch) => {
                    alerts += batch.records.len();
                    seen.records("ConsumeSubscription", name, &batch.records);
                }
                kind => seen.note("ConsumeSubscription", name, &kind),
            }
        }
    }
    client
        .delete_subscription(pb::DeleteSubscriptionRequest {
            name: "consumed".to_owned(),
        })
        .await
        .unwrap();
}

async fn others(connection: &Connection, seen: &mut Seen) {
    let mut client = GatewayServiceClient::new(connection.clone());
    let info = client.get_gateway_info(pb::GetGatewayInfoRequest {});
    let info = seen.answer("GetGatewayInfo", "", info.await).unwrap();
    assert_eq!(info.log, None);
    let sources = client.list_sources(pb::ListSourcesRequest {}).await;
    seen.answer("ListSources", "", sources);
    let streams = client.list_streams(pb::ListStreamsRequest {}).await;
    let streams = seen.answer("ListStreams", "", streams).unwrap();
    assert!(streams.streams.iter().all(|stream| stream.lag.is_none()));
    let letters = client.list_dead_letters(pb::ListDeadLettersRequest { limit: 0 });
    seen.answer("ListDeadLetters", "", letters.await);
    let bridges = client.list_bridges(pb::ListBridgesRequest {}).await;
    seen.answer("ListBridges", "", bridges);
    let mut client = IngestServiceClient::new(connection.clone());
    let publish = pb::PublishRequest { documents: vec![] };
    seen.answer("Publish", "", client.publish(publish).await);
    let publish = client.publish_alerts(tokio_stream::iter([]));
    seen.answer("PublishAlerts", "", publish.await);
}

async fn falco(connection: &Connection, seen: &mut Seen) {
    use falco_gateway::pb::falco::{
        outputs::{Request, service_client::ServiceClient as Outputs},
        version::{self, service_client::ServiceClient as Versions},
    };
    let mut client = Versions::new(connection.clone());
    let version = client.version(version::Request {}).await;
    seen.answer("version", "", version);
    let mut client = Outputs::new(connection.clone());
    let mut alerts = client.get(Request {}).await.unwrap().into_inner();
    while let Some(alert) = in_time(alerts.message()).await.unwrap() {
        let mut fields: Vec<_> = alert.output_fields.iter().collect();
        fields.sort();
        let told = (
            &alert.rule,
            &alert.output,
            &alert.hostname,
            fields,
            &alert.tags,
        );
        seen.note("get", "", &told);
    }
    let asks =
        tokio_stream::StreamExt::chain(tokio_stream::iter([Request {}]), tokio_stream::pending());
    let mut alerts = client.sub(asks).await.unwrap().into_inner();
    for _ in 0..5 {
        let alert = in_time(alerts.message()).await.unwrap().unwrap();
        seen.note("sub", "", &(alert.rule, alert.output, alert.hostname));
    }
}

/// All methods that there are, but those that say the same to everybody.
fn methods() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(pb::FILE_DESCRIPTOR_SET).unwrap();
    let services = set.file.into_iter().flat_map(|file| file.service);
    services
        .flat_map(|service| service.method)
        .map(|method| method.name.unwrap())
        .collect()
}

async fn compared(kind: Kind) {
    let mut worlds = Vec::new();
    for has_secrets in [true, false] {
        let world = World::new(kind, has_secrets).await;
        world.others(has_secrets).await;
        let client = world
            .credentials
            .client(&world.gateway, kind, "tenant")
            .await;
        worlds.push(look(client).await);
        world.gateway.stopped().await;
    }
    let [first, second] = worlds.try_into().unwrap();
    for (one, other) in first.answers.iter().zip(&second.answers) {
        assert_eq!(one, other, "{kind:?}");
        let told = format!("{one:?}");
        // What the caller said itself it may hear again.
        if !one.0.contains("Filter") && !one.0.contains("Subscription") {
            let (_, answer) = one;
            let own = answer.contains("effective_filter");
            for secret in SECRETS {
                assert!(own || !answer.contains(secret), "{secret} in {told}");
            }
        }
    }
    assert_eq!(first.answers.len(), second.answers.len());
    let seen: BTreeSet<_> = first.methods.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(seen, methods(), "a method was not asked");
    assert!(first.answers.len() > 300, "{}", first.answers.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_grant_shows_to_tokens() {
    compared(Kind::Token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_grant_shows_to_signed_tokens() {
    compared(Kind::Jwt).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_grant_shows_to_certificates() {
    compared(Kind::Certificate).await;
    compared(Kind::Spiffe).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_grant_shows_to_sockets_and_to_nobody() {
    compared(Kind::Unix).await;
    compared(Kind::Anonymous).await;
}

/// The alerts of a world, as `connection` sees them.
async fn all_of(connection: Connection) -> Vec<pb::AlertRecord> {
    let mut client = AlertServiceClient::new(connection);
    let request = pb::ListAlertsRequest {
        page_size: 100,
        ..Default::default()
    };
    let page = in_time(client.list_alerts(request)).await.unwrap();
    page.into_inner().records
}

/// An id is a hash of all fields: with it a guess at a hidden one can be tried.
#[tokio::test(flavor = "multi_thread")]
async fn ids_do_not_confirm_a_guess_at_what_is_hidden() {
    let world = World::new(Kind::Token, true).await;
    let client = |name: &str| {
        let token = format!("secret-token-of-{name}");
        world.credentials.with_token(&world.gateway, &token)
    };
    let ids = |records: &[pb::AlertRecord]| -> BTreeSet<String> {
        let alerts = records.iter().map(|record| record.decode_alert().unwrap());
        alerts.map(|alert| alert.id).collect()
    };
    let (root, tenant) = (all_of(client("root")).await, all_of(client("tenant")).await);
    assert_eq!((root.len(), tenant.len()), (16, 5));
    assert!(ids(&root).is_disjoint(&ids(&tenant)));
    let mut alerts = AlertServiceClient::new(client("tenant"));
    for id in ids(&root) {
        let key = Some(pb::get_alert_request::Key::Id(id));
        let refused = alerts.get_alert(pb::GetAlertRequest { key, view: 0 }).await;
        assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    }
    // Cursors of what is hidden lead nowhere either.
    for record in root {
        let alert = record.decode_alert().unwrap();
        let key = Some(pb::get_alert_request::Key::Cursor(record.cursor));
        let found = alerts.get_alert(pb::GetAlertRequest { key, view: 0 }).await;
        assert_eq!(found.is_ok(), alert.rule != "Hidden");
    }
}
