//! The one bounded way in, shared by all sources.
//!
//! It is bounded in bytes. When it is full, [`Intake::submit`] waits, which
//! holds back that source and no other stage: an HTTP sender waits for its
//! answer, a Falco on gRPC is not polled, a file is not read on. Nothing is
//! dropped here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::Raw;
use crate::{alert::AlertId, trace::Trace};

/// Submissions that may wait for the log's writer, whatever their size.
const QUEUED_SUBMISSIONS: usize = 1024;

/// The unit in which the intake's byte budget is counted: semaphores have few
/// permits.
const PERMIT_BYTES: usize = 1024;

/// A source's way to the log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    sender: mpsc::Sender<Submission>,
    budget: Arc<Semaphore>,
    permits: u32,
    closed: Arc<AtomicBool>,
    is_patient: bool,
    turned_away: TurnedAway,
}

/// Alerts that were refused for lack of room, and whose senders do not try again,
/// by source. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct TurnedAway {
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl TurnedAway {
    /// Counts `alerts` of the source `id`.
    pub fn add(&self, id: &str, alerts: u64) {
        let mut counts = self.lock();
        match counts.get_mut(id) {
            Some(count) => *count += alerts,
            None => {
                counts.insert(id.to_owned(), alerts);
            }
        }
    }

    /// What was counted since the last time.
    pub fn take(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A raw document on its way, and who waits for the answer.
#[derive(Debug)]
pub struct Submission {
    /// What came.
    pub raw: Raw,
    /// Whether it waits for as long as the log cannot be written.
    pub is_patient: bool,
    /// What is followed of it, until it is answered.
    pub trace: Trace,
    reply: oneshot::Sender<Result<Receipt, NotTaken>>,
    // Held until the submission is answered or dropped.
    _budget: OwnedSemaphorePermit,
}

impl Submission {
    /// Answers the source. A source that no longer waits is not an error.
    pub fn answer(self, answer: Result<Receipt, NotTaken>) {
        if let Err(error) = &answer {
            self.trace.failed(&error.to_string());
        }
        let _ = self.reply.send(answer);
    }
}

/// The answer to come for something that has its place on the intake.
#[derive(Debug)]
pub struct Answer(oneshot::Receiver<Result<Receipt, NotTaken>>);

/// What became of a [`Raw`]: the log has what was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The ids of the accepted alerts, in their order.
    pub accepted: Vec<AlertId>,
    /// What was refused and why.
    pub refusals: Vec<Refusal>,
}

/// A document that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its place in the raw, from 0.
    pub index: usize,
    /// The reason's name: `INVALID_JSON`, …
    pub reason: &'static str,
    /// What was wrong, for people.
    pub message: String,
}

/// Why nothing of what was handed over is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The gateway is going down and takes nothing more.
    #[error("the gateway is shutting down and takes no more alerts")]
    Closed,
    /// The log cannot be written for now.
    #[error("{0}; try again later")]
    Unwritable(String),
}

impl Intake {
    /// An intake of about `budget_bytes`, and the end that the log's writer reads.
    pub fn new(budget_bytes: usize) -> (Self, mpsc::Receiver<Submission>) {
        let (sender, receiver) = mpsc::channel(QUEUED_SUBMISSIONS);
        let permits = u32::try_from(budget_bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX >> 4);
        let intake = Self {
            sender,
            budget: Arc::new(Semaphore::new(permits as usize)),
            permits,
            closed: Arc::default(),
            is_patient: false,
            turned_away: TurnedAway::default(),
        };
        (intake, receiver)
    }

    /// The same intake for a source that can hold back what comes next: while the
    /// log cannot be written it waits, and is not refused.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self {
            is_patient: true,
            ..self.clone()
        }
    }

    /// Where refused alerts are counted that nobody sends again.
    pub fn turned_away(&self) -> &TurnedAway {
        &self.turned_away
    }

    /// Hands over what came, and waits until the log has it.
    ///
    /// Dropping the future does not take back what is already on its way.
    ///
    /// # Errors
    /// When it is not in the log; at the gateway's end it may still get there.
    pub async fn submit(&self, raw: Raw) -> Result<Receipt, NotTaken> {
        let mut answer = self.enqueue(raw).await?;
        answer.receipt().await
    }

    /// Hands over what came, and waits only until it has its place. A source
    /// that awaits one call after the other keeps its order and still lets the
    /// log write many at once.
    ///
    /// # Errors
    /// When the gateway is going down; nothing was handed over.
    pub async fn enqueue(&self, mut raw: Raw) -> Result<Answer, NotTaken> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(NotTaken::Closed);
        }
        let origin = &raw.origin;
        let trace = Trace::ingest(raw.trace, &origin.source_id, origin.transport.as_str());
        raw.trace = trace.parent();
        // One document above the whole budget still gets in, alone.
        let permits = u32::try_from(raw.payload.len().div_ceil(PERMIT_BYTES))
            .unwrap_or(u32::MAX)
            .clamp(1, self.permits);
        let budget = Arc::clone(&self.budget)
            .acquire_many_owned(permits)
            .await
            .map_err(|_| NotTaken::Closed)?;
        let (reply, answer) = oneshot::channel();
        let submission = Submission {
            raw,
            is_patient: self.is_patient,
            trace,
            reply,
            _budget: budget,
        };
        self.sender
            .send(submission)
            .await
            .map_err(|_| NotTaken::Closed)?;
        Ok(Answer(answer))
    }

    /// Takes nothing more from now on; what is on its way still gets in.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.budget.close();
    }
}

impl Answer {
    /// Waits until the log has it. Dropping the future loses nothing: ask again.
    ///
    /// # Errors
    /// When it is not in the log; at the gateway's end it may still get there.
    pub async fn receipt(&mut self) -> Result<Receipt, NotTaken> {
        (&mut self.0).await.unwrap_or(Err(NotTaken::Closed))
    }
}

impl Receipt {
    /// How often each reason occurs.
    pub fn refusals_by_reason(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for refusal in &self.refusals {
            *counts.entry(refusal.reason).or_default() += 1;
        }
        counts
    }
}
