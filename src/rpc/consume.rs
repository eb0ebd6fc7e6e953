//! `ConsumeSubscription`, which hands out the same frames as `StreamAlerts`, and so is
//! served without tonic's codec, too.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::time::timeout;
use tonic::{Status, Streaming, body::Body};

use super::{
    caller::Caller,
    frames::{self, Framer},
    grpc, request, status,
    stream_alerts::{Over, over},
};
use crate::{
    clock,
    delivery::{ConsumeRequest, Consumer, Subscriptions},
    pb::{self, consume_subscription_request::Kind},
};

/// How long the first message may take.
const OPEN_TIME: Duration = Duration::from_secs(30);

/// The method's path.
pub(super) const PATH: &str = "/falcogateway.v1.SubscriptionService/ConsumeSubscription";

/// An open call.
struct Call {
    consumer: Consumer,
    framer: Framer,
    messages: Streaming<pb::ConsumeSubscriptionRequest>,
    /// The end of the caller's session; none once it has been.
    over: Option<Over>,
    /// The client has closed its side. It may listen on.
    is_half_closed: bool,
}

/// Answers a call of the method; the answer's body is the stream.
pub(super) async fn answer(
    subscriptions: Subscriptions,
    request: http::Request<Body>,
) -> http::Response<Body> {
    match open(&subscriptions, request).await {
        Ok(frames) => grpc::streaming(frames),
        Err(status) => status.into_http(),
    }
}

async fn open(
    subscriptions: &Subscriptions,
    request: http::Request<Body>,
) -> Result<impl Stream<Item = Result<Bytes, Status>> + Send + use<>, Status> {
    let (head, body) = request.into_parts();
    let caller = Caller::of(&head.extensions)?;
    let mut messages = grpc::messages::<pb::ConsumeSubscriptionRequest>(body);
    let first = tokio::select! {
        first = timeout(OPEN_TIME, messages.message()) => first,
        () = subscriptions.delivery().draining() => return Err(status::draining()),
    };
    let first = first.unwrap_or(Ok(None))?.and_then(|message| message.kind);
    let Some(Kind::Open(wanted)) = first else {
        let message = "the first message of the stream must be `open`, and come at once";
        return Err(status::bad_field("BAD_REQUEST", "open", message));
    };
    let (key, wanted) = consume_request(wanted, &caller)?;
    caller.begin_stream()?;
    let consumer = subscriptions.consume(&key, wanted, clock::now()).await;
    let consumer = consumer.map_err(|error| status::subscription(&error))?;
    let call = Box::new(Call {
        over: Some(over(&caller)),
        framer: Framer::new(subscriptions.delivery(), consumer.stream(), caller),
        consumer,
        messages,
        is_half_closed: false,
    });
    Ok(stream::unfold(Some(call), |call| async {
        let mut call = call?;
        match call.next().await {
            Ok(Some(frame)) => Some((Ok(frame), Some(call))),
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    }))
}

impl Call {
    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            let is_open = self.over.is_some();
            let over = async {
                match &mut self.over {
                    Some(over) => over.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                end = over, if is_open => {
                    self.over = None;
                    self.consumer.cut(frames::reason_of(end));
                }
                message = self.messages.message(), if !self.is_half_closed => {
                    match message? {
                        Some(message) => self.take(message)?,
                        None => self.is_half_closed = true,
                    }
                }
                frame = self.consumer.next() => return match frame {
                    Some(Ok(frame)) => Ok(Some(self.framer.message(frame))),
                    Some(Err(error)) => Err(status::subscription(&error)),
                    None => Ok(None),
                },
            }
        }
    }

    fn take(&mut self, message: pb::ConsumeSubscriptionRequest) -> Result<(), Status> {
        match message.kind {
            Some(Kind::Ack(ack)) => {
                let cursor = request::cursor(&ack.cursor)?;
                let done = self.consumer.acknowledge(cursor);
                done.map_err(|error| status::subscription(&error))
            }
            Some(Kind::Open(_)) => {
                let message = "the stream is open: one subscription for each stream";
                Err(status::bad_field("BAD_REQUEST", "open", message))
            }
            // Of a later version of the API.
            None => Ok(()),
        }
    }
}

fn consume_request(
    open: pb::ConsumeOpen,
    caller: &Caller,
) -> Result<(String, ConsumeRequest), Status> {
    let view = caller.view(open.view())?;
    let window_bytes = match open.window_bytes {
        0 => ConsumeRequest::BYTES,
        bytes if bytes <= ConsumeRequest::MOST_BYTES => bytes,
        bytes => {
            let most = ConsumeRequest::MOST_BYTES;
            let message = format!("window_bytes is {bytes}, and at most {most} are allowed");
            return Err(status::bad_field("BAD_WINDOW", "window_bytes", message));
        }
    };
    let wanted = ConsumeRequest {
        window_alerts: request::bounded(
            "window_alerts",
            open.window_alerts,
            ConsumeRequest::ALERTS,
            ConsumeRequest::MOST_ALERTS,
        )?,
        window_bytes,
        view,
        heartbeat: request::heartbeat(open.heartbeat_interval)?,
        label: request::label(open.client_label)?,
        peer: caller.peer(),
        identity: caller.identity(),
    };
    Ok((caller.own_key(&open.name)?, wanted))
}
