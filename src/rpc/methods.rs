//! Who answers which call.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderValue, header};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, body::Body, codegen::Service, service::Routes};

use super::{
    body::{Held, Timely},
    caller::Caller,
    consume,
    limits::{Door, Place},
    status, stream_alerts,
};
use crate::{
    access::{Access, Peer},
    delivery::Subscriptions,
    policy::Right::{self, Admin, Consume, Publish, Read},
    trace::{self, Trace},
};

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing: it tells what everybody may know.
    Nothing,
    /// Any grant.
    AnyGrant,
    /// One of these rights.
    OneOf(&'static [Right]),
}

/// What calls need whose path begins so; the first that does decides. What is not here
/// needs a grant, and an admin's.
const NEEDS: [(&str, Needs); 19] = [
    ("/grpc.health.v1.Health/", Needs::Nothing),
    ("/grpc.reflection.v1.ServerReflection/", Needs::Nothing),
    ("/grpc.reflection.v1alpha.ServerReflection/", Needs::Nothing),
    ("/falco.version.service/", Needs::AnyGrant),
    ("/falco.outputs.service/", Needs::OneOf(&[Read])),
    ("/falcogateway.v1.AlertService/", Needs::OneOf(&[Read])),
    (INGEST, Needs::OneOf(&[Publish])),
    (
        "/falcogateway.v1.SubscriptionService/Create",
        Needs::OneOf(&[Consume]),
    ),
    (
        "/falcogateway.v1.SubscriptionService/Consume",
        Needs::OneOf(&[Consume]),
    ),
    (
        "/falcogateway.v1.SubscriptionService/Pull",
        Needs::OneOf(&[Consume]),
    ),
    (
        "/falcogateway.v1.SubscriptionService/Acknowledge",
        Needs::OneOf(&[Consume]),
    ),
    (
        "/falcogateway.v1.SubscriptionService/Update",
        Needs::OneOf(&[Consume]),
    ),
    (
        "/falcogateway.v1.SubscriptionService/",
        Needs::OneOf(&[Consume, Admin]),
    ),
    (
        "/falcogateway.v1.GatewayService/GetGatewayInfo",
        Needs::AnyGrant,
    ),
    (
        "/falcogateway.v1.GatewayService/ListSources",
        Needs::OneOf(&[Read, Admin]),
    ),
    (
        "/falcogateway.v1.GatewayService/ListStreams",
        Needs::OneOf(&[Read, Consume, Admin]),
    ),
    (
        "/falcogateway.v1.GatewayService/ListBridges",
        Needs::OneOf(&[Admin]),
    ),
    (
        "/falcogateway.v1.GatewayService/ListDeadLetters",
        Needs::OneOf(&[Admin]),
    ),
    ("/", Needs::OneOf(&[Admin])),
];

/// Calls whose requests go on for as long as their makers like.
const STREAMED: [&str; 5] = [
    "/falcogateway.v1.IngestService/PublishAlerts",
    consume::PATH,
    "/falco.outputs.service/sub",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// These only hand over what they are sent, and wait: for one alert, another task
/// would cost more than they do.
const INGEST: &str = "/falcogateway.v1.IngestService/";

/// All methods of all services. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Methods {
    /// Who may call what.
    pub(super) access: Access,
    /// How much of it.
    pub(super) door: Door,
    /// For the streams, which tonic does not serve.
    pub(super) subscriptions: Subscriptions,
    /// The others.
    pub(super) routes: Routes,
}

impl Methods {
    /// Answers `request`, if there is room for it and its maker may make it.
    pub(super) async fn answer(
        self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Infallible> {
        let peer = request.extensions().get::<Arc<Peer>>().cloned();
        // Of this process are only those that it needs itself.
        let address = peer.as_ref().and_then(|peer| peer.ip());
        let Some(place) = self.door.call(address) else {
            return Ok(status::overloaded().into_http());
        };
        let place = Arc::new(place);
        let mut request = self.timely(request, address);
        request.extensions_mut().insert(Arc::clone(&place));
        let is_stream = [stream_alerts::PATH, consume::PATH].contains(&request.uri().path());
        let answer = self.admitted(request, peer).await?;
        // Streams keep it themselves: to wrap each of their frames would cost more.
        if is_stream {
            return Ok(answer);
        }
        Ok(answer.map(|body| Held::until_end_of(body, place)))
    }

    async fn admitted(
        self,
        mut request: http::Request<Body>,
        peer: Option<Arc<Peer>>,
    ) -> Result<http::Response<Body>, Infallible> {
        let rights = match needs(request.uri().path()) {
            Needs::Nothing => return self.dispatch(request).await,
            Needs::AnyGrant => &[][..],
            Needs::OneOf(rights) => rights,
        };
        let shown = request.headers().get(header::AUTHORIZATION).cloned();
        let method = request.uri().path().to_owned();
        let place = request.extensions_mut().remove::<Arc<Place>>();
        let caller = match self.caller(peer, shown, &method, rights).await {
            Ok(caller) => caller.in_place(place),
            Err(status) => return Ok(status.into_http()),
        };
        request.extensions_mut().insert(caller.clone());
        // What is taken in is followed from where it is taken in.
        let _calling = match method.starts_with(INGEST) {
            true => Trace::default(),
            false => Trace::call(trace::sent_with(request.headers()), &method),
        };
        // What a call waits for may be long in coming. Streams see to it themselves.
        tokio::select! {
            answer = self.dispatch(request) => answer,
            end = caller.session().over() => Ok(status::session_over(end).into_http()),
        }
    }

    /// The request, which must come in time.
    fn timely(&self, request: http::Request<Body>, address: Option<IpAddr>) -> http::Request<Body> {
        if STREAMED.contains(&request.uri().path()) {
            return request;
        }
        request.map(|body| Timely::within(&self.door, address, body))
    }

    async fn caller(
        &self,
        peer: Option<Arc<Peer>>,
        shown: Option<HeaderValue>,
        method: &str,
        rights: &[Right],
    ) -> Result<Caller, Status> {
        let peer = peer.ok_or_else(|| Status::internal("nobody knows who calls"))?;
        let shown = shown.as_ref().map(HeaderValue::as_bytes);
        let entered = self.access.enter(&peer, shown, method, rights).await;
        let session = entered.map_err(|denied| status::denied(&denied))?;
        Ok(Caller::new(session, peer))
    }

    async fn dispatch(
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

fn needs(path: &str) -> Needs {
    let found = NEEDS.iter().find(|(begins, _)| path.starts_with(begins));
    found.map_or(Needs::OneOf(&[Admin]), |(_, needs)| *needs)
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
