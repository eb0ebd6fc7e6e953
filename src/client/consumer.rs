use std::{collections::VecDeque, time::Duration};

use futures_util::{FutureExt, StreamExt, future::ready, stream};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use super::{
    Connection, Error,
    calls::{Calls, LARGEST_FRAME, Opening},
};
use crate::pb::{
    self, ConsumeSubscriptionRequest, consume_subscription_request::Kind as Ask,
    stream_frame::Kind, subscription_service_client::SubscriptionServiceClient,
};

/// A durable subscription that is consumed, and opened again whenever it breaks: what
/// was not acknowledged then comes again.
#[derive(Debug)]
pub struct Consumer {
    client: SubscriptionServiceClient<Connection>,
    open: pb::ConsumeOpen,
    calls: Calls,
    /// What is to be acknowledged: the newest only, since it stands for all before. None
    /// without a call.
    acknowledged: Option<watch::Sender<String>>,
    ready: VecDeque<Consumed>,
}

/// What a consumer gets.
#[derive(Debug, Clone)]
pub enum Consumed {
    /// The subscription was opened: what follows begins with what is not acknowledged.
    Opened,
    /// Alerts, in order.
    Alerts(Vec<pb::AlertRecord>),
    /// Alerts that match and will not come. To be acknowledged, too.
    Loss(pb::LossNotice),
    /// Everything up to this cursor is acknowledged, on disk.
    Confirmed(String),
    /// The stream broke, and is opened anew. What was not acknowledged comes again.
    Reconnecting {
        /// For people.
        why: String,
        /// The gateway's or the connection's word, if there was one.
        error: Option<Error>,
        /// After how long it is opened.
        delay: Duration,
    },
}

impl Consumer {
    /// A consumer of what `open` names. Nothing is sent before something is asked for.
    pub fn new(connection: impl Into<Connection>, open: pb::ConsumeOpen) -> Self {
        let client = SubscriptionServiceClient::new(connection.into());
        Self {
            client: client.max_decoding_message_size(LARGEST_FRAME),
            open,
            calls: Calls::new(),
            acknowledged: None,
            ready: VecDeque::new(),
        }
    }

    /// Everything up to `cursor` is dealt with: one of a record or a notice that came
    /// since the stream was opened.
    pub fn acknowledge(&self, cursor: impl Into<String>) {
        if let Some(acknowledged) = &self.acknowledged {
            acknowledged.send_replace(cursor.into());
        }
    }

    /// What comes next; none when the gateway says that there is nothing more. It may be
    /// cancelled and called again.
    ///
    /// # Errors
    /// For what trying again cannot mend, and when another consumer has taken over.
    pub async fn next(&mut self) -> Option<Result<Consumed, Error>> {
        loop {
            if let Some(consumed) = self.ready.pop_front() {
                return Some(Ok(consumed));
            }
            let Self {
                calls,
                client,
                open,
                acknowledged,
                ..
            } = self;
            match calls.next(|| opening(client, open, acknowledged)).await {
                Ok(Some(frame)) => self.ready.extend(consumed(frame)),
                Ok(None) => return None,
                Err(broken) => match broken.into_final() {
                    Ok(error) => {
                        self.calls.end();
                        return Some(Err(error));
                    }
                    Err(broken) => {
                        self.acknowledged = None;
                        self.ready.push_back(Consumed::Reconnecting {
                            delay: self.calls.pause(&broken),
                            why: broken.why,
                            error: broken.error,
                        });
                    }
                },
            }
        }
    }
}

fn opening(
    client: &SubscriptionServiceClient<Connection>,
    open: &pb::ConsumeOpen,
    acknowledged: &mut Option<watch::Sender<String>>,
) -> Opening {
    let (sender, receiver) = watch::channel(String::new());
    *acknowledged = Some(sender);
    let first = stream::once(ready(Ask::Open(open.clone())));
    let acks = WatchStream::from_changes(receiver);
    let acks = acks.map(|cursor| Ask::Ack(pb::ConsumeAck { cursor }));
    let asks = first.chain(acks);
    let asks = asks.map(|ask| ConsumeSubscriptionRequest { kind: Some(ask) });
    let mut client = client.clone();
    async move { client.consume_subscription(asks).await }.boxed()
}

fn consumed(frame: pb::StreamFrame) -> Option<Consumed> {
    match frame.kind? {
        Kind::Opened(_) => Some(Consumed::Opened),
        Kind::Alerts(batch) => Some(Consumed::Alerts(batch.records)),
        Kind::Loss(loss) => Some(Consumed::Loss(loss)),
        Kind::AckConfirmed(confirmed) => Some(Consumed::Confirmed(confirmed.cursor)),
        Kind::Heartbeat(_) | Kind::StateChange(_) | Kind::Source(_) | Kind::Closing(_) => None,
    }
}
