use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::{
    super::{Cursor, Delivery, Loss, LossCause, subscription::witness},
    SubscriptionError,
};
use crate::{
    filter::Filter,
    log::{Lost, Position, Reader},
    state::KeptSubscription,
};

/// One durable subscription.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) name: String,
    delivery: Delivery,
    /// Whoever changes it, or has its parked reader read: one at a time.
    changing: Semaphore,
    held: Mutex<Held>,
    /// What is acknowledged, on disk.
    confirmed: watch::Sender<Position>,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) filter: Filter,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) acknowledged: Position,
    pub(super) epoch: u64,
    /// At what is acknowledged, or at the log's start behind what is lost. None while
    /// it is being read.
    parked: Option<Reader>,
    /// What retention took before it was acknowledged, until that is.
    pub(super) lost: Option<Loss>,
    pub(super) consumer: Option<Consuming>,
}

/// Who consumes it.
#[derive(Debug)]
pub(super) struct Consuming {
    pub(super) who: Who,
    /// Alerts that it was given and has not acknowledged.
    pub(super) outstanding: u64,
    /// What it has been given.
    delivered: Position,
    end: watch::Sender<Option<End>>,
}

/// A consumer, for operators and for the one that it has replaced.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) label: String,
    pub(super) peer: String,
    pub(super) since: Timestamp,
}

/// Why a consumer has it no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Another one has.
    Superseded(String),
    /// It has another filter or position.
    Changed,
    /// It is gone.
    Deleted,
}

/// What a consumer has of it.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) durable: Arc<Durable>,
    pub(super) epoch: u64,
    pub(super) filter: Filter,
    /// Where it goes on.
    pub(super) start: Position,
    /// What it is to be told first.
    pub(super) lost: Option<Loss>,
    pub(super) end: watch::Receiver<Option<End>>,
    pub(super) confirmed: watch::Receiver<Position>,
}

impl Durable {
    /// A new one.
    pub(super) fn new(
        name: &str,
        filter: Filter,
        position: Position,
        now: Timestamp,
        delivery: &Delivery,
    ) -> Self {
        let held = Held {
            parked: Some(delivery.log().reader(position, witness(&filter))),
            filter,
            created: now,
            updated: now,
            acknowledged: position,
            epoch: first_epoch(delivery),
            lost: None,
            consumer: None,
        };
        Self::of(name.to_owned(), held, delivery)
    }

    /// One that was kept.
    pub(super) fn read(kept: KeptSubscription, delivery: &Delivery) -> Result<Self, String> {
        let filter = Filter::parse(&kept.filter).map_err(|problem| problem.to_string())?;
        let cursor: Cursor = kept
            .acknowledged
            .parse()
            .map_err(|error: super::super::CursorError| error.to_string())?;
        let position = cursor.position_in(delivery.log()).unwrap_or_default();
        let time = |nanoseconds| Timestamp::from_nanosecond(i128::from(nanoseconds));
        let held = Held {
            parked: Some(delivery.log().reader(position, witness(&filter))),
            filter,
            created: time(kept.created).map_err(|error| error.to_string())?,
            updated: time(kept.updated).map_err(|error| error.to_string())?,
            acknowledged: position,
            epoch: first_epoch(delivery),
            lost: None,
            consumer: None,
        };
        Ok(Self::of(kept.name, held, delivery))
    }

    fn of(name: String, held: Held, delivery: &Delivery) -> Self {
        Self {
            name,
            delivery: delivery.clone(),
            changing: Semaphore::new(1),
            confirmed: watch::Sender::new(held.acknowledged),
            held: Mutex::new(held),
        }
    }

    /// As it is to be kept.
    pub(super) fn kept(&self) -> KeptSubscription {
        let held = self.held();
        KeptSubscription {
            name: self.name.clone(),
            filter: held.filter.canonical().to_owned(),
            created: nanoseconds(held.created),
            updated: nanoseconds(held.updated),
            acknowledged: self.delivery.cursor(held.acknowledged).to_string(),
        }
    }

    /// As it is to be kept, if something was acknowledged that is not; and that.
    pub(super) fn unkept(&self) -> Option<(KeptSubscription, Position)> {
        let acknowledged = self.held().acknowledged;
        (acknowledged != *self.confirmed.borrow()).then(|| (self.kept(), acknowledged))
    }

    /// Everything up to here is on disk.
    pub(super) fn confirm(&self, position: Position) {
        self.confirmed.send_if_modified(|confirmed| {
            let is_news = *confirmed != position;
            *confirmed = position;
            is_news
        });
    }

    /// What is acknowledged, on disk.
    pub(super) fn confirmed(&self) -> Position {
        *self.confirmed.borrow()
    }

