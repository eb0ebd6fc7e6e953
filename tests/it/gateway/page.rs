//! The page, and whom its calls are for.

use std::path::Path;

use falco_gateway::{config::Config, pb, web};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    captures::numbered_body,
    gateway::{Running, loopback},
    in_time,
};

const LIST: &str = "POST /falcogateway.v1.AlertService/ListAlerts HTTP/1.1\r\n\
                    Content-Type: application/grpc-web+proto\r\n";

/// The whole answer to a request on a connection of its own.
async fn answer(gateway: &Running, head: &str, body: &[u8]) -> String {
    let address = gateway.operations_address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!("{head}Connection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    in_time(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(gateway: &Running, path: &str, more: &str) -> String {
    let host = gateway.operations_address();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}");
    answer(gateway, &head, &[]).await
}

/// What the page asks for its list, with these headers.
async fn list(gateway: &Running, headers: &str) -> String {
    let request = pb::ListAlertsRequest::default().encode_to_vec();
    let length = u32::try_from(request.len()).unwrap();
    let body = [&[0][..], &length.to_be_bytes(), &request].concat();
    answer(gateway, &format!("{LIST}{headers}"), &body).await
}

/// Whether the alert of this number is in the answer. Its rule is looked for as it is on the
/// wire, with its length: cursors are random text, which may well contain `r1`.
fn shows(answer: &str, number: usize) -> bool {
    let rule = pb::Alert {
        rule: format!("r{number}"),
        ..Default::default()
    };
    answer.contains(&*String::from_utf8_lossy(&rule.encode_to_vec()))
}

async fn with_alerts(config: Config) -> Running {
    let gateway = Running::with(config).await;
    gateway
        .post_all((0..3).map(|number| numbered_body(number, 0)))
        .await;
    gateway
}

#[tokio::test]
async fn the_page_is_whole_and_may_do_nothing_else() {
    let gateway = Running::start().await;
    let page = get(&gateway, "/", "").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    for header in [
        "content-type: text/html",
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'",
        "frame-ancestors 'none'; require-trusted-types-for 'script'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-resource-policy: same-origin",
        "permissions-policy: camera=()",
        "cache-control: no-cache",
    ] {
        assert!(page.contains(header), "{header} is not in {page}");
    }
    assert!(!page.contains("set-cookie") && !page.contains("<script>"));
    assert!(!page.contains("style=") && !page.contains("onclick"));
    let missing = get(&gateway, "/page/../Cargo.toml", "").await;
    assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
}

