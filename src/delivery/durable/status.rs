use std::sync::Arc;

use jiff::Timestamp;

use super::{Subscriptions, held::Durable};
use crate::{
    clock,
    filter::Filter,
    log::{Behind, Position},
};

/// A durable subscription, as operators see it.
#[derive(Debug, Clone)]
pub struct SubscriptionStatus {
    /// Its name.
    pub name: String,
    /// What it wants.
    pub filter: Filter,
    /// Whether it sees all: what is counted over all alerts tells its owner nothing new.
    pub sees_all: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When its filter was changed.
    pub updated: Timestamp,
    /// What is acknowledged, on disk.
    pub position: Position,
    /// How many alerts of the log come after that, matching or not.
    pub lag: u64,
    /// The receive time of the first of them; none when there are none.
    pub lag_since: Option<Timestamp>,
    /// How much of what the log keeps comes after that: at 1 retention takes it.
    pub retention_used: f64,
    /// Alerts that retention took before they were acknowledged.
    pub lost: u64,
    /// Who consumes it.
    pub consumer: Option<ConsumerStatus>,
}

/// Who consumes a durable subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// The client's name for itself.
    pub label: String,
    /// The client's address.
    pub peer: String,
    /// Since when.
    pub since: Timestamp,
    /// Its epoch.
    pub epoch: u64,
    /// Alerts that it was given and has not acknowledged.
    pub outstanding: u64,
}

impl Subscriptions {
    pub(super) async fn status(&self, durable: &Arc<Durable>) -> SubscriptionStatus {
        durable.look_for_losses().await;
        let position = durable.confirmed();
        let log = self.delivery().log();
        let first = log.range(position, log.bounds().head, 1).await;
        let behind = log.behind(position);
        let held = durable.held();
        SubscriptionStatus {
            name: durable.name.clone(),
            filter: held.choice.filter().clone(),
            sees_all: held.choice.sees_all(),
            created: held.created,
            updated: held.updated,
            position,
            lag: behind.alerts,
            lag_since: first.first().map(|entry| entry.receive_time),
            retention_used: self.retention_used(behind),
            lost: held.losses.count(),
            consumer: held.consumer.as_ref().map(|consumer| ConsumerStatus {
                label: consumer.who.label.clone(),
                peer: consumer.who.peer.clone(),
                since: consumer.who.since,
                epoch: consumer.epoch,
                outstanding: consumer.window.len() as u64,
            }),
        }
    }

    /// How much of what the log keeps `behind` is, by bytes or age.
    pub(super) fn retention_used(&self, behind: Behind) -> f64 {
        let config = self.delivery().log().config();
        let by_bytes = behind.bytes as f64 / config.retention_bytes.0.max(1) as f64;
        let age = behind.since.map_or(0.0, |since| {
            clock::now().duration_since(since).as_secs_f64()
        });
        let by_age = age / config.retention_age.0.as_secs_f64().max(1.0);
        if behind.alerts == 0 {
            return 0.0;
        }
        by_bytes.max(by_age).clamp(0.0, 1.0)
    }
}
