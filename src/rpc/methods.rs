//! Who answers which call.

use std::convert::Infallible;

use hyper::body::Incoming;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, body::Body, codegen::Service, service::Routes};

use super::stream_alerts;
use crate::delivery::Delivery;

/// These only hand over what they are sent, and wait: for one alert, another task
/// would cost more than they do.
const INGEST: &str = "/falcogateway.v1.IngestService/";

/// All methods of all services. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Methods {
    /// For `StreamAlerts`.
    pub(super) delivery: Delivery,
    /// The others.
    pub(super) routes: Routes,
}

impl Methods {
    /// Answers `request`.
    pub(super) async fn call(
        mut self,
        request: http::Request<Incoming>,
    ) -> Result<http::Response<Body>, Infallible> {
        let request = request.map(Body::new);
        let path = request.uri().path();
        if path.starts_with(INGEST) {
            return self.routes.call(request).await;
        }
        // What a call computes must not hold up the others of its connection, so
        // only its answer is sent from there.
        let answer = if path == stream_alerts::PATH {
            tokio::spawn(stream_alerts::answer(self.delivery, request))
        } else {
            tokio::spawn(async move {
                let Ok(answer) = self.routes.call(request).await;
                answer
            })
        };
        Ok(AbortOnDropHandle::new(answer)
            .await
            .unwrap_or_else(|_| Status::internal("the call has failed").into_http()))
    }
}