    /// Waits until it is the caller's to change.
    pub(super) async fn begin_change(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.changing.acquire().await.ok()
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
            self.held().lose(lost);
        }
    }

    /// What it wants.
    pub(super) fn filter(&self) -> Filter {
        self.held().filter.clone()
    }

    /// Begins the next epoch, for `who`.
    pub(super) fn lease(self: &Arc<Self>, who: Who) -> Lease {
        let mut held = self.held();
        held.end_consumer(End::Superseded(who.to_string()));
        held.epoch += 1;
        let (end, ended) = watch::channel(None);
        let start = held.next_start();
        held.consumer = Some(Consuming {
            who,
            outstanding: 0,
            delivered: start,
            end,
        });
        Lease {
            durable: Arc::clone(self),
            epoch: held.epoch,
            filter: held.filter.clone(),
            start,
            lost: held.lost,
            end: ended,
            confirmed: self.confirmations(),
        }
    }

    /// What is confirmed, and a way to wait for more.
    pub(super) fn confirmations(&self) -> watch::Receiver<Position> {
        self.confirmed.subscribe()
    }

    /// What the consumer of `epoch` goes on with: its start, and what it is to be told
    /// first.
    pub(super) fn resume(
        &self,
        epoch: u64,
    ) -> Result<(Filter, Position, Option<Loss>), SubscriptionError> {
        let mut held = self.held();
        held.check(epoch)?;
        Ok((held.filter.clone(), held.next_start(), held.lost))
    }

    /// It has another filter.
    pub(super) fn refilter(&self, filter: Filter, now: Timestamp, delivery: &Delivery) {
        let mut held = self.held();
        held.end_consumer(End::Changed);
        held.epoch += 1;
        held.updated = now;
        held.parked = Some(delivery.log().reader(held.next_start(), witness(&filter)));
        held.filter = filter;
    }

    /// It is at another position, which is on disk.
    pub(super) fn move_to(&self, position: Position, delivery: &Delivery) {
        let mut held = self.held();
        held.end_consumer(End::Changed);
        held.epoch += 1;
        held.lost = None;
        held.acknowledged = position;
        held.parked = Some(delivery.log().reader(position, witness(&held.filter)));
        drop(held);
        self.confirm(position);
    }

    /// The consumer of `epoch` has been given everything up to `position`, of which so
    /// many alerts are not acknowledged.
    pub(super) fn delivered(&self, epoch: u64, position: Position, outstanding: u64) {
        let mut held = self.held();
        if held.epoch == epoch
            && let Some(consumer) = &mut held.consumer
        {
            consumer.delivered = consumer.delivered.max(position);
            consumer.outstanding = outstanding;
        }
    }

    /// The consumer of `epoch` has dealt with everything up to `position`. Whether that
    /// is news.
    pub(super) fn acknowledge(
        &self,
        epoch: u64,
        position: Position,
    ) -> Result<bool, SubscriptionError> {
        let mut held = self.held();
        let delivered = held.check(epoch)?.delivered;
        if position > delivered {
            return Err(SubscriptionError::NotDelivered);
        }
        if position <= held.acknowledged {
            return Ok(false);
        }
        held.acknowledged = position;
        held.catch_up();
        Ok(true)
    }

    /// The consumer of `epoch` leaves.
    pub(super) fn leave(&self, epoch: u64) {
        let mut held = self.held();
        if held.epoch == epoch {
            held.consumer = None;
        }
    }

    pub(super) fn end_consumer(&self, end: End) {
        self.held().end_consumer(end);
    }

    /// Waits until everything up to `position` is on disk, as the consumer of `epoch`
    /// has acknowledged it.
    pub(super) async fn kept_up_to(
        &self,
        epoch: u64,
        position: Position,
    ) -> Result<Position, SubscriptionError> {
        let mut confirmed = self.confirmations();
        loop {
            let now = *confirmed.borrow_and_update();
            if now >= position {
                return Ok(now);
            }
            self.held().check(epoch)?;
            // Its sender is here.
            let _ = confirmed.changed().await;
        }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The consumer, if `epoch` is its.
    fn check(&mut self, epoch: u64) -> Result<&mut Consuming, SubscriptionError> {
        let present = match &self.consumer {
            Some(consumer) => consumer.who.to_string(),
            None => "it was changed, or moved to another position".to_owned(),
        };
        self.consumer
            .as_mut()
            .filter(|_| self.epoch == epoch)
            .ok_or(SubscriptionError::Superseded(present))
    }

    /// Where a consumer goes on: what is lost it is told, and cannot be given.
    fn next_start(&self) -> Position {
        let lost = self.lost.map_or(Position::START, |lost| lost.through);
        self.acknowledged.max(lost)
    }

    /// What is acknowledged needs neither be told nor counted any more. While retention
    /// counts, the parked reader stays where it is, and the keeper tries again.
    pub(super) fn catch_up(&mut self) {
        let acknowledged = self.acknowledged;
        self.lost.take_if(|lost| lost.through <= acknowledged);
        let start = self.next_start();
        if let Some(parked) = &mut self.parked {
            parked.pass(start);
        }
    }

    fn lose(&mut self, lost: Lost) {
        let before = self.lost;
        let after = before.map_or(lost.after, |before| before.after);
        let loss = Loss {
            after,
            through: lost.through,
            lost: before.map_or(0, |before| before.lost) + lost.count,
            lower_bound: before.is_some_and(|before| before.lower_bound) || lost.lower_bound,
            cause: LossCause::Retention,
        };
        if loss.lost > 0 || loss.lower_bound {
            self.lost = Some(loss);
        } else {
            // Nothing in the gap was for it, and so nothing is to be acknowledged.
            self.acknowledged = self.acknowledged.max(lost.through);
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

/// Before the first epoch of this run: epochs grow over restarts, too, without being
/// written each time.
fn first_epoch(delivery: &Delivery) -> u64 {
    u64::from(delivery.log().epoch().0) << 32
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.label.as_str() {
            "" => f.write_str(&self.peer),
            label => write!(f, "{label:?} at {}", self.peer),
        }
    }
}

/// As it is kept; times of the years before 1678 and after 2261 are cut.
pub(super) fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}
