//! `StreamAlerts`, which is served without tonic's codec: its frames are encoded
//! once for all streams that want the same, and handed out as they are.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tonic::{Status, body::Body};

use super::{
    caller::Caller,
    frames::{self, Framer},
    grpc, request, status,
};
use crate::{
    access::End,
    clock,
    delivery::{Delivery, Subscription},
};

/// The method's path.
pub(super) const PATH: &str = "/falcogateway.v1.AlertService/StreamAlerts";

/// The end of a session, to be waited for with every frame.
pub(super) type Over = Pin<Box<dyn Future<Output = End> + Send>>;

/// An open call.
struct Call {
    subscription: Subscription,
    framer: Framer,
    /// None once it has been.
    over: Option<Over>,
}

/// Answers a call of the method; the answer's body is the stream.
pub(super) async fn answer(
    delivery: Delivery,
    request: http::Request<Body>,
) -> http::Response<Body> {
    match open(&delivery, request).await {
        Ok(frames) => grpc::streaming(frames),
        Err(status) => status.into_http(),
    }
}

async fn open(
    delivery: &Delivery,
    request: http::Request<Body>,
) -> Result<impl Stream<Item = Result<Bytes, Status>> + Send + use<>, Status> {
    let (head, body) = request.into_parts();
    let caller = Caller::of(&head.extensions)?;
    let wanted = request::stream(grpc::read(body).await?, &caller)?;
    caller.begin_stream()?;
    let subscription = delivery
        .open(wanted, clock::now())
        .await
        .map_err(|error| status::not_opened(&error))?;
    // In a box: it is moved with every frame.
    let call = Box::new(Call {
        over: Some(over(&caller)),
        framer: Framer::new(delivery, &subscription, caller),
        subscription,
    });
    Ok(stream::unfold(call, |mut call| async {
        let message = call.next().await?;
        Some((message, call))
    }))
}

/// Waits for the end of the caller's session.
pub(super) fn over(caller: &Caller) -> Over {
    let session = caller.session().clone();
    Box::pin(async move { session.over().await })
}

impl Call {
    async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        let frame = match &mut self.over {
            None => self.subscription.next().await,
            Some(over) => tokio::select! {
                biased;
                end = over => {
                    self.over = None;
                    self.subscription.close(frames::reason_of(end));
                    self.subscription.next().await
                }
                frame = self.subscription.next() => frame,
            },
        };
        Some(match frame? {
            Ok(frame) => Ok(self.framer.message(frame)),
            Err(slow) => Err(status::slow_consumer(slow)),
        })
    }
}
