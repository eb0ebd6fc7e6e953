//! TLS on the listeners for HTTP, and what a process takes over while it runs.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use falco_gateway::{
    config::{ClientCertificate, Config, Tls},
    gateway::Gateway,
    pb::{
        self, gateway_service_client::GatewayServiceClient,
        subscription_service_client::SubscriptionServiceClient,
    },
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::support::{
    captures::numbered_body,
    certs::Authority,
    gateway::{Running, loopback},
    http::Client,
    in_time,
    process::{Process, serve},
};

/// Asks with curl, as Falco does, and returns the status, or what curl says.
fn curl(url: &str, folder: &Path, shown: bool) -> String {
    let mut command = Command::new("curl");
    let ca = folder.join("ca.crt");
    command.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]);
    command.arg(ca);
    if shown {
        command.arg("--cert").arg(folder.join("client.crt"));
        command.arg("--key").arg(folder.join("client.key"));
    }
    if url.ends_with("/") {
        command.args(["-d", &numbered_body(1, 0)]);
    }
    let (_, rest) = url.split_once("://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let port = host.rsplit_once(':').unwrap().1;
    command.arg(format!("https://localhost:{port}/{path}"));
    let output = command.stderr(Stdio::piped()).output().unwrap();
    match output.status.success() {
        true => String::from_utf8(output.stdout).unwrap(),
        false => String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// TLS with files of the gateway and of a client, made in `folder`.
fn tls(folder: &Path) -> Tls {
    let authority = Authority::new();
    for (name, pems) in [
        ("server", authority.issue("localhost").pems()),
        ("client", authority.issue_client("falco", &[]).pems()),
    ] {
        std::fs::write(folder.join(format!("{name}.crt")), pems.0).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), pems.1).unwrap();
    }
    std::fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
    Tls {
        certificate: folder.join("server.crt"),
        key: folder.join("server.key"),
        client_ca: Some(folder.join("ca.crt")),
        client_certificate: ClientCertificate::Required,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_listeners_ask_for_certificates_too() {
    let folder = tempfile::tempdir().unwrap();
    let tls = tls(folder.path());
    let mut config = loopback();
    config.operations.tls = Some(tls.clone());
    config.sources[0].http.as_mut().unwrap().tls = Some(tls);
    let gateway = Running::with(config).await;
    for url in [
        format!("https://{}/", gateway.http_address()),
        format!("https://{}/metrics", gateway.operations_address()),
    ] {
        let folder = folder.path().to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            (curl(&url, &folder, true), curl(&url, &folder, false))
        });
        let (with, without) = in_time(asked).await.unwrap();
        assert_eq!(with, "200");
        assert!(without.contains("curl: ("), "{without}");
    }
    assert_eq!(gateway.info().await.log.unwrap().alerts, 1);
}

/// What the page's list gets, asked with curl and the client's certificate.
fn list_of_the_page(port: u16, folder: &Path) -> String {
    let body = folder.join("body");
    std::fs::write(&body, [0; 5]).unwrap();
    let mut command = Command::new("curl");
    for (option, file) in [
        ("--cacert", "ca.crt"),
        ("--cert", "client.crt"),
        ("--key", "client.key"),
    ] {
        command.arg(option).arg(folder.join(file));
    }
    command.args(["-sS", "-H", "Content-Type: application/grpc-web+proto"]);
    command.arg("--data-binary");
    command.arg(format!("@{}", body.display()));
    command.arg(format!(
        "https://localhost:{port}/falcogateway.v1.AlertService/ListAlerts"
    ));
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_knows_its_user_by_his_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = loopback();
    config.operations.tls = Some(tls(folder.path()));
    let named = |identity: &str| {
        let yaml = format!("access: {{grants: [{{name: a, to: ['{identity}'], may: [read]}}]}}");
        Config::parse(&yaml).unwrap().access
    };
    for (identity, sees) in [("cert:falco", true), ("cert:another", false)] {
        config.access = named(identity);
        let gateway = Running::with(config.clone()).await;
        gateway.post_all([numbered_body(0, 0)]).await;
        let port = gateway.operations_address().port();
        let folder = folder.path().to_owned();
        let asked = tokio::task::spawn_blocking(move || list_of_the_page(port, &folder));
        let listed = in_time(asked).await.unwrap();
        // With its length before it, as on the wire: cursors are random text.
        assert_eq!(listed.contains("\u{2}r0"), sees, "{identity}: {listed}");
    }
}

