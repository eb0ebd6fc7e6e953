use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{Stream, stream};
use tokio::sync::OnceCell;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Config, Sharing,
    queue::Queue,
    response::Responses,
    shared::{SharedQueue, Taker},
};
use crate::{
    clock,
    delivery::{self, Batching, Delivery, OnExpired, OpenError, Overflow, Start, View},
    filter::Filter,
    log::Position,
    pb::{falco::outputs, server::falco::outputs::service_server::Service},
    rpc::{peer, status},
};

/// A subscription says nothing to these clients but alerts.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// `falco.outputs.service`.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Outputs {
    config: Config,
    delivery: Delivery,
    /// Of those who compete; opened with the first call.
    shared: Arc<OnceCell<SharedQueue>>,
}

type Answer = Pin<Box<dyn Stream<Item = Result<outputs::Response, Status>> + Send>>;

/// Where a call's alerts come from.
enum Alerts {
    Own(Box<Queue>),
    Shared(Arc<OnceCell<SharedQueue>>, Taker),
}

/// What a connection was given by `get`, which goes on there; none before the first.
#[derive(Debug, Clone, Default)]
pub(in crate::rpc) struct Given(Arc<Mutex<Option<Position>>>);

impl Given {
    fn position(&self) -> Option<Position> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved_to(&self, position: Position) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(position);
    }
}

#[tonic::async_trait]
impl Service for Outputs {
    type subStream = Answer;
    type getStream = Answer;

    async fn sub(
        &self,
        request: Request<Streaming<outputs::Request>>,
    ) -> Result<Response<Answer>, Status> {
        let peer = peer::address(request.extensions());
        let wanted = self.request("falco.outputs sub", peer);
        let alerts = self.alerts(wanted).await?;
        let call = (alerts, request.into_inner());
        let answer = stream::unfold(call, |(mut alerts, mut requests)| async {
            let next = tokio::select! {
                next = alerts.next() => Ok(next?),
                broken = discard(&mut requests) => Err(broken),
            };
            Some((next, (alerts, requests)))
        });
        Ok(Response::new(Box::pin(answer)))
    }

    async fn get(&self, request: Request<outputs::Request>) -> Result<Response<Answer>, Status> {
        let peer = peer::address(request.extensions());
        let given: Given = request.extensions().get().cloned().unwrap_or_default();
        let mut wanted = self.request("falco.outputs get", peer);
        if let Some(position) = given.position() {
            wanted.start = Start::After(self.delivery.cursor(position));
        }
        let end = self.delivery.log().bounds().head;
        let alerts = self.alerts(wanted).await?;
        let answer = stream::unfold((alerts, given), move |(mut alerts, given)| async move {
            let next = alerts.next_up_to(end).await;
            if next.is_none() {
                // Only now: who leaves in the middle has not got it all.
                given.moved_to(end);
            }
            Some((Ok(next?), (alerts, given)))
        });
        Ok(Response::new(Box::pin(answer)))
    }
}

impl Outputs {
    pub(in crate::rpc) fn new(config: Config, delivery: Delivery) -> Self {
        Self {
            config,
            delivery,
            shared: Arc::default(),
        }
    }

    async fn alerts(&self, wanted: delivery::Request) -> Result<Alerts, Status> {
        let opened = match self.config.delivery {
            Sharing::Broadcast => self.queue(wanted).await.map(|queue| {
                let queue = Box::new(queue);
                Alerts::Own(queue)
            }),
            Sharing::Shared => self
                .shared
                .get_or_try_init(|| self.shared_queue())
                .await
                .map(|queue| Alerts::Shared(Arc::clone(&self.shared), queue.taker())),
        };
        opened.map_err(|error| status::not_opened(&error))
    }

    async fn shared_queue(&self) -> Result<SharedQueue, OpenError> {
        let wanted = self.request("falco.outputs, the shared queue", String::new());
        Ok(SharedQueue::new(self.queue(wanted).await?))
    }

    async fn queue(&self, wanted: delivery::Request) -> Result<Queue, OpenError> {
        let responses = Responses {
            source_enum: self.config.source_enum,
        };
        Queue::open(&self.delivery, wanted, responses).await
    }

    fn request(&self, label: &str, peer: String) -> delivery::Request {
        let since = clock::now().checked_sub(self.config.backlog.0);
        delivery::Request {
            filter: Filter::all(),
            start: match since {
                Ok(since) if !self.config.backlog.0.is_zero() => Start::Since(since),
                _ => Start::Latest,
            },
            on_expired: OnExpired::Earliest,
            stop_at_head: false,
            // The log is the bound: nothing is lost before it has to be, and then told.
            overflow: Overflow::CatchUp,
            view: View::Full,
            batching: Batching::default(),
            heartbeat: HEARTBEAT,
            label: label.to_owned(),
            peer,
        }
    }
}

impl Alerts {
    async fn next(&mut self) -> Option<outputs::Response> {
        match self {
            Self::Own(queue) => queue.next().await,
            Self::Shared(queue, taker) => queue.get()?.next(*taker).await,
        }
    }

    async fn next_up_to(&mut self, end: Position) -> Option<outputs::Response> {
        match self {
            Self::Own(queue) => queue.next_up_to(end).await,
            Self::Shared(queue, taker) => queue.get()?.next_up_to(*taker, end).await,
        }
    }
}

/// Reads what the client asks and forgets it: unread, it would fill the connection's
/// window, and the client would wait for room. Returns only when the call is broken;
/// who has nothing more to ask may listen on.
async fn discard(requests: &mut Streaming<outputs::Request>) -> Status {
    loop {
        match requests.message().await {
            Ok(Some(_)) => {}
            Ok(None) => std::future::pending().await,
            Err(broken) => return broken,
        }
    }
}
