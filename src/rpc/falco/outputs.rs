use std::{
    collections::HashMap,
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
    delivery::{self, Batching, Delivery, OnExpired, OpenError, Overflow, Start},
    filter::Filter,
    log::Position,
    pb::{self, falco::outputs, server::falco::outputs::service_server::Service},
    policy::Sight,
    rpc::{
        caller::Caller,
        status,
        stream_alerts::{Over, over},
    },
};

/// A subscription says nothing to these clients but alerts.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// So many queues are kept that nobody takes from.
const COMPETITIONS: usize = 64;

/// `falco.outputs.service`.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Outputs {
    config: Config,
    delivery: Delivery,
    /// Of those who compete, by what they see; opened with the first call of each, and kept
    /// while nobody takes: what comes then is for the next.
    shared: Arc<Mutex<HashMap<String, Arc<Competition>>>>,
}

type Competition = OnceCell<SharedQueue>;

type Answer = Pin<Box<dyn Stream<Item = Result<outputs::Response, Status>> + Send>>;

/// A call of `get` that is being answered.
type Getting = (Alerts, Given, Over, Caller);

/// Where a call's alerts come from.
enum Alerts {
    Own(Box<Queue>),
    Shared(Arc<Competition>, Taker),
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
        let caller = Caller::of(request.extensions())?;
        let wanted = self.request("falco.outputs sub", &caller)?;
        caller.begin_stream()?;
        let alerts = self.alerts(wanted).await?;
        let over = over(&caller);
        let call = Some((alerts, request.into_inner(), over, caller));
        let answer = stream::unfold(call, |call| async {
            let (mut alerts, mut requests, mut over, caller) = call?;
            let next = tokio::select! {
                biased;
                end = &mut over => Err(status::session_over(end)),
                next = alerts.next() => Ok(next?),
                broken = discard(&mut requests) => Err(broken),
            };
            match next {
                Ok(next) => Some((Ok(next), Some((alerts, requests, over, caller)))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(answer)))
    }

    async fn get(&self, request: Request<outputs::Request>) -> Result<Response<Answer>, Status> {
        let caller = Caller::of(request.extensions())?;
        let given: Given = request.extensions().get().cloned().unwrap_or_default();
        let mut wanted = self.request("falco.outputs get", &caller)?;
        if let Some(position) = given.position() {
            wanted.start = Start::After(self.delivery.cursor(position));
        }
        let end = self.delivery.log().bounds().head;
        let alerts = self.alerts(wanted).await?;
        let call = Some((alerts, given, over(&caller), caller));
        let answer = stream::unfold(call, move |call| async move {
            let (mut alerts, given, mut over, caller): Getting = call?;
            let next = tokio::select! {
                biased;
                ended = &mut over => return Some((Err(status::session_over(ended)), None)),
                next = alerts.next_up_to(end) => next,
            };
            if next.is_none() {
                // Only now: who leaves in the middle has not got it all.
                given.moved_to(end);
            }
            Some((Ok(next?), Some((alerts, given, over, caller))))
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
            Sharing::Shared => self.competition(wanted).await,
        };
        opened.map_err(|error| status::not_opened(&error))
    }

    /// A place among those who see the same.
    async fn competition(&self, wanted: delivery::Request) -> Result<Alerts, OpenError> {
        let cell = self.cell(wanted.choice.sight());
        let shared = delivery::Request {
            label: "falco.outputs, the shared queue".to_owned(),
            peer: String::new(),
            identity: String::new(),
            ..wanted
        };
        let open = async || self.queue(shared).await.map(SharedQueue::new);
        let taker = cell.get_or_try_init(open).await?.taker();
        Ok(Alerts::Shared(cell, taker))
    }

    fn cell(&self, sight: &Sight) -> Arc<Competition> {
        let mut all = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= COMPETITIONS && !all.contains_key(sight.key()) {
            // Of policies that were.
            all.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
        Arc::clone(all.entry(sight.key().to_owned()).or_default())
    }

    async fn queue(&self, wanted: delivery::Request) -> Result<Queue, OpenError> {
        let responses = Responses {
            source_enum: self.config.source_enum,
        };
        Queue::open(&self.delivery, wanted, responses).await
    }

    fn request(&self, label: &str, caller: &Caller) -> Result<delivery::Request, Status> {
        let since = clock::now().checked_sub(self.config.backlog.0);
        Ok(delivery::Request {
            choice: caller.choice(Filter::all()),
            since: caller.since(),
            start: match since {
                Ok(since) if !self.config.backlog.0.is_zero() => Start::Since(since),
                _ => Start::Latest,
            },
            on_expired: OnExpired::Earliest,
            stop_at_head: false,
            // The log is the bound: nothing is lost before it has to be, and then told.
            overflow: Overflow::CatchUp,
            // They get the fields, and know of no view.
            view: caller.view(pb::AlertView::Full)?,
            batching: Batching::default(),
            heartbeat: HEARTBEAT,
            label: label.to_owned(),
            peer: caller.peer(),
            identity: caller.identity(),
        })
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
