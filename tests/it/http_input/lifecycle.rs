//! Connections and the listener, from the first to the last.

use falco_gateway::source::{SourceState, http::Config};
use tokio::net::TcpStream;

use crate::support::{
    http::{Server, post},
    intake::{accept, accepted, intake},
};

#[tokio::test]
async fn the_source_says_where_it_listens_and_when_it_is_done() {
    let (intake, _taken) = intake(accept);
    let server = Server::start(Config::default(), intake).await;
    let detail = server.observed.reaches(SourceState::Connected).await;
    assert_eq!(detail, "listening");
    let address = server.address.to_string();
    assert_eq!(server.observed.status().address, address);
    let observed = server.stopped().await;
    assert_eq!(observed.status().state, SourceState::Finished);
}

#[tokio::test]
async fn beyond_the_limit_a_connection_waits_for_another_to_end() {
    let (intake, mut taken) = intake(accept);
    let config = Config {
        max_connections: 1,
        ..Config::default()
    };
    let server = Server::start(config, intake).await;
    let mut first = server.client().await;
    assert_eq!(first.post("", "{}").await.status, 200);
    let mut second = server.client().await;
    second.send(post("", "[]")).await;
    assert_eq!(first.post("", "{}").await.status, 200);
    drop(first);
    assert_eq!(second.answer().await.status, 200);
    assert_eq!(taken.first(3).await, ["{}", "{}", "[]"]);
}

#[tokio::test]
async fn a_request_in_flight_is_finished_and_nothing_else_begun() {
    let (intake, mut taken) = intake(|raw| (raw.payload.len() == 5).then(|| accepted(1)));
    let server = Server::start(Config::default(), intake).await;
    let mut idle = server.client().await;
    assert_eq!(idle.post("", "first").await.status, 200);
    let mut busy = server.client().await;
    busy.send(post("", "second")).await;
    taken.first(2).await;
    server.begin_shutdown();
    idle.end().await;
    taken.release();
    assert_eq!(busy.answer().await.status, 200);
    busy.end().await;
    let address = server.address;
    let observed = server.stopped().await;
    assert_eq!(observed.status().accepted, 2);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_that_cannot_finish_does_not_hold_the_shutdown() {
    let (intake, mut taken) = intake(|_| None);
    let server = Server::start(Config::default(), intake).await;
    let mut stuck = server.client().await;
    stuck.send(post("", "{}")).await;
    taken.first(1).await;
    server.stopped().await;
    stuck.end().await;
}

#[tokio::test]
async fn an_alert_whose_sender_leaves_before_the_answer_is_in() {
    let (intake, mut taken) = intake(|_| None);
    let server = Server::start(Config::default(), intake).await;
    let mut client = server.client().await;
    client.send(post("", "{}")).await;
    client.send_no_more().await;
    taken.first(1).await;
    taken.release();
    assert_eq!(client.answer().await.status, 200);
    client.send(post("", "{}")).await;
    drop(client);
    let mut reset = server.client().await;
    reset.send(post("", "{}")).await;
    taken.first(2).await;
    let stream = reset.into_stream();
    stream.set_zero_linger().unwrap();
    drop(stream);
    taken.release();
    server.observed.counts(|status| status.accepted == 2).await;
}