/// The files that `text` names, as the page names them.
fn named(text: &str) -> Vec<String> {
    let words = text.split(['"', '\'']);
    let names = words.filter_map(|word| {
        word.strip_prefix("./")
            .or_else(|| word.strip_prefix("page/"))
    });
    let names = names.filter(|name| name.contains('.') && !name.contains('/'));
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_file_that_is_named_is_there_and_asked_for_once() {
    let gateway = Running::start().await;
    let mut files = named(&get(&gateway, "/", "").await);
    let mut seen = Vec::new();
    while let Some(name) = files.pop() {
        if seen.contains(&name) {
            continue;
        }
        let file = get(&gateway, &format!("/page/{name}"), "").await;
        assert!(file.starts_with("HTTP/1.1 200"), "{name}: {file}");
        let kind = match name.rsplit('.').next().unwrap() {
            "js" => "text/javascript",
            "css" => "text/css",
            "svg" => "image/svg+xml",
            "json" => "application/json",
            _ => "text/plain",
        };
        assert!(file.contains(&format!("content-type: {kind}")), "{name}");
        let etag = file.lines().find_map(|line| line.strip_prefix("etag: "));
        let known = format!("If-None-Match: {}\r\n", etag.unwrap());
        let again = get(&gateway, &format!("/page/{name}"), &known).await;
        assert!(again.starts_with("HTTP/1.1 304"), "{name}: {again}");
        if name.ends_with(".js") {
            files.extend(named(&file));
        }
        seen.push(name);
    }
    assert!(seen.len() > 15, "{seen:?}");
}

#[tokio::test]
async fn calls_come_by_the_name_that_the_page_came_by() {
    let mut config = loopback();
    config.operations.hosts = vec!["alerts.example.com".to_owned()];
    let gateway = with_alerts(config).await;
    let port = gateway.operations_address().port();
    for headers in [
        format!("Host: 127.0.0.1:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"),
        format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"),
        format!("Host: [::1]:{port}\r\nOrigin: http://[::1]:{port}\r\n"),
        "Host: localhost\r\nOrigin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n".to_owned(),
    ] {
        let listed = list(&gateway, &headers).await;
        assert!(listed.starts_with("HTTP/1.1 200"), "{headers}: {listed}");
        assert!(shows(&listed, 0) && listed.contains("grpc-status:0"));
    }
    // A proxy is before it: whoever comes by that is somebody else, whom nobody has asked.
    let proxied = "Host: alerts.example.com\r\nOrigin: https://alerts.example.com\r\n";
    let refused = list(&gateway, proxied).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(refused.contains("access.grants"), "{refused}");
}

#[tokio::test]
async fn behind_a_proxy_it_is_for_those_with_a_grant() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config_with_grants(folder.path());
    config.operations.hosts = vec!["alerts.example.com".to_owned()];
    let gateway = with_alerts(config).await;
    let proxied = "Host: alerts.example.com\r\nOrigin: https://alerts.example.com\r\n";
    let nobody = list(&gateway, proxied).await;
    assert!(nobody.contains("grpc-status: 16"), "{nobody}");
    let ann = format!("{proxied}Authorization: Bearer a-token-that-is-long-enough\r\n");
    let hers = list(&gateway, &ann).await;
    assert!(hers.contains("grpc-status:0") && shows(&hers, 1), "{hers}");
}

/// The page reads; whatever changes something is for programs.
#[tokio::test]
async fn nothing_is_changed_by_the_page() {
    let gateway = with_alerts(loopback()).await;
    let host = format!("Host: {}\r\n", gateway.operations_address());
    for method in [
        "IngestService/Publish",
        "SubscriptionService/CreateSubscription",
        "SubscriptionService/DeleteSubscription",
        "SubscriptionService/PullAlerts",
        "GatewayService/ListDeadLetters",
    ] {
        let head = format!(
            "POST /falcogateway.v1.{method} HTTP/1.1\r\n\
             Content-Type: application/grpc-web+proto\r\n{host}"
        );
        let refused = answer(&gateway, &head, b"\0\0\0\0\0").await;
        assert!(refused.starts_with("HTTP/1.1 404"), "{method}: {refused}");
    }
}

#[tokio::test]
async fn a_name_that_leads_here_gives_nobody_anything() {
    let gateway = with_alerts(loopback()).await;
    let port = gateway.operations_address().port();
    let rebound = format!("Host: evil.example.com:{port}\r\n");
    for headers in [
        // To the browser these are the same origin.
        format!("{rebound}Origin: http://evil.example.com:{port}\r\n"),
        rebound.clone(),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nHost: evil.example.com\r\n"),
        String::new(),
        // Others' pages, which know the right address.
        format!("Host: 127.0.0.1:{port}\r\nOrigin: https://evil.example.com\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:5060\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nOrigin: https://127.0.0.1:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nOrigin: http://localhost:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nOrigin: null\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nSec-Fetch-Site: cross-site\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-site\r\n"),
    ] {
        let refused = list(&gateway, &headers).await;
        assert!(refused.starts_with("HTTP/1.1 403"), "{headers}: {refused}");
        assert!(refused.contains("operations.hosts"), "{refused}");
        assert!(!shows(&refused, 0), "{refused}");
    }
    for path in ["/", "/page/main.js", "/page/schema.json"] {
        let head = format!("GET {path} HTTP/1.1\r\n{rebound}");
        let refused = answer(&gateway, &head, &[]).await;
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
        assert!(refused.contains("operations.hosts"), "{refused}");
    }
    // Prometheus and probes come by whatever name they have for it.
    for path in ["/metrics", "/healthz", "/readyz"] {
        let head = format!("GET {path} HTTP/1.1\r\n{rebound}");
        let told = answer(&gateway, &head, &[]).await;
        assert!(told.starts_with("HTTP/1.1 200"), "{path}: {told}");
    }
}

