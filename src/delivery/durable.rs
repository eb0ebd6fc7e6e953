//! Durable subscriptions: a filter and a position that the gateway keeps.
//!
//! Only acknowledgements move the position. What was not acknowledged comes again
//! when the subscription is consumed anew, and only then: there is no timer. One
//! consumer at a time has it, and the newest wins; an *epoch*, which grows with each
//! consumer, tells a late one from the present one.
//!
//! Each subscription has a reader parked at what is acknowledged, which wants what
//! the subscription wants: so retention counts for it even while nobody consumes it.
//! Acknowledgements are written together by one task, the [`Keeper`].

mod consumer;
mod error;
mod held;
mod keeper;
mod pull;
mod status;
mod window;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

pub use self::{
    consumer::{ConsumeRequest, Consumer},
    error::SubscriptionError,
    keeper::Keeper,
    pull::{PullRequest, Pulled},
    status::{ConsumerStatus, SubscriptionStatus},
};
use self::{
    error::checked_name,
    held::{Durable, End, Lease, Who},
};
use super::{Delivery, OnExpired, Start};
use crate::{
    filter::Filter,
    log::Position,
    state::{KeptSubscription, State, StateError},
};

/// All durable subscriptions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    delivery: Delivery,
    state: State,
    all: Mutex<BTreeMap<String, Arc<Durable>>>,
    /// Who writes to the state: what is written must not be older than what was.
    writing: Semaphore,
    /// Something was acknowledged and is not on disk.
    dirty: Notify,
}

