use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{interval, sleep},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Subscriptions, held::Durable};
use crate::{log::Position, state::KeptSubscription};

/// How often it is looked how far subscriptions are behind.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long nothing is written after the disk has refused.
const PAUSE: Duration = Duration::from_secs(1);

/// How much of what the log keeps may be behind a subscription before that is told, in
/// percent; each once, until it is below again.
const TOLD_AT: [u32; 2] = [80, 50];

/// Writes what is not on disk, and warns of subscriptions that retention is about to
/// overtake, until it is finished. Nobody else writes.
#[derive(Debug)]
pub struct Keeper {
    task: JoinHandle<()>,
    end: DropGuard,
}

/// What became of a writing.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Why the disk refused.
    pub(super) refused: Option<String>,
}

/// What a writing is to write.
#[derive(Default)]
struct Work {
    kept: Vec<KeptSubscription>,
    deleted: Vec<String>,
    versions: Vec<(Arc<Durable>, u64, Position)>,
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
        let refused = write(&subscriptions).await.err();
        if let Some(refused) = &refused {
            if !was_refused {
                tracing::error!(refused, "subscriptions cannot be kept; trying again");
            }
            subscriptions.shared.dirty.notify_one();
        }
        was_refused = refused.is_some();
        subscriptions.shared.rounds.send_replace(Round { refused });
        if is_last {
            return;
        }
        if was_refused {
            sleep(PAUSE).await;
        }
    }
}

/// Writes all that is not on disk, in one transaction. What the disk refuses may be there
/// all the same, or not: it is written again.
async fn write(subscriptions: &Subscriptions) -> Result<(), String> {
    let Work {
        kept,
        deleted,
        versions,
    } = gather(subscriptions);
    if kept.is_empty() && deleted.is_empty() {
        return Ok(());
    }
    let (state, gone) = (subscriptions.shared.state.clone(), deleted.clone());
    match spawn_blocking(move || state.keep_subscriptions(&kept, &gone)).await {
        Ok(written) => written.map_err(|error| error.to_string())?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
    for (durable, version, position) in versions {
        durable.confirm(version, position);
    }
    let mut all = subscriptions.all();
    for name in deleted {
        all.deleted.remove(&name);
    }
    Ok(())
}

fn gather(subscriptions: &Subscriptions) -> Work {
    let all = subscriptions.all();
    let mut work = Work {
        deleted: all.deleted.iter().cloned().collect(),
        ..Work::default()
    };
    for durable in all.by_name.values() {
        durable.held().catch_up();
        if let Some((kept, version, position)) = durable.unkept() {
            work.kept.push(kept);
            work.versions.push((Arc::clone(durable), version, position));
        }
    }
    work
}

fn warn(subscriptions: &Subscriptions, told: &mut BTreeMap<String, u32>) {
    let durables: Vec<_> = subscriptions.all().by_name.values().cloned().collect();
    told.retain(|name, _| durables.iter().any(|durable| durable.name == *name));
    for durable in durables {
        let behind = subscriptions
            .delivery()
            .log()
            .behind(durable.held().acknowledged);
        let used = subscriptions.retention_used(behind);
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
