use std::time::Duration;

use tonic::{Request, Response, Status};

use super::{caller::Caller, convert, frames, request, status};
use crate::{
    clock,
    delivery::{
        Batching, ConsumerStatus, Delivery, NewSubscription, PullRequest, Start,
        SubscriptionStatus, Subscriptions,
    },
    pb::{self, server::subscription_service_server::SubscriptionService, subscription_start},
};

/// How many alerts are pulled unasked.
const DEFAULT_PULL: usize = 100;

/// The longest that a pull may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// `falcogateway.v1.SubscriptionService`.
pub(super) struct DurableSubscriptions {
    pub(super) subscriptions: Subscriptions,
}

#[tonic::async_trait]
impl SubscriptionService for DurableSubscriptions {
    async fn create_subscription(
        &self,
        request: Request<pb::CreateSubscriptionRequest>,
    ) -> Result<Response<pb::CreateSubscriptionResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let request = request.into_inner();
        let key = caller.own_key(&request.name)?;
        let wanted = NewSubscription {
            choice: caller.choice(caller.filter(&request.filter)?),
            start: start(request.start, "start")?,
            since: caller.since(),
            most: caller.grant().quota.subscriptions,
        };
        let created = self.subscriptions.create(&key, wanted, clock::now());
        Ok(Response::new(pb::CreateSubscriptionResponse {
            subscription: Some(self.told(created.await, &caller)?),
        }))
    }

    async fn get_subscription(
        &self,
        request: Request<pb::GetSubscriptionRequest>,
    ) -> Result<Response<pb::GetSubscriptionResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let key = caller.any_key(&request.get_ref().name)?;
        let found = self.subscriptions.get(&key).await;
        Ok(Response::new(pb::GetSubscriptionResponse {
            subscription: Some(self.told(found, &caller)?),
        }))
    }

    async fn list_subscriptions(
        &self,
        request: Request<pb::ListSubscriptionsRequest>,
    ) -> Result<Response<pb::ListSubscriptionsResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let list = self.subscriptions.list().await;
        let seen = list
            .into_iter()
            .filter(|it| caller.sees_subscription(&it.name));
        Ok(Response::new(pb::ListSubscriptionsResponse {
            subscriptions: seen.map(|it| self.message(it, &caller)).collect(),
        }))
    }

    async fn update_subscription(
        &self,
        request: Request<pb::UpdateSubscriptionRequest>,
    ) -> Result<Response<pb::UpdateSubscriptionResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let request = request.into_inner();
        let paths = request.update_mask.unwrap_or_default().paths;
        if let Some(other) = paths.iter().find(|path| *path != "filter") {
            let message = format!("{other:?} cannot be changed: only \"filter\" can");
            return Err(status::bad_field("BAD_REQUEST", "update_mask", message));
        }
        let wanted = request.subscription.unwrap_or_default();
        let key = caller.own_key(&wanted.name)?;
        let filter = caller.filter(&wanted.filter)?;
        let updated = self.subscriptions.update(&key, filter, clock::now());
        Ok(Response::new(pb::UpdateSubscriptionResponse {
            subscription: Some(self.told(updated.await, &caller)?),
        }))
    }

    async fn delete_subscription(
        &self,
        request: Request<pb::DeleteSubscriptionRequest>,
    ) -> Result<Response<pb::DeleteSubscriptionResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let key = caller.any_key(&request.get_ref().name)?;
        let deleted = self.subscriptions.delete(&key).await;
        deleted.map_err(|error| status::subscription(&error))?;
        Ok(Response::new(pb::DeleteSubscriptionResponse {}))
    }

    async fn seek_subscription(
        &self,
        request: Request<pb::SeekSubscriptionRequest>,
    ) -> Result<Response<pb::SeekSubscriptionResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let request = request.into_inner();
        let key = caller.any_key(&request.name)?;
        let to = start(request.to, "to")?;
        let moved = self.subscriptions.seek(&key, to, caller.since());
        Ok(Response::new(pb::SeekSubscriptionResponse {
            subscription: Some(self.told(moved.await, &caller)?),
        }))
    }

    async fn pull_alerts(
        &self,
        request: Request<pb::PullAlertsRequest>,
    ) -> Result<Response<pb::PullAlertsResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let (key, wanted) = pull(request.get_ref(), &caller)?;
        let view = wanted.view;
        let pulled = self.subscriptions.pull(&key, wanted, clock::now()).await;
        let pulled = pulled.map_err(|error| status::subscription(&error))?;
        let delivery = self.delivery();
        let _delivering = frames::delivering(&pulled.entries, &key);
        Ok(Response::new(pb::PullAlertsResponse {
            records: frames::records(delivery, &pulled.entries, view),
            losses: pulled
                .losses
                .into_iter()
                .map(|loss| frames::loss(delivery, loss, caller.grant().sees_all()))
                .collect(),
            cursor: delivery.cursor(pulled.position).to_string(),
            epoch: pulled.epoch,
        }))
    }

    async fn acknowledge_alerts(
        &self,
        request: Request<pb::AcknowledgeAlertsRequest>,
    ) -> Result<Response<pb::AcknowledgeAlertsResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let request = request.into_inner();
        let key = caller.own_key(&request.name)?;
        let cursor = request::cursor(&request.cursor)?;
        let done = self.subscriptions.acknowledge(&key, cursor, request.epoch);
        let position = done.await.map_err(|error| status::subscription(&error))?;
        Ok(Response::new(pb::AcknowledgeAlertsResponse {
            cursor: self.delivery().cursor(position).to_string(),
        }))
    }
}

