//! An open durable subscription, as a client sees it.

use falco_gateway::pb::{
    self, ConsumeAck, ConsumeOpen, ConsumeSubscriptionRequest,
    consume_subscription_request::Kind as Ask, stream_frame::Kind,
    subscription_service_client::SubscriptionServiceClient,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, transport::Channel};

use super::{frames::Frames, in_time};

pub(crate) struct Consumer {
    requests: mpsc::Sender<ConsumeSubscriptionRequest>,
    pub(crate) frames: Frames,
}

pub(crate) fn named(name: &str) -> ConsumeOpen {
    ConsumeOpen {
        name: name.to_owned(),
        ..ConsumeOpen::default()
    }
}

impl Consumer {
    pub(crate) async fn open(channel: Channel, open: ConsumeOpen) -> Result<Self, Status> {
        let (requests, outgoing) = mpsc::channel(16);
        let ask = Some(Ask::Open(open));
        let first = ConsumeSubscriptionRequest { kind: ask };
        requests.send(first).await.unwrap();
        let mut client = SubscriptionServiceClient::new(channel);
        let answer = in_time(client.consume_subscription(ReceiverStream::new(outgoing))).await?;
        let frames = Frames::new(answer.into_inner());
        Ok(Self { requests, frames })
    }

    pub(crate) async fn acknowledge(&self, cursor: &str) {
        let ack = ConsumeAck {
            cursor: cursor.to_owned(),
        };
        let kind = Some(Ask::Ack(ack));
        // Of a stream that has ended the next frame tells.
        let _ = self
            .requests
            .send(ConsumeSubscriptionRequest { kind })
            .await;
    }

    /// Acknowledges, and waits until that is on disk.
    pub(crate) async fn acknowledge_for_good(&mut self, cursor: &str) {
        self.acknowledge(cursor).await;
        while self.confirmed().await != cursor {}
    }

    /// What is confirmed next.
    pub(crate) async fn confirmed(&mut self) -> String {
        let confirmed = self.frames.find(|kind| match kind {
            Kind::AckConfirmed(confirmed) => Some(confirmed.cursor),
            Kind::Alerts(batch) => panic!("{} alerts unasked", batch.records.len()),
            _ => None,
        });
        confirmed.await
    }

    /// The rules of the next alerts, and the cursor of the last.
    pub(crate) async fn rules(&mut self, count: usize) -> (Vec<String>, String) {
        let records = self.frames.records(count).await;
        let rules = super::frames::alerts(&records);
        let rules = rules.into_iter().map(|alert| alert.rule).collect();
        let cursor = records.last().map(|last| last.cursor.clone());
        (rules, cursor.unwrap_or_default())
    }

    /// How the stream ends.
    pub(crate) async fn end(&mut self) -> (Option<pb::ClosingReason>, Result<(), Status>) {
        let mut reason = None;
        loop {
            match self.frames.try_next().await {
                Ok(Some(Kind::Closing(closing))) => reason = Some(closing.reason()),
                Ok(Some(_)) => {}
                Ok(None) => return (reason, Ok(())),
                Err(status) => return (reason, Err(status)),
            }
        }
    }
}
