//! Durable subscriptions: a filter and a position that the gateway keeps.
//!
//! Only acknowledgements move the position. What was not acknowledged comes again
//! when the subscription is consumed anew, and only then: there is no timer. One
//! consumer at a time has it, and the newest wins; an *epoch*, which grows with each
//! consumer, tells a late one from the present one.
//!
//! Each subscription has a reader parked at what is acknowledged, which wants what
//! the subscription wants: so retention counts for it even while nobody consumes it.
//! One task, the [`Keeper`], writes whatever changes, all that is due at once.

mod consumer;
mod error;
mod held;
mod keeper;
mod lease;
mod losses;
mod pull;
mod status;
mod window;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};

pub use self::{
    consumer::{ConsumeRequest, Consumer},
    error::{SubscriptionError, checked_name, owner_of},
    keeper::Keeper,
    pull::{PullRequest, Pulled},
    status::{ConsumerStatus, SubscriptionStatus},
};
use self::{
    error::checked_key,
    held::Durable,
    keeper::Round,
    lease::{Epochs, Lease, Who},
    window::Window,
};
use super::{Choice, Delivery, OnExpired, OpenError, Start};
use crate::{
    filter::Filter,
    log::Position,
    policy::Sight,
    state::{State, StateError},
};

/// All durable subscriptions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    shared: Arc<Shared>,
}

/// What is here holds. The disk follows, by the keeper alone: so a change that somebody
/// does not wait for is not half done, and one that the disk refuses is tried again.
#[derive(Debug)]
struct Shared {
    delivery: Delivery,
    state: State,
    all: Mutex<All>,
    epochs: Epochs,
    /// Something is not on disk.
    dirty: Notify,
    /// What became of the last writing.
    rounds: watch::Sender<Round>,
}

#[derive(Debug, Default)]
struct All {
    by_name: BTreeMap<String, Arc<Durable>>,
    /// Those that are gone, and still on disk.
    deleted: BTreeSet<String>,
    /// Those that this version of the gateway cannot read. They keep their names until
    /// they are deleted.
    unreadable: BTreeSet<String>,
}

/// A subscription that is to be made.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// Which alerts, and what of them.
    pub choice: Choice,
    /// From where on.
    pub start: Start,
    /// Nothing that was received before this is to be had.
    pub since: Option<Timestamp>,
    /// How many its owner may have; none if that is not bounded.
    pub most: Option<usize>,
}

