//! The gateway's own services for its own page, which is served by another listener.
//!
//! They are the same methods, reached the same way: who calls and what he is granted is
//! found out as on every listener. That the caller's script is the gateway's own has been
//! seen to before a request comes here.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, ServiceExt};

use super::{
    body::Held,
    methods::Methods,
    status,
    web::{is_grpc_web, plain},
};

/// Calls at a time, streams among them; further ones are refused with `OVERLOADED`. Each
/// has a connection, and those that are left are for probes and Prometheus.
const CALLS: usize = 256;

/// What the page calls: it reads. The others are for programs, by a listener for gRPC.
const METHODS: [&str; 10] = [
    "/falcogateway.v1.AlertService/StreamAlerts",
    "/falcogateway.v1.AlertService/ListAlerts",
    "/falcogateway.v1.AlertService/GetAlert",
    "/falcogateway.v1.AlertService/GetAlertReport",
    "/falcogateway.v1.AlertService/ValidateFilter",
    "/falcogateway.v1.GatewayService/GetGatewayInfo",
    "/falcogateway.v1.GatewayService/ListSources",
    "/falcogateway.v1.GatewayService/ListStreams",
    "/falcogateway.v1.GatewayService/ListBridges",
    "/falcogateway.v1.SubscriptionService/ListSubscriptions",
];

/// Answers the page's calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PageCalls {
    translated: GrpcWebService<Methods>,
    places: Arc<Semaphore>,
}

impl PageCalls {
    pub(super) fn new(methods: Methods) -> Self {
        Self {
            translated: GrpcWebLayer::new().layer(methods),
            places: Arc::new(Semaphore::new(CALLS)),
        }
    }

    /// Answers `request`, whose extensions have the [`crate::access::Peer`] that made it.
    pub async fn answer<B>(self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if !METHODS.contains(&request.uri().path()) {
            return plain(StatusCode::NOT_FOUND, "there is nothing here\n");
        }
        // A form can be sent by any page, but not as this.
        if !is_grpc_web(request.headers()) {
            let told = "this listener speaks gRPC-Web for the gateway's page; gRPC is spoken on \
                        those of `listen`\n";
            return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, told);
        }
        let Ok(place) = self.places.try_acquire_owned() else {
            return status::overloaded().into_http();
        };
        let Ok(answer) = self.translated.oneshot(request.map(Body::new)).await;
        answer.map(|body| Held::until_end_of(body, place))
    }
}
