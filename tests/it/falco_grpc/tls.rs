use std::path::Path;

use falco_gateway::source::{
    SourceState,
    falco_grpc::{Config, Tls},
};

use crate::support::{
    captures,
    certs::Authority,
    fake_falco::{FakeFalco, Outputs},
    subscription::{Subscription, quickly},
    writer::Writer,
};

fn config(falco: &FakeFalco, tls: Tls) -> Config {
    quickly(Config {
        tls: Some(tls),
        ..Config::new(falco.address())
    })
}

/// Starts a Falco with a certificate for its address, and returns the files of
/// a client that it takes.
async fn falco(authority: &Authority, folder: &Path, outputs: &Outputs) -> (FakeFalco, Tls) {
    let acceptor = authority.acceptor(&authority.issue("127.0.0.1"));
    let falco = FakeFalco::on_tls(acceptor, outputs).await;
    let tls = authority.client_files(folder, &authority.issue("gateway"));
    (falco, tls)
}

async fn expect_detail(config: Config, words: &[&str]) {
    let writer = Writer::start();
    let subscription = Subscription::start(config, &writer);
    subscription.wait_for(SourceState::Disconnected, "").await;
    let detail = subscription.status().detail;
    for word in words {
        assert!(detail.contains(word), "{word:?} is not in {detail:?}");
    }
}

#[tokio::test]
async fn mutual_tls_works() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Outputs::new();
    let alerts = captures::messages("grpc.jsonl");
    outputs.raise(alerts.clone());
    let authority = Authority::new();
    let (falco, tls) = falco(&authority, folder.path(), &outputs).await;
    let writer = Writer::start();
    let subscription = Subscription::start(config(&falco, tls), &writer);
    writer.wait_for(alerts.len()).await;
    assert_eq!(writer.wires(), alerts);
    subscription
        .wait_for(SourceState::Connected, "0.43.1")
        .await;
    falco.shut_down().await;
    subscription.wait_for(SourceState::Disconnected, "").await;
}

#[tokio::test]
async fn a_client_certificate_of_another_authority_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (falco, _) = falco(&authority, folder.path(), &Outputs::new()).await;
    let stranger = Authority::new().issue("gateway");
    let tls = authority.client_files(folder.path(), &stranger);
    expect_detail(config(&falco, tls), &["tls.certificate", "grpc.root_certs"]).await;
}

#[tokio::test]
async fn a_server_of_another_authority_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (falco, _) = falco(&Authority::new(), folder.path(), &Outputs::new()).await;
    let tls = authority.client_files(folder.path(), &authority.issue("gateway"));
    expect_detail(config(&falco, tls), &["not trusted", "tls.ca"]).await;
}

#[tokio::test]
async fn a_server_of_another_name_is_told_and_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let acceptor = authority.acceptor(&authority.issue("falco.example"));
    let falco = FakeFalco::on_tls(acceptor, &Outputs::new()).await;
    let tls = authority.client_files(folder.path(), &authority.issue("gateway"));
    expect_detail(
        config(&falco, tls.clone()),
        &["tls.server_name", "falco.example"],
    )
    .await;
    let named = Tls {
        server_name: Some("falco.example".into()),
        ..tls
    };
    let writer = Writer::start();
    let subscription = Subscription::start(config(&falco, named), &writer);
    subscription
        .wait_for(SourceState::Connected, "0.43.1")
        .await;
}

#[tokio::test]
async fn certificates_of_version_1_are_told() {
    let words = ["version 1", "openssl", "subjectAltName"];
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let acceptor = authority.acceptor(&authority.issue("127.0.0.1").of_version_1());
    let old = FakeFalco::on_tls(acceptor, &Outputs::new()).await;
    let tls = authority.client_files(folder.path(), &authority.issue("gateway"));
    expect_detail(config(&old, tls), &words).await;

    let (falco, _) = falco(&authority, folder.path(), &Outputs::new()).await;
    let client = authority.issue("gateway").of_version_1();
    let tls = authority.client_files(folder.path(), &client);
    expect_detail(config(&falco, tls), &words).await;
}

#[tokio::test]
async fn files_that_are_missing_or_something_else_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (falco, tls) = falco(&authority, folder.path(), &Outputs::new()).await;
    let missing = Tls {
        key: folder.path().join("no.key"),
        ..tls.clone()
    };
    expect_detail(
        config(&falco, missing),
        &["tls.key", "no.key", "No such file"],
    )
    .await;
    let mixed_up = Tls {
        key: tls.certificate.clone(),
        ..tls
    };
    expect_detail(
        config(&falco, mixed_up),
        &["tls.key", "holds no PEM PRIVATE KEY"],
    )
    .await;
}
