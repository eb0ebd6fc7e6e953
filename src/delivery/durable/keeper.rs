use std::{collections::BTreeMap, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{interval, sleep},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Subscriptions, on_disk};

/// How often it is looked how far subscriptions are behind.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long nothing is written after the disk has refused.
const PAUSE: Duration = Duration::from_secs(1);

/// How much of what the log keeps may be behind a subscription before that is told, in
/// percent; each once, until it is below again.
const TOLD_AT: [u32; 2] = [80, 50];

/// Writes what is acknowledged, and warns of subscriptions that retention is about to
/// overtake, until it is finished.
#[derive(Debug)]
pub struct Keeper {
    task: JoinHandle<()>,
    end: DropGuard,
}

impl Keeper {
    pub(super) fn start(subscriptions: Subscriptions) -> Self {
        let end = CancellationToken::new();
        let task = tokio::spawn(run(subscriptions, end.clone()));
        Self {
            task,
            end: end.drop_guard(),
        }
    }

    /// Writes what is still to be written. Consumers should have left.
    pub async fn finish(self) {
        drop(self.end);
        // Its panics were told where they happened.
        let _ = self.task.await;
    }
}

async fn run(subscriptions: Subscriptions, end: CancellationToken) {
    let mut looks = interval(LOOK_EVERY);
    let mut told = BTreeMap::new();
    let mut was_refused = false;
    loop {
        tokio::select! {
            () = subscriptions.shared.dirty.notified() => {}
            _ = looks.tick() => warn(&subscriptions, &mut told),
            () = end.cancelled() => {}
        }
        let is_last = end.is_cancelled();
        match keep(&subscriptions).await {
            Ok(()) => was_refused = false,
            Err(error) => {
                if !was_refused {
                    tracing::error!(%error, "acknowledgements cannot be kept; trying again");
                }
                was_refused = true;
                subscriptions.shared.dirty.notify_one();
                if !is_last {
                    sleep(PAUSE).await;
                }
            }
        }
        if is_last {
            return;
        }
    }
}

/// Writes all acknowledgements that are not on disk, in one transaction.
async fn keep(subscriptions: &Subscriptions) -> Result<(), super::SubscriptionError> {
    let _writing = subscriptions.writing().await;
    let durables: Vec<_> = subscriptions.all().values().cloned().collect();
    let mut all = Vec::new();
    let mut positions = Vec::new();
    for durable in durables {
        durable.held().catch_up();
        if let Some((kept, position)) = durable.unkept() {
            all.push(kept);
            positions.push((durable, position));
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let state = subscriptions.shared.state.clone();
    on_disk(move || state.keep_subscriptions(&all)).await?;
    for (durable, position) in positions {
        durable.confirm(position);
    }
    Ok(())
}

fn warn(subscriptions: &Subscriptions, told: &mut BTreeMap<String, u32>) {
    let durables: Vec<_> = subscriptions.all().values().cloned().collect();
    told.retain(|name, _| durables.iter().any(|durable| durable.name == *name));
    for durable in durables {
        let used = subscriptions.retention_used(durable.held().acknowledged);
        let level = TOLD_AT
            .into_iter()
            .find(|percent| used >= f64::from(*percent) / 100.0)
            .unwrap_or_default();
        let before = told.insert(durable.name.clone(), level).unwrap_or_default();
        if level > before {
            tracing::warn!(
                subscription = durable.name,
                "{level} % of what the log keeps is not acknowledged: beyond 100 % alerts are lost \
                 to this subscription. Its consumer is too slow or away; `falco-gateway \
                 subscription show` tells"
            );
        }
    }
}