#[tokio::test]
async fn no_form_can_call_and_nothing_else_is_served() {
    let gateway = with_alerts(loopback()).await;
    let host = format!("Host: {}\r\n", gateway.operations_address());
    let path = "/falcogateway.v1.AlertService/ListAlerts";
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let head = format!("POST {path} HTTP/1.1\r\n{host}Content-Type: {kind}\r\n");
        let refused = answer(&gateway, &head, b"\0\0\0\0\0").await;
        assert!(refused.starts_with("HTTP/1.1 415"), "{refused}");
    }
    for path in ["/grpc.health.v1.Health/Check", "/nothing"] {
        let head =
            format!("POST {path} HTTP/1.1\r\n{host}Content-Type: application/grpc-web+proto\r\n");
        let refused = answer(&gateway, &head, b"\0\0\0\0\0").await;
        assert!(refused.starts_with("HTTP/1.1 404"), "{path}: {refused}");
    }
}

/// Where `ann`, by her token, sees critical alerts only.
fn config_with_grants(folder: &Path) -> Config {
    let token = folder.join("ann");
    std::fs::write(&token, "a-token-that-is-long-enough\n").unwrap();
    let yaml = format!(
        "access:\n  tokens: [{{name: ann, file: '{}'}}]\n  \
         grants: [{{name: ann, to: ['token:ann'], may: [read], scope: priority = critical}}]\n",
        token.display()
    );
    let mut config = loopback();
    config.access = Config::parse(&yaml).unwrap().access;
    config
}

#[tokio::test]
async fn the_page_gets_what_its_user_is_granted() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_alerts(config_with_grants(folder.path())).await;
    let host = format!("Host: {}\r\n", gateway.operations_address());
    // What is no secret is shown, so that somebody can show a token.
    assert!(get(&gateway, "/", "").await.starts_with("HTTP/1.1 200"));
    let nobody = list(&gateway, &host).await;
    assert!(nobody.contains("grpc-status: 16"), "{nobody}");
    assert!(!shows(&nobody, 1), "{nobody}");
    let wrong = format!("{host}Authorization: Bearer another-token-of-nobody\r\n");
    let wrong = list(&gateway, &wrong).await;
    assert!(wrong.contains("grpc-status: 16"), "{wrong}");

    let ann = format!("{host}Authorization: Bearer a-token-that-is-long-enough\r\n");
    let hers = list(&gateway, &ann).await;
    assert!(hers.contains("grpc-status:0"), "{hers}");
    assert!(shows(&hers, 1) && !shows(&hers, 0), "{hers}");
    let bridges = format!(
        "POST /falcogateway.v1.GatewayService/ListBridges HTTP/1.1\r\n\
         Content-Type: application/grpc-web+proto\r\n{ann}"
    );
    let denied = answer(&gateway, &bridges, b"\0\0\0\0\0").await;
    assert!(denied.contains("grpc-status: 7"), "{denied}");
}

#[tokio::test]
async fn there_need_not_be_a_page() {
    let config = Config {
        operations: web::Config {
            page: false,
            ..loopback().operations
        },
        ..loopback()
    };
    let gateway = with_alerts(config).await;
    assert!(get(&gateway, "/", "").await.starts_with("HTTP/1.1 404"));
    let host = format!("Host: {}\r\n", gateway.operations_address());
    let nothing = list(&gateway, &host).await;
    assert!(nothing.starts_with("HTTP/1.1 404"), "{nothing}");
    let metrics = get(&gateway, "/metrics", "").await;
    assert!(metrics.starts_with("HTTP/1.1 200"));
}

#[test]
fn hosts_are_names_alone() {
    for wrong in [
        "https://a.example",
        "a.example:80",
        "A.example",
        "a/b",
        "''",
    ] {
        let error = Config::parse(&format!("operations: {{hosts: [{wrong}]}}")).unwrap_err();
        assert!(error.to_string().contains("operations.hosts"), "{error}");
    }
}
