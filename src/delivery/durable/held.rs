use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::{
    super::{Choice, Cursor, CursorError, Delivery},
    SubscriptionError,
    lease::{Consuming, End, Epochs, Given, GoingOn, Lease, Who},
    losses::Losses,
    window::Window,
};
use crate::{
    filter::Filter,
    log::{Position, Reader},
    policy::Sight,
    state::KeptSubscription,
};

/// One durable subscription. What is here holds; the disk follows.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) name: String,
    delivery: Delivery,
    /// Whoever changes it, or has its parked reader read: one at a time.
    changing: Arc<Semaphore>,
    held: Mutex<Held>,
    /// What is acknowledged, on disk.
    confirmed: watch::Sender<Position>,
    /// Something is on disk, or a consumer's time is over.
    moved: Notify,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) choice: Choice,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) acknowledged: Position,
    /// Grows with everything that is to be kept.
    version: u64,
    kept_version: u64,
    /// At what is acknowledged, or at the log's start behind what is lost. None while
    /// it is being read.
    parked: Option<Reader>,
    pub(super) losses: Losses,
    pub(super) consumer: Option<Consuming>,
}

impl Durable {
    /// A new one, which is not kept yet.
    pub(super) fn new(
        name: &str,
        choice: Choice,
        position: Position,
        now: Timestamp,
        delivery: &Delivery,
    ) -> Self {
        Self::of(name, (choice, now, now), position, 1, delivery)
    }

    /// One that was kept.
    pub(super) fn read(
        kept: &KeptSubscription,
        sight: Sight,
        delivery: &Delivery,
    ) -> Result<Self, String> {
        let filter = Filter::parse(&kept.filter).map_err(|problem| problem.to_string())?;
        let cursor: Cursor = kept
            .acknowledged
            .parse()
            .map_err(|error: CursorError| error.to_string())?;
        // A log that was begun anew has nothing of it.
        let position = cursor.position_in(delivery.log()).unwrap_or_default();
        let time = |nanoseconds| {
            let time = Timestamp::from_nanosecond(i128::from(nanoseconds));
            time.map_err(|error| error.to_string())
        };
        let about = (
            Choice::new(filter, sight),
            time(kept.created)?,
            time(kept.updated)?,
        );
        Ok(Self::of(&kept.name, about, position, 0, delivery))
    }

    fn of(
        name: &str,
        (choice, created, updated): (Choice, Timestamp, Timestamp),
        position: Position,
        version: u64,
        delivery: &Delivery,
    ) -> Self {
        let held = Held {
            parked: Some(delivery.log().reader(position, choice.witness())),
            choice,
            created,
            updated,
            acknowledged: position,
            version,
            kept_version: 0,
            losses: Losses::beginning_at(position),
            consumer: None,
        };
        Self {
            name: name.to_owned(),
            delivery: delivery.clone(),
            changing: Arc::new(Semaphore::new(1)),
            confirmed: watch::Sender::new(position),
            held: Mutex::new(held),
            moved: Notify::new(),
        }
    }

    /// As it is to be kept, with its version, if it is not on disk as it is.
    pub(super) fn unkept(&self) -> Option<(KeptSubscription, u64, Position)> {
        let held = self.held();
        if held.version == held.kept_version {
            return None;
        }
        let kept = KeptSubscription {
            name: self.name.clone(),
            filter: held.choice.filter().canonical().to_owned(),
            created: nanoseconds(held.created),
            updated: nanoseconds(held.updated),
            acknowledged: self.delivery.cursor(held.acknowledged).to_string(),
        };
        Some((kept, held.version, held.acknowledged))
    }

    /// It is on disk as it was at `version`, with everything up to `position`.
    pub(super) fn confirm(&self, version: u64, position: Position) {
        self.held().kept_version = version;
        self.confirmed.send_replace(position);
        self.moved.notify_waiters();
    }

