use bytes::Bytes;
use falco_gateway::source::SourceState;

use crate::support::{
    captures,
    fake_falco::{FakeFalco, Outputs},
    subscription::{Subscription, quick},
    writer::Writer,
};

#[tokio::test]
async fn all_captured_alerts_arrive_in_order_and_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let alerts = captures::messages("grpc.jsonl");
    assert_eq!(alerts.len(), 195);
    let outputs = Outputs::new();
    outputs.raise(alerts.clone());
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::start();
    let subscription = Subscription::start(quick(&socket), &writer);
    writer.wait_for(195).await;
    assert_eq!(writer.wires(), alerts);
    subscription
        .wait_for(SourceState::Connected, "Falco 0.43.1 (engine 0.58.0)")
        .await;
    subscription.stop().await;
    assert_eq!(writer.wires().len(), 195);
}

#[tokio::test]
async fn receipts_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    outputs.raise(captures::numbered(3));
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::start();
    let subscription = Subscription::start(quick(&socket), &writer);
    writer.wait_for(3).await;
    let status = subscription.stop().await;
    assert_eq!((status.received, status.accepted), (3, 3));
    assert!(status.last_alert_time.is_some());
}

#[tokio::test]
async fn a_quiet_falco_is_connected_and_its_later_alerts_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::start();
    let subscription = Subscription::start(quick(&socket), &writer);
    subscription
        .wait_for(SourceState::Connected, "0.43.1")
        .await;
    let alerts = captures::numbered(6);
    for (round, alert) in alerts.iter().enumerate() {
        let polls = outputs.read(|state| state.polls);
        outputs
            .wait_for("polls", |state| state.polls >= polls + 5)
            .await;
        outputs.raise([alert.clone()]);
        writer.wait_for(round + 1).await;
    }
    assert_eq!(writer.wires(), alerts);
    assert_eq!(outputs.read(|state| state.open), 1);
}

#[tokio::test]
async fn strings_that_are_no_utf8_pass() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let alerts = captures::messages("grpc_invalid_utf8.jsonl");
    assert_eq!(alerts.len(), 3);
    let outputs = Outputs::new();
    outputs.raise(alerts.clone());
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::start();
    let _subscription = Subscription::start(quick(&socket), &writer);
    let appended = writer.wait_for(3).await;
    assert_eq!(writer.wires(), alerts);
    assert!(
        appended
            .iter()
            .all(|alert| std::str::from_utf8(&alert.output).is_err())
    );
}

#[tokio::test]
async fn a_message_that_is_no_alert_is_counted_and_does_not_end_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let mut alerts = captures::numbered(2);
    let outputs = Outputs::new();
    alerts.insert(1, Bytes::from_static(b"\xff\xff\xff\xff"));
    outputs.raise(alerts.clone());
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::start();
    let subscription = Subscription::start(quick(&socket), &writer);
    writer.wait_for(2).await;
    assert_eq!(writer.wires(), [alerts[0].clone(), alerts[2].clone()]);
    let status = subscription.stop().await;
    assert_eq!(status.rejected["UNDECODABLE_MESSAGE"], 1);
    assert_eq!(status.received, 3);
}

#[tokio::test]
async fn an_alert_larger_than_the_window_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let alerts = [captures::sized(0, 5 << 20), captures::sized(1, 10)];
    let outputs = Outputs::new();
    outputs.raise(alerts.clone());
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let writer = Writer::start();
    let _subscription = Subscription::start(quick(&socket), &writer);
    writer.wait_for(2).await;
    assert!(writer.wires() == alerts);
}

#[tokio::test]
async fn two_falcos_are_subscribed_to_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start();
    let mut running = Vec::new();
    for id in ["a", "b"] {
        let socket = folder.path().join(id);
        let outputs = Outputs::new();
        let falco = FakeFalco::on_socket(&socket, &outputs);
        let subscription = Subscription::start_as(id, quick(&socket), &writer);
        running.push((falco, subscription, outputs));
    }
    let alerts = captures::numbered(100);
    for (number, alert) in alerts.iter().enumerate() {
        running[number % 2].2.raise([alert.clone()]);
    }
    let appended = writer.wait_for(100).await;
    for (index, id) in ["a", "b"].into_iter().enumerate() {
        let own = appended.iter().filter(|one| &*one.source_id == id);
        let raised = alerts.iter().skip(index).step_by(2);
        assert!(own.map(|one| &one.wire).eq(raised), "{id}");
    }
}
