//! `StreamAlerts`, which is served without tonic's codec: its frames are encoded
//! once for all streams that want the same, and handed out as they are.

use bytes::Bytes;
use futures_util::{Stream, stream};
use tonic::{Status, body::Body};

use super::{frames::Framer, grpc, peer, request, status};
use crate::{clock, delivery::Delivery};

/// The method's path.
pub(super) const PATH: &str = "/falcogateway.v1.AlertService/StreamAlerts";

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
    let wanted = request::stream(grpc::read(body).await?, peer::address(&head.extensions))?;
    let subscription = delivery
        .open(wanted, clock::now())
        .await
        .map_err(|error| status::not_opened(&error))?;
    let framer = Framer::new(delivery, &subscription);
    // In a box: it is moved with every frame.
    let both = Box::new((subscription, framer));
    Ok(stream::unfold(both, |mut both| async {
        let (subscription, framer) = &mut *both;
        let message = match subscription.next().await? {
            Ok(frame) => Ok(framer.message(frame)),
            Err(slow) => Err(status::slow_consumer(slow)),
        };
        Some((message, both))
    }))
}
