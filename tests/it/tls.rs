//! Listeners with TLS, with the files that `falco-gateway certs` makes.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use falco_gateway::{
    config::{ClientCertificate, Listen, Socket, Tls},
    gateway::Gateway,
};
use tokio::net::TcpStream;

use crate::support::{
    captures::numbered_body,
    cli::{falco_gateway, run_at, text},
    gateway::{Running, loopback},
    in_time,
};

/// What `certs` made, in a folder that goes with it.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = falco_gateway(&["certs", "--out", folder.path().to_str().unwrap()])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn server(&self) -> Tls {
        Tls {
            certificate: self.path("server.crt"),
            key: self.path("server.key"),
            client_ca: None,
            client_certificate: ClientCertificate::Required,
        }
    }

    fn mutual(&self) -> Tls {
        Tls {
            client_ca: Some(self.path("ca.crt")),
            ..self.server()
        }
    }

    /// Options of a client with these files.
    fn options(&self, names: [&str; 3]) -> Vec<String> {
        let options = ["--ca", "--certificate", "--key"].into_iter().zip(names);
        let given = options.filter(|(_, name)| !name.is_empty());
        given
            .flat_map(|(option, name)| [option.to_owned(), self.path(name).display().to_string()])
            .collect()
    }
}

/// As Falco's documentation says to make them.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/certs");

const MUTUAL: [&str; 3] = ["ca.crt", "client.crt", "client.key"];

/// A gateway with an alert, and the address of its listener with TLS.
async fn running(tls: Tls) -> (Running, String) {
    let mut config = loopback();
    config.listen.push(Listen {
        address: "127.0.0.1:0".to_owned(),
        tls: Some(tls),
        socket: Socket::default(),
    });
    let gateway = Running::with(config).await;
    gateway.post_all([numbered_body(1, 0)]).await;
    let address = gateway.addresses[1].clone();
    (gateway, address)
}

/// Whether a gateway with such a listener starts, and if not, why.
async fn bind(address: &str, tls: Tls) -> Result<(), String> {
    let mut config = loopback();
    let data = tempfile::tempdir().unwrap();
    config.data_dir = data.path().to_owned();
    config.listen = vec![Listen {
        address: address.to_owned(),
        tls: Some(tls),
        socket: Socket::default(),
    }];
    let bound = Gateway::bind(config).await;
    bound.map(|_| ()).map_err(|error| error.to_string())
}

/// What a client is shown, or how it fails.
async fn list(address: &str, options: &[String]) -> Result<String, (Option<i32>, String)> {
    let options = ["list", "-o", "falco"]
        .into_iter()
        .chain(options.iter().map(String::as_str));
    let output = run_at(address, &options.collect::<Vec<_>>()).await;
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err((output.status.code(), text(&output.stderr))),
    }
}

#[tokio::test]
async fn a_client_of_the_authority_is_served() {
    let files = Files::new();
    let (gateway, address) = running(files.mutual()).await;
    assert!(address.starts_with("https://127.0.0.1:"));
    let options = files.options(MUTUAL);
    assert_eq!(list(&address, &options).await.unwrap().lines().count(), 1);
    let mut arguments = vec!["watch", "--last", "1", "--count", "1", "-o", "falco"];
    arguments.extend(options.iter().map(String::as_str));
    let watched = run_at(&address, &arguments).await;
    assert_eq!(
        text(&watched.stdout).lines().count(),
        1,
        "{}",
        text(&watched.stderr)
    );
    gateway.stopped().await;
}

#[tokio::test]
async fn others_are_not() {
    let files = Files::new();
    let (_gateway, address) = running(files.mutual()).await;
    let plain = address.replace("https", "http");
    let foreign = Files::new();
    for (address, options) in [
        (&address, files.options(["ca.crt", "", ""])),
        (&address, foreign.options(MUTUAL)),
        (&address, files.options(["", "client.crt", "client.key"])),
        (&plain, Vec::new()),
    ] {
        let (code, message) = list(address, &options).await.unwrap_err();
        assert_eq!(code, Some(3), "{address} {options:?}: {message}");
    }
    // Someone else's certificate, though it trusts ours.
    let mut options = files.options(["ca.crt", "", ""]);
    options.extend(foreign.options(["", "client.crt", "client.key"]));
    let (_, message) = list(&address, &options).await.unwrap_err();
    assert!(message.contains("--certificate and --key"), "{message}");
}

