//! What each kind of grant lets its holders call.

use falco_gateway::{client::Connection, pb};
use http::uri::PathAndQuery;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use crate::support::{credentials::Credentials, gateway::Running, in_time};

/// Those who call, with what they may do.
const GRANTS: [(&str, &str); 4] = [
    ("reader", "read"),
    ("consumer", "consume"),
    ("publisher", "publish"),
    ("operator", "admin"),
];

/// Who may call what: r, c, p, a for the grants above, in a word for each method.
const TABLE: [(&str, &str); 25] = [
    ("falcogateway.v1.AlertService/StreamAlerts", "r"),
    ("falcogateway.v1.AlertService/ListAlerts", "r"),
    ("falcogateway.v1.AlertService/GetAlert", "r"),
    ("falcogateway.v1.AlertService/GetAlertReport", "r"),
    ("falcogateway.v1.AlertService/ValidateFilter", "r"),
    (
        "falcogateway.v1.SubscriptionService/CreateSubscription",
        "c",
    ),
    ("falcogateway.v1.SubscriptionService/GetSubscription", "ca"),
    (
        "falcogateway.v1.SubscriptionService/ListSubscriptions",
        "ca",
    ),
    (
        "falcogateway.v1.SubscriptionService/UpdateSubscription",
        "c",
    ),
    (
        "falcogateway.v1.SubscriptionService/DeleteSubscription",
        "ca",
    ),
    ("falcogateway.v1.SubscriptionService/SeekSubscription", "ca"),
    (
        "falcogateway.v1.SubscriptionService/ConsumeSubscription",
        "c",
    ),
    ("falcogateway.v1.SubscriptionService/PullAlerts", "c"),
    ("falcogateway.v1.SubscriptionService/AcknowledgeAlerts", "c"),
    ("falcogateway.v1.IngestService/Publish", "p"),
    ("falcogateway.v1.IngestService/PublishAlerts", "p"),
    ("falcogateway.v1.GatewayService/GetGatewayInfo", "rcpa"),
    ("falcogateway.v1.GatewayService/ListSources", "ra"),
    ("falcogateway.v1.GatewayService/ListStreams", "rca"),
    ("falcogateway.v1.GatewayService/ListDeadLetters", "a"),
    ("falcogateway.v1.GatewayService/ListBridges", "a"),
    ("falco.outputs.service/sub", "r"),
    ("falco.outputs.service/get", "r"),
    ("falco.version.service/version", "rcpa"),
    ("falcogateway.v1.NoService/None", "a"),
];

/// Calls it with an empty message, whatever it takes.
async fn call(connection: &Connection, method: &str) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(connection.clone());
    grpc.ready().await.unwrap();
    let path: PathAndQuery = format!("/{method}").parse().unwrap();
    let codec = ProstCodec::<(), ()>::default();
    let request = tonic::Request::new(tokio_stream::iter([()]));
    let answer = in_time(grpc.streaming(request, path, codec)).await?;
    // Of some only the first message tells that they are refused; those that are not may
    // never say anything.
    let mut messages = answer.into_inner();
    let first = tokio::time::timeout(std::time::Duration::from_millis(50), messages.message());
    match first.await {
        Ok(first) => first.map(|_| ()),
        Err(_) => Ok(()),
    }
}

fn is_denied(answer: &Result<(), Status>) -> bool {
    let code = answer.as_ref().err().map(Status::code);
    matches!(code, Some(Code::PermissionDenied | Code::Unauthenticated))
}

async fn gateway() -> (Running, Credentials) {
    let mut credentials = Credentials::new();
    for (name, right) in GRANTS {
        credentials.add_token(name);
        credentials.grant(&format!(
            "{{name: {name}, to: ['token:{name}'], may: [{right}]}}"
        ));
    }
    credentials.add_token("stranger");
    (Running::with(credentials.config()).await, credentials)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_is_for_those_who_may() {
    let (gateway, credentials) = gateway().await;
    for (method, allowed) in TABLE {
        for (name, _) in GRANTS {
            let token = format!("secret-token-of-{name}");
            let answer = call(&credentials.with_token(&gateway, &token), method).await;
            let letter = if name == "operator" { "a" } else { &name[..1] };
            assert_eq!(
                is_denied(&answer),
                !allowed.contains(letter),
                "{name} calls {method}: {answer:?}"
            );
            if let Err(status) = &answer
                && is_denied(&answer)
            {
                assert_eq!(status.code(), Code::PermissionDenied);
                let details = status.get_error_details();
                assert_eq!(details.error_info().unwrap().reason, "SCOPE_DENIED");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_nobody_is_denied_everything_but_health_and_reflection() {
    let (gateway, credentials) = gateway().await;
    let expired = credentials.signer.token("a", -1);
    let shown = [
        (None, Code::Unauthenticated, "TOKEN_MISSING"),
        (
            Some("unknown-token-of-nobody"),
            Code::Unauthenticated,
            "TOKEN_INVALID",
        ),
        (Some(&*expired), Code::Unauthenticated, "TOKEN_EXPIRED"),
        (
            Some("secret-token-of-stranger"),
            Code::PermissionDenied,
            "SCOPE_DENIED",
        ),
    ];
    for (token, code, reason) in shown {
        let connection = match token {
            None => gateway.channel().into(),
            Some(token) => credentials.with_token(&gateway, token),
        };
        for (method, _) in TABLE {
            let status = call(&connection, method).await.unwrap_err();
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!(
                (status.code(), info.reason.as_str()),
                (code, reason),
                "{method}"
            );
        }
        let open = call(&connection, "grpc.health.v1.Health/Check").await;
        assert!(!is_denied(&open), "{open:?}");
        let open = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        let open = call(&connection, open).await;
        assert!(!is_denied(&open), "{open:?}");
    }
}

#[test]
fn the_table_has_every_method() {
    let set = FileDescriptorSet::decode(pb::FILE_DESCRIPTOR_SET).unwrap();
    let mut all = Vec::new();
    for file in set.file {
        let package = file.package.unwrap_or_default();
        for service in file.service {
            let name = service.name.unwrap();
            let methods = service.method.into_iter().map(|it| it.name.unwrap());
            all.extend(methods.map(|method| format!("{package}.{name}/{method}")));
        }
    }
    for method in all {
        assert!(TABLE.iter().any(|(known, _)| *known == method), "{method}");
    }
}
