//! Who answers which call.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, body::Body, codegen::Service, service::Routes};

use super::{consume, stream_alerts};
use crate::delivery::Subscriptions;

/// These only hand over what they are sent, and wait: for one alert, another task
/// would cost more than they do.
const INGEST: &str = "/falcogateway.v1.IngestService/";

/// All methods of all services. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Methods {
    /// For the streams, which tonic does not serve.
    pub(super) subscriptions: Subscriptions,
    /// The others.
    pub(super) routes: Routes,
}

impl Methods {
    /// Answers `request`.
    pub(super) async fn answer(
        mut self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Infallible> {
        let path = request.uri().path();
        if path.starts_with(INGEST) {
            return self.routes.call(request).await;
        }
        // What a call computes must not hold up the others of its connection, so
        // only its answer is sent from there.
        let answer = if path == stream_alerts::PATH {
            let delivery = self.subscriptions.delivery().clone();
            tokio::spawn(stream_alerts::answer(delivery, request))
        } else if path == consume::PATH {
            tokio::spawn(consume::answer(self.subscriptions, request))
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

/// For what translates before them.
impl Service<http::Request<Body>> for Methods {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.clone().answer(request).boxed()
    }
}