    /// What is acknowledged, on disk.
    pub(super) fn confirmed(&self) -> Position {
        *self.confirmed.borrow()
    }

    /// Whether it is on disk as it was at `version`.
    pub(super) fn is_kept(&self, version: u64) -> bool {
        self.held().kept_version >= version
    }

    /// Waits until it is the caller's to change.
    pub(super) async fn begin_change(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.changing).acquire_owned().await.ok()
    }

    /// Takes note of what retention has taken, unless somebody is at it.
    pub(super) async fn look_for_losses(&self) {
        if let Ok(_changing) = self.changing.try_acquire() {
            self.collect_losses().await;
        }
    }

    /// Takes note of what retention has taken. Only within a change.
    pub(super) async fn collect_losses(&self) {
        let mut borrowed = Borrowed {
            reader: self.held().parked.take(),
            durable: self,
        };
        if let Some(parked) = &mut borrowed.reader
            && let Some(lost) = parked.lost().await
        {
            let mut held = self.held();
            let acknowledged = held.acknowledged;
            if !held.losses.add(lost, acknowledged) && lost.through > acknowledged {
                // Nothing in the gap was for it, and so nothing is to be acknowledged.
                held.acknowledge(lost.through);
            }
        }
    }

    /// What it wants.
    pub(super) fn choice(&self) -> Choice {
        self.held().choice.clone()
    }

    /// Begins the next epoch, for `who` with this window.
    pub(super) fn lease(self: &Arc<Self>, who: Who, window: Window, epochs: &Epochs) -> Lease {
        let epoch = epochs.next();
        let mut held = self.held();
        held.end_consumer(End::Superseded(who.to_string()));
        let (end, ended) = watch::channel(None);
        held.consumer = Some(Consuming {
            who,
            epoch,
            window,
            delivered: held.next_start(),
            end,
        });
        let going = held.going_on();
        drop(held);
        self.moved.notify_waiters();
        Lease {
            durable: Arc::clone(self),
            epoch,
            going,
            end: ended,
            confirmed: self.confirmed.subscribe(),
        }
    }

    /// How the consumer of `epoch` goes on; all that was outstanding comes again.
    pub(super) fn again(&self, epoch: u64) -> Result<GoingOn, SubscriptionError> {
        let mut held = self.held();
        held.check(epoch)?.window.clear();
        Ok(held.going_on())
    }

    /// It has another choice from now on. Returns the version that has it.
    pub(super) fn choose(&self, choice: Choice) -> u64 {
        let mut held = self.held();
        held.end_consumer(End::Changed);
        held.version += 1;
        let (log, start) = (self.delivery.log(), held.next_start());
        held.losses.begin_at(start);
        held.parked = Some(log.reader(start, choice.witness()));
        held.choice = choice;
        self.moved.notify_waiters();
        held.version
    }

    /// It is at another position from now on. Returns the version that has it.
    pub(super) fn move_to(&self, position: Position) -> u64 {
        let mut held = self.held();
        held.end_consumer(End::Changed);
        held.losses.clear();
        held.losses.begin_at(position);
        held.acknowledged = position;
        held.version += 1;
        held.parked = Some(self.delivery.log().reader(position, held.choice.witness()));
        self.moved.notify_waiters();
        held.version
    }

    /// The consumer of `epoch` is given these, and everything up to `position` with
    /// them.
    pub(super) fn give(
        &self,
        epoch: u64,
        position: Position,
        given: impl IntoIterator<Item = Given>,
    ) -> Result<(), SubscriptionError> {
        let mut held = self.held();
        let consumer = held.check(epoch)?;
        consumer.delivered = consumer.delivered.max(position);
        for one in given {
            match one {
                Given::Alert(position, bytes) => consumer.window.push(position, bytes),
                Given::Loss(loss) => consumer.window.push_gap(loss.through, loss.lost),
            }
        }
        if consumer.window.is_empty() {
            // Nothing is outstanding, so there is nothing to wait for.
            held.acknowledge(position);
        }
        Ok(())
    }

    /// Whether the consumer of `epoch` may be given more.
    pub(super) fn has_room(&self, epoch: u64) -> bool {
        let mut held = self.held();
        held.check(epoch).is_ok_and(|it| it.window.has_room())
    }

    /// The consumer of `epoch` has dealt with everything up to `position`.
    pub(super) fn acknowledge(
        &self,
        epoch: u64,
        position: Position,
    ) -> Result<(), SubscriptionError> {
        let mut held = self.held();
        if position > held.check(epoch)?.delivered {
            return Err(SubscriptionError::NotDelivered);
        }
        held.acknowledge(position);
        Ok(())
    }

    /// The consumer of `epoch` leaves.
    pub(super) fn leave(&self, epoch: u64) {
        self.held().consumer.take_if(|it| it.epoch == epoch);
        self.moved.notify_waiters();
    }

    /// Nobody is to find it any more.
    pub(super) fn delete(&self) {
        self.held().end_consumer(End::Deleted);
        self.moved.notify_waiters();
    }

    /// Waits until the consumer of `epoch` has it no more, and says why.
    pub(super) async fn over(&self, epoch: u64) -> SubscriptionError {
        loop {
            let moved = self.moved.notified();
            if let Err(over) = self.held().check(epoch).map(|_| ()) {
                return over;
            }
            moved.await;
        }
    }

    /// Waits until everything up to `position` is on disk, as the consumer of `epoch`
    /// has acknowledged it.
    pub(super) async fn kept_up_to(
        &self,
        epoch: u64,
        position: Position,
    ) -> Result<Position, SubscriptionError> {
        loop {
            let moved = self.moved.notified();
            let confirmed = self.confirmed();
            if confirmed >= position {
                return Ok(confirmed);
            }
            self.held().check(epoch)?;
            moved.await;
        }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The consumer, if `epoch` is its.
    pub(super) fn check(&mut self, epoch: u64) -> Result<&mut Consuming, SubscriptionError> {
        let present = match &self.consumer {
            Some(consumer) => format!("{} consumes it now", consumer.who),
            None => "it was changed, or the gateway was restarted".to_owned(),
        };
        self.consumer
            .as_mut()
            .filter(|consumer| consumer.epoch == epoch)
            .ok_or(SubscriptionError::Superseded(present))
    }

    fn going_on(&self) -> GoingOn {
        GoingOn {
            choice: self.choice.clone(),
            start: self.next_start(),
            losses: self.losses.pieces().to_vec(),
        }
    }

    /// Where a consumer goes on: what is lost it is told, and cannot be given.
    fn next_start(&self) -> Position {
        self.acknowledged.max(self.losses.through())
    }

    fn acknowledge(&mut self, position: Position) {
        if position <= self.acknowledged {
            return;
        }
        self.acknowledged = position;
        self.version += 1;
        let consumer = self.consumer.as_mut();
        let done = consumer.map(|consumer| consumer.window.acknowledge(position));
        self.losses.acknowledge(position, &done.unwrap_or_default());
        self.catch_up();
    }

    /// The parked reader need not count what is acknowledged. While retention counts, it
    /// stays where it is, and the keeper tries again.
    pub(super) fn catch_up(&mut self) {
        let start = self.next_start();
        if let Some(parked) = &mut self.parked
            && parked.pass(start)
        {
            self.losses.begin_at(start);
        }
    }

    fn end_consumer(&mut self, end: End) {
        if let Some(consumer) = self.consumer.take() {
            consumer.end.send_replace(Some(end));
        }
    }
}

/// The parked reader while it is read; put back whatever becomes of the reading.
struct Borrowed<'a> {
    durable: &'a Durable,
    reader: Option<Reader>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut held = self.durable.held();
        held.parked = self.reader.take();
        held.catch_up();
    }
}

/// As it is kept; times of the years before 1678 and after 2261 are cut.
fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}
