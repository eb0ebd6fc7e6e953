use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use tokio::sync::OnceCell;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Config, Sharing,
    queue::{Given, Queue, SharedQueue},
    response::Responses,
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
    Shared(Arc<OnceCell<SharedQueue>>),
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
        let alerts = self.alerts(wanted, Given::default()).await?;
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
        if given.position() > Position::START {
            wanted.start = Start::After(self.delivery.cursor(given.position()));
        }
        let end = self.delivery.log().bounds().head;
        let alerts = self.alerts(wanted, given).await?;
        let answer = stream::unfold(alerts, move |mut alerts| async move {
            let next = alerts.next_up_to(end).await?;
            Some((Ok(next), alerts))
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

    async fn alerts(&self, wanted: delivery::Request, given: Given) -> Result<Alerts, Status> {
        let opened = match self.config.delivery {
            Sharing::Broadcast => self.queue(wanted, given).await.map(|queue| {
                let queue = Box::new(queue);
                Alerts::Own(queue)
            }),
            Sharing::Shared => self
                .shared
                .get_or_try_init(|| self.shared_queue())
                .await
                .map(|_| Alerts::Shared(Arc::clone(&self.shared))),
        };
        opened.map_err(|error| status::not_opened(&error))
    }

    async fn shared_queue(&self) -> Result<SharedQueue, OpenError> {
        let given = Given::default();
        let wanted = self.request("falco.outputs, the shared queue", String::new());
        let queue = self.queue(wanted, given.clone()).await?;
        Ok(SharedQueue::new(queue, given))
    }

    async fn queue(&self, wanted: delivery::Request, given: Given) -> Result<Queue, OpenError> {
        let responses = Responses {
            source_enum: self.config.source_enum,
        };
        Queue::open(&self.delivery, wanted, responses, given).await
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
            Self::Shared(queue) => queue.get()?.next().await,
        }
    }

    async fn next_up_to(&mut self, end: Position) -> Option<outputs::Response> {
        match self {
            Self::Own(queue) => queue.next_up_to(end).await,
            Self::Shared(queue) => queue.get()?.next_up_to(end).await,
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
