//! What is lost when the gateway goes: nothing when it is shut down, a bounded
//! number of bytes when it is killed.

use bytes::Bytes;

use crate::support::{
    captures,
    fake_falco::{FakeFalco, Outputs},
    subscription::{Subscription, quick},
    writer::Writer,
};

const KIB: usize = 1024;

/// The connection's window.
const WINDOW: usize = 64 * KIB;

/// A batch, and the alert that made it full.
const BATCH: usize = 66 * KIB;

/// What is between: a frame that was read but not yet decoded, and what the
/// server has in hand.
const BETWEEN: usize = 40 * KIB;

fn bytes(alerts: &[Bytes]) -> usize {
    alerts.iter().map(Bytes::len).sum()
}

// With two threads the connection reads on while a batch is gathered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_log_bounds_what_is_read_ahead_and_lost_when_the_gateway_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let alerts = captures::numbered(5000);
    let outputs = Outputs::new();
    outputs.raise(alerts.clone());
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::gated();
    let subscription = Subscription::start(quick(&socket), &writer);
    for round in 1..=20 {
        writer.let_through(10);
        writer.wait_for(10 * round).await;
    }
    // The window fills up again: a half of it at least, since the reader tells
    // the server of what it has read when that is the other half.
    outputs
        .wait_for("a full window", |state| {
            bytes(&state.popped) >= bytes(&writer.wires()) + WINDOW / 2
        })
        .await;
    subscription.kill().await;
    outputs
        .wait_for("the call's end", |state| state.open == 0)
        .await;
    let appended = writer.wires();
    assert_eq!(appended, alerts[..200]);
    let lost = outputs.read(|state| bytes(&state.popped)) - bytes(&appended);
    assert!(lost <= WINDOW + BATCH + BETWEEN, "{lost} bytes lost");
}

#[tokio::test]
async fn what_was_read_at_a_shutdown_is_appended_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let alerts = captures::numbered(10);
    let outputs = Outputs::new();
    outputs.raise(alerts.clone());
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::gated();
    let subscription = Subscription::start(quick(&socket), &writer);
    writer.let_through(1);
    writer.wait_for(1).await;
    outputs
        .wait_for("all to be popped", |state| state.popped.len() == 10)
        .await;
    subscription.begin_stop();
    writer.let_through(9);
    let status = subscription.stop().await;
    assert_eq!(writer.wires(), alerts);
    assert_eq!(status.accepted, 10);
}

#[tokio::test]
async fn a_shutdown_cancels_the_call_and_does_not_half_close_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    let falco = FakeFalco::on_socket(&socket, &outputs);
    for alerts in [0, 1] {
        // With headers still awaited, and with an open stream.
        let writer = Writer::start();
        outputs.raise(captures::numbered(alerts));
        let subscription = Subscription::start(quick(&socket), &writer);
        outputs
            .wait_for("an open call", |state| state.open == 1)
            .await;
        writer.wait_for(usize::try_from(alerts).unwrap()).await;
        subscription.stop().await;
        outputs
            .wait_for("the call's end", |state| state.open == 0)
            .await;
        assert_eq!(outputs.read(|state| state.half_closed), 0);
    }
    // Nothing is left that could delay Falco.
    falco.shut_down().await;
}

#[tokio::test]
async fn a_closed_intake_ends_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::start();
    let subscription = Subscription::start(quick(&socket), &writer);
    outputs
        .wait_for("an open call", |state| state.open == 1)
        .await;
    writer.intake().close();
    outputs.raise(captures::numbered(1));
    subscription.ended().await;
}
