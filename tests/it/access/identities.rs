//! Who somebody is to the gateway.

use std::sync::{Arc, Mutex};

use falco_gateway::{
    client::Connection,
    pb::{self, gateway_service_client::GatewayServiceClient},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};
use tonic::{Code, Status};

use crate::support::{
    credentials::{self, Credentials, Kind, Signer, token},
    gateway::Running,
    in_time,
};

async fn caller(connection: Connection) -> Result<pb::Caller, Status> {
    let mut client = GatewayServiceClient::new(connection);
    let info = in_time(client.get_gateway_info(pb::GetGatewayInfoRequest {})).await?;
    Ok(info.into_inner().caller.unwrap())
}

/// Everybody has a grant.
async fn open_to_all(credentials: &mut Credentials) -> Running {
    credentials.grant("{name: all, to: ['*'], may: [read]}");
    Running::with(credentials.config()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_be_somebody_is_known() {
    let mut credentials = Credentials::new();
    credentials.add_token("ann");
    let gateway = open_to_all(&mut credentials).await;
    for kind in Kind::ALL {
        let client = credentials.client(&gateway, kind, "ann").await;
        let caller = caller(client).await.unwrap();
        let wanted = Credentials::identity(kind, "ann");
        let is_it = match wanted.split_once('*') {
            Some((begin, _)) => caller.identity.starts_with(begin),
            None => caller.identity == wanted,
        };
        assert!(is_it, "{kind:?}: {caller:?}");
        assert_eq!(
            (caller.grant.as_str(), &*caller.rights),
            ("all", &["read".to_owned()][..])
        );
    }
    // Over TLS, who shows no certificate is nobody.
    let plain = credentials.over_tls(&gateway, None).await;
    assert_eq!(caller(plain.into()).await.unwrap().identity, "anonymous");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_claims_two_identities_has_none() {
    let mut credentials = Credentials::new();
    let gateway = open_to_all(&mut credentials).await;
    for (uris, identity) in [
        (&["spiffe://prod/a", "spiffe://prod/b"][..], "anonymous"),
        (&["spiffe://prod/a", "https://x"], "anonymous"),
        (&["spiffe:///a"], "anonymous"),
        (&["spiffe://prod/a?x"], "anonymous"),
        (&["https://x"], "cert:name"),
        (&["spiffe://prod/a"], "spiffe://prod/a"),
    ] {
        let shown = credentials.authority.issue_client("name", uris);
        let client = credentials.over_tls(&gateway, Some(&shown)).await;
        let caller = caller(client.into()).await.unwrap();
        assert_eq!(caller.identity, identity, "{uris:?}");
    }
}

/// What is shown counts, and not what else there is: nobody falls back on his certificate
/// with a token that is no good.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_not_made_up_for_by_the_connection() {
    let mut credentials = Credentials::new();
    let gateway = open_to_all(&mut credentials).await;
    let refused = credentials.with_token(&gateway, "no token of anybody's");
    let refused = caller(refused).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

/// Tokens, and why they are refused if they are.
fn signed(signer: &Signer) -> Vec<(&'static str, String, Option<&'static str>)> {
    let with = |key: &str, value: serde_json::Value| {
        let mut claims = credentials::claims("ann", 600);
        claims[key] = value;
        signer.sign(&claims)
    };
    let now = falco_gateway::clock::now().as_second();
    let good = signer.token("ann", 600);
    // The signature of another one.
    let other = Signer::new("first").token("ann", 600);
    let (content, _) = good.rsplit_once('.').unwrap();
    let unsigned = {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let (_, claims) = content.split_once('.').unwrap();
        format!("{header}.{claims}.")
    };
    vec![
        ("good", good.clone(), None),
        (
            "several audiences",
            with("aud", json!(["x", credentials::AUDIENCE])),
            None,
        ),
        ("another key", other, Some("TOKEN_INVALID")),
        ("no signature", unsigned, Some("TOKEN_INVALID")),
        ("cut", content.to_owned() + ".", Some("TOKEN_INVALID")),
        (
            "an unknown key",
            Signer::new("other").token("ann", 600),
            Some("TOKEN_INVALID"),
        ),
        ("expired", signer.token("ann", -1), Some("TOKEN_EXPIRED")),
        (
            "not yet",
            with("nbf", json!(now + 300)),
            Some("TOKEN_INVALID"),
        ),
        (
            "another issuer",
            with("iss", json!("https://x")),
            Some("TOKEN_INVALID"),
        ),
        (
            "another audience",
            with("aud", json!("x")),
            Some("TOKEN_INVALID"),
        ),
        (
            "no audience",
            with("aud", json!(null)),
            Some("TOKEN_INVALID"),
        ),
        ("no expiry", with("exp", json!(null)), Some("TOKEN_INVALID")),
        (
            "no subject",
            with("sub", json!(null)),
            Some("TOKEN_INVALID"),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_tokens_are_checked() {
    let mut credentials = Credentials::new();
    let gateway = open_to_all(&mut credentials).await;
    for (what, token, told) in signed(&credentials.signer) {
        let answer = caller(credentials.with_token(&gateway, &token)).await;
        let reason = answer.err().map(|status| {
            use tonic_types::StatusExt;
            status
                .get_error_details()
                .error_info()
                .unwrap()
                .reason
                .clone()
        });
        assert_eq!(reason.as_deref(), told, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_grant_that_names_somebody_is_his() {
    let mut credentials = Credentials::new();
    credentials.add_token("ann");
    credentials.add_token("bea");
    credentials.grant("{name: ann, to: ['token:ann'], may: [publish]}");
    credentials.grant("{name: others, to: ['token:*'], may: [read], views: [basic], history: 1h}");
    let gateway = Running::with(credentials.config()).await;
    for (name, grant) in [("ann", "ann"), ("bea", "others")] {
        let caller = caller(credentials.with_token(&gateway, &token(name))).await;
        assert_eq!(caller.unwrap().grant, grant);
    }
}

/// Answers every request with the keys, as long as it runs.
fn serve_keys(listener: tokio::net::TcpListener, keys: Arc<Mutex<String>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let body = keys.lock().unwrap().clone();
            let length = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_and_fetched_anew_when_a_token_names_another() {
    let mut credentials = Credentials::new();
    let keys_of = |signer: &Signer| json!({"keys": [signer.jwk()]}).to_string();
    let keys = Arc::new(Mutex::new(keys_of(&credentials.signer)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = serve_keys(listener, Arc::clone(&keys));
    credentials.access.jwt[0].jwks = format!("http://{address}/keys");
    let gateway = open_to_all(&mut credentials).await;
    let ask = async |signer: &Signer| {
        let token = signer.token("ann", 600);
        caller(credentials.with_token(&gateway, &token)).await
    };
    assert_eq!(
        ask(&credentials.signer).await.unwrap().identity,
        "jwt:corp:ann"
    );
    let next = Signer::new("second");
    *keys.lock().unwrap() = keys_of(&next);
    // Fetched a moment ago: whoever makes up names does not have them fetched each time.
    assert_eq!(ask(&next).await.unwrap_err().code(), Code::Unauthenticated);
    in_time(async {
        while ask(&next).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    })
    .await;
    // The old one is gone, and what there is stays while the issuer is away.
    serving.abort();
    assert!(ask(&credentials.signer).await.is_err());
    ask(&next).await.unwrap();
}
