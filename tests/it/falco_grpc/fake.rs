//! That the fake is faithful: what fails against the real Falco fails here too.

use futures_util::{FutureExt, StreamExt, stream};
use tonic::{
    Request, Response, Status, Streaming, client::Grpc, codegen::http::uri::PathAndQuery,
    transport::Channel,
};
use tonic_prost::ProstCodec;

use crate::support::{
    captures,
    fake_falco::{FakeFalco, Outputs},
    soon,
    subscription::{Subscription, quick},
    unix::connect,
    writer::Writer,
};

type Reply = Result<Response<Streaming<()>>, Status>;

/// Opens `sub` as a client does that does not know better: one request, or one
/// request and the end of the requests.
async fn send_once(channel: Channel, half_close: bool) -> Reply {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/falco.outputs.service/sub");
    let codec = ProstCodec::default();
    let once = stream::iter([()]);
    if half_close {
        return client.streaming(Request::new(once), path, codec).await;
    }
    let once = once.chain(stream::pending());
    client.streaming(Request::new(once), path, codec).await
}

#[tokio::test]
async fn who_sends_one_request_gets_what_was_queued_and_then_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    outputs.raise(captures::numbered(3));
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let channel = connect(socket.clone()).await;
    let reply = soon("headers", send_once(channel, false)).await;
    let mut stream = reply.unwrap().into_inner();
    for _ in 0..3 {
        soon("an alert", stream.message()).await.unwrap().unwrap();
    }
    // The rest is taken by whoever polls, and not by this stream.
    outputs.raise(captures::numbered(5));
    let writer = Writer::start();
    let _subscription = Subscription::start(quick(&socket), &writer);
    writer.wait_for(5).await;
    assert!(stream.message().now_or_never().is_none());
}

#[tokio::test]
async fn a_quiet_falco_sends_no_headers() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let channel = connect(socket).await;
    let mut reply = Box::pin(send_once(channel, false));
    let polled = outputs.wait_for("the request", |state| state.polls == 1);
    tokio::select! {
        () = polled => {}
        _ = &mut reply => panic!("headers before an alert"),
    }
    outputs.raise(captures::numbered(1));
    assert!((&mut reply).now_or_never().is_none());
    assert_eq!(outputs.read(|state| state.queue.len()), 1);
}

#[tokio::test]
async fn the_end_of_the_requests_is_never_answered() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    outputs.raise(captures::numbered(1));
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let channel = connect(socket).await;
    let reply = soon("headers", send_once(channel, true)).await;
    let mut stream = reply.unwrap().into_inner();
    soon("an alert", stream.message()).await.unwrap().unwrap();
    outputs
        .wait_for("the half-close", |state| state.half_closed == 1)
        .await;
    outputs.raise(captures::numbered(1));
    assert!(stream.message().now_or_never().is_none());
    assert_eq!(outputs.read(|state| state.open), 1);
}

#[tokio::test]
async fn a_shutdown_waits_for_the_next_request_and_throws_an_alert_away() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    outputs.raise(captures::numbered(1));
    let falco = FakeFalco::on_socket(&socket, &outputs);
    let mut client = Grpc::new(connect(socket).await);
    client.ready().await.unwrap();
    let (polls, requests) = tokio::sync::mpsc::channel(1);
    polls.send(()).await.unwrap();
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let path = PathAndQuery::from_static("/falco.outputs.service/sub");
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let call = client.streaming(Request::new(requests), path, codec);
    let mut stream = soon("headers", call).await.unwrap().into_inner();
    soon("an alert", stream.message()).await.unwrap().unwrap();
    falco.begin_shutdown();
    outputs.raise(captures::numbered(2));
    assert_eq!(outputs.read(|state| state.open), 1);
    polls.send(()).await.unwrap();
    let end = soon("the call's end", stream.message()).await;
    assert!(matches!(end, Ok(None)), "{end:?}");
    falco.shut_down().await;
    let (thrown_away, queued) = outputs.read(|state| (state.thrown_away.len(), state.queue.len()));
    assert_eq!((thrown_away, queued), (1, 1));
}