impl Subscriptions {
    /// Those that are kept in `state`, which see what `sight` says of their names.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn open(
        delivery: Delivery,
        state: State,
        sight: impl Fn(&str) -> Sight,
    ) -> Result<Self, StateError> {
        let mut all = All::default();
        for kept in state.subscriptions()? {
            match Durable::read(&kept, sight(&kept.name), &delivery) {
                Ok(durable) => {
                    all.by_name.insert(kept.name, Arc::new(durable));
                }
                Err(problem) => {
                    tracing::error!(
                        subscription = kept.name,
                        problem,
                        "a subscription cannot be read: delete it, or go back to the version of \
                         the gateway that made it"
                    );
                    all.unreadable.insert(kept.name);
                }
            }
        }
        Ok(Self {
            shared: Arc::new(Shared {
                all: Mutex::new(all),
                epochs: Epochs::new(&delivery),
                delivery,
                state,
                dirty: Notify::new(),
                rounds: watch::Sender::new(Round::default()),
            }),
        })
    }

    /// Begins to write what changes, until that is finished. To be called on a runtime.
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
        wanted: NewSubscription,
        now: Timestamp,
    ) -> Result<SubscriptionStatus, SubscriptionError> {
        let name = checked_key(name)?;
        let NewSubscription {
            choice,
            start,
            since,
            most,
        } = wanted;
        let position = self.resolve(start, &choice, since).await?;
        let durable = Durable::new(name, choice, position, now, self.delivery());
        let durable = Arc::new(durable);
        self.insert(Arc::clone(&durable), most)?;
        self.kept(&durable, 1).await?;
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
        let all: Vec<_> = self.all().by_name.values().cloned().collect();
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
        let (durable, changing) = self.change(name).await?;
        // What it lost so far, it lost under the filter it had.
        durable.collect_losses().await;
        durable.held().updated = now;
        let sight = durable.choice().sight().clone();
        let version = durable.choose(Choice::new(filter, sight));
        drop(changing);
        self.kept(&durable, version).await?;
        Ok(self.status(&durable).await)
    }

    /// Has each see what `sight` says of its name, if it says anything. Those that see
    /// something else than before end their consumers, who may come again.
    pub async fn show(&self, sight: impl Fn(&str) -> Option<Sight>) {
        let all: Vec<_> = self.all().by_name.values().cloned().collect();
        for durable in all {
            let choice = durable.choice();
            let Some(sight) = sight(&durable.name).filter(|sight| sight != choice.sight()) else {
                continue;
            };
            let _changing = durable.begin_change().await;
            durable.collect_losses().await;
            durable.choose(Choice::new(durable.choice().filter().clone(), sight));
        }
        self.shared.dirty.notify_one();
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
        since: Option<Timestamp>,
    ) -> Result<SubscriptionStatus, SubscriptionError> {
        let (durable, changing) = self.change(name).await?;
        let position = self.resolve(to, &durable.choice(), since).await?;
        let version = durable.move_to(position);
        drop(changing);
        self.kept(&durable, version).await?;
        Ok(self.status(&durable).await)
    }

    /// Deletes it. Whoever consumes it is told.
    ///
    /// # Errors
    /// When there is none, or the disk refuses.
    pub async fn delete(&self, name: &str) -> Result<(), SubscriptionError> {
        {
            let mut all = self.all();
            match all.by_name.remove(name) {
                Some(durable) => durable.delete(),
                None if all.unreadable.remove(name) => {}
                None => return Err(SubscriptionError::not_found(name)),
            }
            all.deleted.insert(name.to_owned());
        }
        self.written(|| !self.all().deleted.contains(name)).await
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
        let lease = self.take_over(name, who, request.window()).await?;
        Consumer::open(self.clone(), lease, request, now).await
    }

    /// Ends whatever consumer it has and begins the next epoch.
    async fn take_over(
        &self,
        name: &str,
        who: Who,
        window: Window,
    ) -> Result<Lease, SubscriptionError> {
        let (durable, _changing) = self.change(name).await?;
        // Before the present one is turned away for one that has no place.
        if !self.delivery().has_room() {
            let most = self.delivery().config().max_streams;
            return Err(OpenError::TooManyStreams(most).into());
        }
        durable.collect_losses().await;
        Ok(durable.lease(who, window, &self.shared.epochs))
    }

    /// The subscription called `name`, which is the caller's to change.
    async fn change(
        &self,
        name: &str,
    ) -> Result<(Arc<Durable>, Option<OwnedSemaphorePermit>), SubscriptionError> {
        let durable = self.find(name)?;
        let changing = durable.begin_change().await;
        // It may have been deleted meanwhile, and another one made.
        if !Arc::ptr_eq(&self.find(name)?, &durable) {
            return Err(SubscriptionError::not_found(name));
        }
        Ok((durable, changing))
    }

    /// Waits until `durable` is on disk as it was at `version`.
    async fn kept(&self, durable: &Durable, version: u64) -> Result<(), SubscriptionError> {
        self.written(|| durable.is_kept(version)).await
    }

    /// Waits until `is_done`, or the disk refuses.
    async fn written(&self, is_done: impl Fn() -> bool) -> Result<(), SubscriptionError> {
        let mut rounds = self.shared.rounds.subscribe();
        self.shared.dirty.notify_one();
        loop {
            if is_done() {
                return Ok(());
            }
            // Its sender is here.
            let _ = rounds.changed().await;
            let refused = rounds.borrow_and_update().refused.clone();
            if let Some(refused) = refused.filter(|_| !is_done()) {
                return Err(SubscriptionError::Unwritable(refused));
            }
        }
    }

    async fn resolve(
        &self,
        start: Start,
        choice: &Choice,
        since: Option<Timestamp>,
    ) -> Result<Position, SubscriptionError> {
        let delivery = self.delivery();
        let origin = delivery.resolve(start, OnExpired::Fail, choice, since);
        Ok(origin.await?.after)
    }

    /// Takes it in, unless there are too many, or more than `most_of_owner` of its owner.
    fn insert(
        &self,
        durable: Arc<Durable>,
        most_of_owner: Option<usize>,
    ) -> Result<(), SubscriptionError> {
        let most = self.delivery().config().max_subscriptions;
        let mut all = self.all();
        let name = &durable.name;
        if all.by_name.contains_key(name) || all.unreadable.contains(name) {
            return Err(SubscriptionError::Exists(name.clone()));
        }
        if all.by_name.len() >= most {
            return Err(SubscriptionError::TooMany(most));
        }
        let owner = owner_of(name);
        let names = all.by_name.keys();
        let owned = names.filter(|name| owner_of(name) == owner).count();
        if let Some(most) = most_of_owner.filter(|most| owned >= *most) {
            return Err(SubscriptionError::TooMany(most));
        }
        all.by_name.insert(name.clone(), durable);
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Arc<Durable>, SubscriptionError> {
        let found = self.all().by_name.get(name).cloned();
        found.ok_or_else(|| SubscriptionError::not_found(name))
    }

    /// What they stand on.
    pub fn delivery(&self) -> &Delivery {
        &self.shared.delivery
    }

    fn all(&self) -> MutexGuard<'_, All> {
        let all = &self.shared.all;
        all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
