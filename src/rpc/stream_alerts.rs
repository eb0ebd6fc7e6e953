//! `StreamAlerts`, which is served without tonic's codec: its frames are encoded
//! once for all streams that want the same, and handed out as they are.

use std::{
    convert::Infallible,
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, future::BoxFuture, stream};
use tonic::{
    Status,
    body::Body,
    codegen::Service,
    server::NamedService,
    transport::server::{TcpConnectInfo, UdsConnectInfo},
};

use super::{alert_service::Alerts, frames::Framer, grpc, request, status};
use crate::{clock, delivery::Delivery, pb::server::alert_service_server::AlertServiceServer};

/// The method's path.
const PATH: &str = "/falcogateway.v1.AlertService/StreamAlerts";

/// `falcogateway.v1.AlertService`, all of it.
#[derive(Clone)]
pub(super) struct AlertServices {
    delivery: Delivery,
    others: AlertServiceServer<Alerts>,
}

impl AlertServices {
    pub(super) fn new(delivery: Delivery) -> Self {
        let alerts = Alerts {
            delivery: delivery.clone(),
        };
        Self {
            delivery,
            others: AlertServiceServer::new(alerts),
        }
    }
}

impl fmt::Debug for AlertServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlertServices")
    }
}

impl NamedService for AlertServices {
    const NAME: &'static str = AlertServiceServer::<Alerts>::NAME;
}

impl Service<http::Request<Body>> for AlertServices {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != PATH {
            return self.others.call(request);
        }
        let delivery = self.delivery.clone();
        Box::pin(async move {
            Ok(match open(&delivery, request).await {
                Ok(frames) => grpc::streaming(frames),
                Err(status) => status.into_http(),
            })
        })
    }
}

async fn open(
    delivery: &Delivery,
    request: http::Request<Body>,
) -> Result<impl Stream<Item = Result<Bytes, Status>> + Send + use<>, Status> {
    let (head, body) = request.into_parts();
    let wanted = request::stream(grpc::read(body).await?, peer(&head.extensions))?;
    let subscription = delivery
        .open(wanted, clock::now())
        .await
        .map_err(|error| status::not_opened(&error))?;
    let framer = Framer::new(delivery, &subscription);
    Ok(stream::unfold(
        (subscription, framer),
        |(mut subscription, framer)| async move {
            let message = match subscription.next().await? {
                Ok(frame) => Ok(framer.message(frame)),
                Err(slow) => Err(status::slow_consumer(slow)),
            };
            Some((message, (subscription, framer)))
        },
    ))
}

fn peer(extensions: &http::Extensions) -> String {
    let address = extensions.get().and_then(TcpConnectInfo::remote_addr);
    match (address, extensions.get::<UdsConnectInfo>()) {
        (Some(address), _) => address.to_string(),
        (None, Some(_)) => "unix socket".to_owned(),
        (None, None) => "unknown".to_owned(),
    }
}