#[tokio::test]
async fn without_an_authority_of_clients_nobody_is_asked() {
    let files = Files::new();
    let (_gateway, address) = running(files.server()).await;
    let options = files.options(["ca.crt", "", ""]);
    assert_eq!(list(&address, &options).await.unwrap().lines().count(), 1);
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let files = Files::new();
    for (address, options) in [
        ("http://127.0.0.1:1", files.options(MUTUAL)),
        (
            "https://127.0.0.1:1",
            files.options(["ca.crt", "client.crt", ""]),
        ),
    ] {
        let (code, message) = list(address, &options).await.unwrap_err();
        assert_eq!(code, Some(2), "{message}");
    }
}

#[tokio::test]
async fn a_handshake_that_never_comes_does_not_hold_the_end() {
    let (gateway, address) = running(Files::new().mutual()).await;
    let _silent = TcpStream::connect(address.trim_start_matches("https://"))
        .await
        .unwrap();
    in_time(gateway.stopped()).await;
}

#[tokio::test]
async fn whoever_shows_a_certificate_may_come_from_anywhere() {
    let files = Files::new();
    bind("0.0.0.0:0", files.mutual()).await.unwrap();
    let refused = bind("0.0.0.0:0", files.server()).await.unwrap_err();
    assert!(refused.contains("client_ca"), "{refused}");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let files = Files::new();
    fs::write(files.path("empty"), "").unwrap();
    let tls = |certificate: &str, key: &str, client_ca: &str| Tls {
        certificate: files.path(certificate),
        key: files.path(key),
        client_ca: Some(files.path(client_ca)),
        client_certificate: ClientCertificate::Required,
    };
    for (tls, named) in [
        (tls("missing", "server.key", "ca.crt"), "missing"),
        (tls("server.crt", "server.crt", "ca.crt"), "server.crt"),
        (tls("empty", "server.key", "ca.crt"), "BEGIN CERTIFICATE"),
        (
            tls("server.crt", "client.key", "ca.crt"),
            "falco-gateway certs",
        ),
        (tls("server.crt", "server.key", "server.key"), "server.key"),
    ] {
        let refused = bind("127.0.0.1:0", tls.clone()).await.unwrap_err();
        assert!(refused.contains(named), "{tls:?}: {refused}");
    }
}

#[tokio::test]
async fn the_certificates_of_falcos_own_recipe_are_told_from_others() {
    let fixture = |name: &str| Path::new(FIXTURES).join(name);
    let with = |certificate: &str| Tls {
        certificate: fixture(certificate),
        key: fixture("server.key"),
        client_ca: Some(fixture("ca.crt")),
        client_certificate: ClientCertificate::Required,
    };
    let refused = bind("127.0.0.1:0", with("server.crt")).await.unwrap_err();
    assert!(
        refused.contains("version 1") && refused.contains("falco-gateway certs --host"),
        "{refused}"
    );
    // Only told: clients that do not mind may use it.
    bind("127.0.0.1:0", with("server-without-names.crt"))
        .await
        .unwrap();
}

#[test]
fn nothing_is_overwritten_and_keys_are_private() {
    let files = Files::new();
    let mode = |name: &str| fs::metadata(files.path(name)).unwrap().permissions().mode() & 0o777;
    for name in ["ca.key", "server.key", "client.key"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    let before = fs::read(files.path("ca.crt")).unwrap();
    let folder: &Path = files.0.path();
    let again = falco_gateway(&["certs", "--out", folder.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(
        text(&again.stderr).contains("ca.crt"),
        "{}",
        text(&again.stderr)
    );
    assert!(!again.status.success());
    assert_eq!(fs::read(files.path("ca.crt")).unwrap(), before);
}
