//! The durable subscription that a bridge stands on.

use std::time::Duration;

use tokio::time::sleep;
use tonic::Code;

use super::config::{Config, Start};
use crate::{
    client::{Connection, Consumer, Error},
    filter::Filter,
    pb::{self, subscription_service_client::SubscriptionServiceClient, subscription_start},
};

/// How often it is looked whether the one that took the subscription over has left.
const STANDBY_INTERVAL: Duration = Duration::from_secs(2);

/// How many alerts are with the bridge beside those that it sends.
const BATCHES_AHEAD: usize = 2;

/// Consumes the bridge's subscription, which is made, and given the bridge's filter, if
/// need be.
pub(super) async fn open(channel: Connection, config: &Config) -> Result<Consumer, Error> {
    let name = config.subscription();
    let mut client = SubscriptionServiceClient::new(channel.clone());
    let there = client
        .get_subscription(pb::GetSubscriptionRequest {
            name: name.to_owned(),
        })
        .await;
    match there {
        Ok(there) => {
            let there = there.into_inner().subscription.unwrap_or_default();
            if !is_same(&there.filter, &config.filter) {
                client.update_subscription(update(config)).await?;
            }
        }
        Err(status) if status.code() == Code::NotFound => {
            client.create_subscription(create(config)).await?;
        }
        Err(status) => return Err(status.into()),
    }
    Ok(Consumer::new(channel, consume(config)))
}

/// Waits until nobody consumes the subscription.
pub(super) async fn wait_until_free(channel: Connection, config: &Config) {
    let mut client = SubscriptionServiceClient::new(channel);
    loop {
        sleep(STANDBY_INTERVAL).await;
        let name = config.subscription().to_owned();
        let there = client
            .get_subscription(pb::GetSubscriptionRequest { name })
            .await;
        let consumer = there.map(|it| it.into_inner().subscription.and_then(|it| it.consumer));
        if let Ok(None) = consumer {
            return;
        }
    }
}

/// Whether two texts are the same filter.
fn is_same(canonical: &str, text: &str) -> bool {
    Filter::parse(text).is_ok_and(|filter| filter.canonical() == canonical)
}

fn create(config: &Config) -> pb::CreateSubscriptionRequest {
    let start = match config.start {
        Start::Earliest => subscription_start::Start::Earliest(()),
        Start::Latest => subscription_start::Start::Latest(()),
    };
    pb::CreateSubscriptionRequest {
        name: config.subscription().to_owned(),
        filter: config.filter.clone(),
        start: Some(pb::SubscriptionStart { start: Some(start) }),
    }
}

fn update(config: &Config) -> pb::UpdateSubscriptionRequest {
    let subscription = pb::Subscription {
        name: config.subscription().to_owned(),
        filter: config.filter.clone(),
        ..pb::Subscription::default()
    };
    pb::UpdateSubscriptionRequest {
        subscription: Some(subscription),
        update_mask: None,
    }
}

fn consume(config: &Config) -> pb::ConsumeOpen {
    let alerts = config.batch.alerts * BATCHES_AHEAD;
    pb::ConsumeOpen {
        name: config.subscription().to_owned(),
        window_alerts: u32::try_from(alerts).unwrap_or(u32::MAX),
        window_bytes: config.batch.bytes.0 * BATCHES_AHEAD as u64,
        client_label: format!("bridge {}", config.name),
        ..pb::ConsumeOpen::default()
    }
}