impl Subscriptions {
    /// Those that are kept in `state`.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn open(delivery: Delivery, state: State) -> Result<Self, StateError> {
        let kept = state.subscriptions()?;
        let durables = kept.into_iter().filter_map(|kept| {
            let name = kept.name.clone();
            match Durable::read(kept, &delivery) {
                Ok(durable) => Some((name, Arc::new(durable))),
                Err(problem) => {
                    tracing::error!(
                        subscription = name,
                        problem,
                        "a subscription cannot be read"
                    );
                    None
                }
            }
        });
        Ok(Self {
            shared: Arc::new(Shared {
                all: Mutex::new(durables.collect()),
                delivery,
                state,
                writing: Semaphore::new(1),
                dirty: Notify::new(),
            }),
        })
    }

    /// Begins to keep what is acknowledged, until that is finished. To be called on a
    /// runtime.
    pub fn keep(&self) -> Keeper {
        Keeper::start(self.clone())
    }

    /// Makes a subscription.
    ///
    /// # Errors
    /// When the name is taken or none, the start cannot be honoured, there are too many,
    /// or the disk refuses.
    pub async fn create(
        &self,
        name: &str,
        filter: Filter,
        start: Start,
        now: Timestamp,
    ) -> Result<SubscriptionStatus, SubscriptionError> {
        let name = checked_name(name)?;
        let position = self.resolve(start, &filter).await?;
        let durable = Durable::new(name, filter, position, now, self.delivery());
        let writing = self.writing().await;
        self.check_room(name)?;
        writing.keep(durable.kept()).await?;
        let durable = Arc::new(durable);
        self.all().insert(name.to_owned(), Arc::clone(&durable));
        drop(writing);
        Ok(self.status(&durable).await)
    }

    /// The subscription called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, name: &str) -> Result<SubscriptionStatus, SubscriptionError> {
        let durable = self.find(name)?;
        Ok(self.status(&durable).await)
    }

    /// All of them, by name.
    pub async fn list(&self) -> Vec<SubscriptionStatus> {
        let all: Vec<_> = self.all().values().cloned().collect();
        let mut list = Vec::with_capacity(all.len());
        for durable in all {
            list.push(self.status(&durable).await);
        }
        list
    }

    /// Gives it another filter; its position stays.
    ///
    /// # Errors
    /// When there is none, or the disk refuses.
    pub async fn update(
        &self,
        name: &str,
        filter: Filter,
        now: Timestamp,
    ) -> Result<SubscriptionStatus, SubscriptionError> {
        let durable = self.find(name)?;
        let change = durable.begin_change().await;
        // What it lost so far, it lost under the filter it had.
        durable.collect_losses().await;
        let writing = self.writing().await;
        let kept = KeptSubscription {
            filter: filter.canonical().to_owned(),
            updated: held::nanoseconds(now),
            ..durable.kept()
        };
        writing.keep(kept).await?;
        durable.refilter(filter, now, self.delivery());
        drop((writing, change));
        Ok(self.status(&durable).await)
    }

    /// Moves its position, back or on. What it had lost and was not told of is
    /// forgotten.
    ///
    /// # Errors
    /// When there is none, the start cannot be honoured, or the disk refuses.
    pub async fn seek(
        &self,
        name: &str,
        to: Start,
    ) -> Result<SubscriptionStatus, SubscriptionError> {
        let durable = self.find(name)?;
        let change = durable.begin_change().await;
        let position = self.resolve(to, &durable.filter()).await?;
        let writing = self.writing().await;
        let kept = KeptSubscription {
            acknowledged: self.delivery().cursor(position).to_string(),
            ..durable.kept()
        };
        writing.keep(kept).await?;
        durable.move_to(position, self.delivery());
        drop((writing, change));
        Ok(self.status(&durable).await)
    }

    /// Deletes it. Whoever consumes it is told.
    ///
    /// # Errors
    /// When there is none, or the disk refuses.
    pub async fn delete(&self, name: &str) -> Result<(), SubscriptionError> {
        let durable = self.find(name)?;
        let _change = durable.begin_change().await;
        let _writing = self.writing().await;
        let (state, owned) = (self.shared.state.clone(), name.to_owned());
        on_disk(move || state.drop_subscription(&owned)).await?;
        self.all().remove(name);
        durable.end_consumer(End::Deleted);
        Ok(())
    }

    /// Takes the subscription over.
    ///
    /// # Errors
    /// When there is none, or the gateway takes no more streams.
    pub async fn consume(
        &self,
        name: &str,
        request: ConsumeRequest,
        now: Timestamp,
    ) -> Result<Consumer, SubscriptionError> {
        let who = Who {
            label: request.label.clone(),
            peer: request.peer.clone(),
            since: now,
        };
        let lease = self.take_over(name, who).await?;
        Consumer::open(self.clone(), lease, request, now).await
    }

    /// Ends whatever consumer it has and begins the next epoch.
    async fn take_over(&self, name: &str, who: Who) -> Result<Lease, SubscriptionError> {
        let durable = self.find(name)?;
        let change = durable.begin_change().await;
        durable.collect_losses().await;
        let lease = durable.lease(who);
        drop(change);
        Ok(lease)
    }

    async fn resolve(&self, start: Start, filter: &Filter) -> Result<Position, SubscriptionError> {
        let origin = self.delivery().resolve(start, OnExpired::Fail, filter);
        Ok(origin.await?.after)
    }

    fn check_room(&self, name: &str) -> Result<(), SubscriptionError> {
        let all = self.all();
        let most = self.delivery().config().max_subscriptions;
        if all.contains_key(name) {
            return Err(SubscriptionError::Exists(name.to_owned()));
        }
        if all.len() >= most {
            return Err(SubscriptionError::TooMany(most));
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Arc<Durable>, SubscriptionError> {
        let found = self.all().get(name).cloned();
        found.ok_or_else(|| SubscriptionError::NotFound(name.to_owned()))
    }

    /// What they stand on.
    pub fn delivery(&self) -> &Delivery {
        &self.shared.delivery
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Durable>>> {
        self.shared
            .all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn writing(&self) -> Writing<'_> {
        Writing {
            state: &self.shared.state,
            // It is never closed.
            _permit: self.shared.writing.acquire().await.ok(),
        }
    }
}

/// Nobody else writes subscriptions to the state meanwhile.
struct Writing<'a> {
    state: &'a State,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Writing<'_> {
    async fn keep(&self, kept: KeptSubscription) -> Result<(), SubscriptionError> {
        let state = self.state.clone();
        on_disk(move || state.keep_subscriptions(&[kept])).await
    }
}

async fn on_disk<F>(work: F) -> Result<(), SubscriptionError>
where
    F: FnOnce() -> Result<(), StateError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| SubscriptionError::Unwritable(error.to_string())),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

#[cfg(test)]
mod tests;