impl DurableSubscriptions {
    fn delivery(&self) -> &Delivery {
        self.subscriptions.delivery()
    }

    fn told(
        &self,
        status: Result<SubscriptionStatus, crate::delivery::SubscriptionError>,
        caller: &Caller,
    ) -> Result<pb::Subscription, Status> {
        status
            .map(|status| self.message(status, caller))
            .map_err(|error| status::subscription(&error))
    }

    fn message(&self, status: SubscriptionStatus, caller: &Caller) -> pb::Subscription {
        // It is the caller's that counts: an admin sees all that others are behind.
        let sees_counts = caller.grant().sees_counts();
        pb::Subscription {
            name: caller.name_of(&status.name),
            filter: status.filter.canonical().to_owned(),
            create_time: Some(convert::timestamp(status.created)),
            update_time: Some(convert::timestamp(status.updated)),
            cursor: self.delivery().cursor(status.position).to_string(),
            lag: sees_counts.then_some(status.lag),
            lag_since: status
                .lag_since
                .filter(|_| sees_counts)
                .map(convert::timestamp),
            retention_used: sees_counts.then_some(status.retention_used),
            lost: status.lost,
            consumer: status.consumer.map(consumer),
        }
    }
}

fn consumer(status: ConsumerStatus) -> pb::Consumer {
    pb::Consumer {
        label: status.label,
        peer: status.peer,
        since: Some(convert::timestamp(status.since)),
        epoch: status.epoch,
        outstanding: status.outstanding,
    }
}

fn start(start: Option<pb::SubscriptionStart>, field: &str) -> Result<Start, Status> {
    use subscription_start::Start as Wire;
    Ok(match start.and_then(|start| start.start) {
        None | Some(Wire::Latest(())) => Start::Latest,
        Some(Wire::Earliest(())) => Start::Earliest,
        Some(Wire::AfterCursor(text)) => Start::After(request::cursor(&text)?),
        Some(Wire::Since(time)) => {
            request::time(field, Some(time))?.map_or(Start::Latest, Start::Since)
        }
    })
}

fn pull(request: &pb::PullAlertsRequest, caller: &Caller) -> Result<(String, PullRequest), Status> {
    let wait = request.max_wait.map_or(Some(Duration::ZERO), convert::span);
    let wanted = PullRequest {
        max_alerts: request::bounded(
            "max_alerts",
            request.max_alerts,
            DEFAULT_PULL,
            Batching::MOST_ALERTS,
        )?,
        max_wait: wait.filter(|wait| *wait <= LONGEST_WAIT).ok_or_else(|| {
            let message = "max_wait must be between 0 and 60 seconds";
            status::bad_field("BAD_WINDOW", "max_wait", message)
        })?,
        view: caller.view(request.view())?,
        epoch: request.epoch,
        peer: caller.peer(),
        identity: caller.identity(),
    };
    Ok((caller.own_key(&request.name)?, wanted))
}