/// As the process does it: by a signal, and by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_takes_over_what_is_written_into_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let command = serve(folder.path(), "{}");
    let config = folder.path().join("gateway.yaml");
    let plain = std::fs::read_to_string(&config).unwrap();
    let gateway = Process::of(command, folder.path()).await;
    let asked = async || {
        let mut client = GatewayServiceClient::new(gateway.channel());
        in_time(client.get_gateway_info(pb::GetGatewayInfoRequest {})).await
    };
    asked().await.unwrap();
    // Nobody is granted anything.
    std::fs::write(&config, format!("{plain}access: {{grants: []}}\n")).unwrap();
    let id = Pid::from_raw(i32::try_from(gateway.id()).unwrap());
    kill(id, Signal::SIGHUP).unwrap();
    in_time(async {
        while asked().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(asked().await.unwrap_err().code(), Code::PermissionDenied);
    // What is wrong is not taken over.
    std::fs::write(&config, format!("{plain}access: {{grant: []}}\n")).unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(asked().await.unwrap_err().code(), Code::PermissionDenied);
    // Without a signal.
    let all = "access: {grants: [{name: a, to: ['unix:*'], may: [read]}]}\n";
    std::fs::write(&config, format!("{plain}{all}")).unwrap();
    in_time(async {
        while asked().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Waits until the bridge has acknowledged all it got, so that nothing comes again, and
/// until it is at its subscription or has left it.
async fn acknowledged(gateway: &Running, consumed: bool) {
    let mut client = SubscriptionServiceClient::new(gateway.channel());
    in_time(async {
        loop {
            let request = pb::GetSubscriptionRequest {
                name: "a".to_owned(),
            };
            let answer = client.get_subscription(request).await.unwrap().into_inner();
            let subscription = answer.subscription.unwrap();
            let is_there = subscription.consumer.is_some();
            if subscription.lag == Some(0) && is_there == consumed {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Bridges come, change and go.
#[tokio::test(flavor = "multi_thread")]
async fn bridges_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let config = |bridges: &str| {
        let yaml = bridges.replace("FOLDER", folder.path().to_str().unwrap());
        let parsed = Config::parse(&yaml).unwrap();
        Config {
            bridges: parsed.bridges,
            ..loopback()
        }
    };
    let written = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        text.lines().count()
    };
    let wait = async |name: &str, lines: usize| {
        in_time(async {
            while written(name) < lines {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    };
    let gateway = Running::with(config("bridges: []")).await;
    gateway.post_all([numbered_body(1, 0)]).await;
    let one = "bridges: [{name: a, file: {path: FOLDER/one}}]";
    assert_eq!(gateway.reload(config(one)).await.unwrap().bridges, 1);
    wait("one", 1).await;
    acknowledged(&gateway, true).await;
    assert_eq!(gateway.reload(config(one)).await.unwrap().bridges, 0);
    // Another file: it goes on there.
    let other = "bridges: [{name: a, file: {path: FOLDER/other}}]";
    assert_eq!(gateway.reload(config(other)).await.unwrap().bridges, 1);
    gateway.post_all([numbered_body(2, 0)]).await;
    wait("other", 1).await;
    assert_eq!(written("one"), 1);
    acknowledged(&gateway, true).await;
    gateway.reload(config("bridges: []")).await.unwrap();
    acknowledged(&gateway, false).await;
    gateway.post_all([numbered_body(3, 0)]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(written("other"), 1);
    gateway.stopped().await;
}

/// A reload may come while the gateway is still on its way up.
#[tokio::test]
async fn a_bridge_that_comes_before_the_gateway_runs_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("one");
    let mut config = loopback();
    config.data_dir = folder.path().join("data");
    let gateway = Gateway::bind(config.clone()).await.unwrap();
    let yaml = format!(
        "bridges: [{{name: a, file: {{path: {}}}}}]",
        written.display()
    );
    config.bridges = Config::parse(&yaml).unwrap().bridges;
    let reloaded = gateway.reload().apply(config).await.unwrap();
    assert_eq!(reloaded.bridges, 1);
    let http = gateway.http_addresses()[0];
    let end = CancellationToken::new();
    let running = tokio::spawn(gateway.run(end.clone()));
    let mut client = Client::connect(http).await;
    assert_eq!(client.post("", numbered_body(1, 0)).await.status, 200);
    in_time(async {
        while std::fs::read_to_string(&written)
            .unwrap_or_default()
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    end.cancel();
    in_time(running).await.unwrap();
}
