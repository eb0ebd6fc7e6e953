//! The one bounded way in, shared by all sources.
//!
//! It is bounded in bytes. When it is full, [`Intake::submit`] waits, which
//! holds back that source and no other stage: an HTTP sender waits for its
//! answer, a Falco on gRPC is not polled, a file is not read on. Nothing is
//! dropped here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::Raw;
use crate::alert::AlertId;

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
}

/// A raw document on its way, and who waits for the answer.
#[derive(Debug)]
pub struct Submission {
    /// What came.
    pub raw: Raw,
    reply: oneshot::Sender<Receipt>,
    // Held until the submission is answered or dropped.
    _budget: OwnedSemaphorePermit,
}

impl Submission {
    /// Answers the source. A source that no longer waits is not an error.
    pub fn answer(self, receipt: Receipt) {
        let _ = self.reply.send(receipt);
    }
}

/// A raw document that is on its way to the log.
#[derive(Debug)]
pub struct Enqueued {
    answer: oneshot::Receiver<Receipt>,
}

impl Enqueued {
    /// Waits until the log has the document.
    ///
    /// # Errors
    /// [`IntakeClosed`] when the gateway is going down; the document may or may
    /// not be in the log then.
    pub async fn receipt(self) -> Result<Receipt, IntakeClosed> {
        self.answer.await.map_err(|_| IntakeClosed)
    }
}

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

/// The gateway is going down and takes nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gateway is shutting down and takes no more alerts")]
pub struct IntakeClosed;

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
        };
        (intake, receiver)
    }

    /// Hands over what came, and waits until the log has it.
    ///
    /// Dropping the future does not take back what is already on its way.
    ///
    /// # Errors
    /// [`IntakeClosed`] when the gateway is going down; what was handed over may
    /// or may not be in the log then.
    pub async fn submit(&self, raw: Raw) -> Result<Receipt, IntakeClosed> {
        self.enqueue(raw).await?.receipt().await
    }

    /// Hands over what came, without waiting until the log has it.
    ///
    /// For a source that has several documents in hand: those that are enqueued
    /// one after the other reach the log in that order, and share its commits.
    ///
    /// # Errors
    /// [`IntakeClosed`] when the gateway is going down.
    pub async fn enqueue(&self, raw: Raw) -> Result<Enqueued, IntakeClosed> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(IntakeClosed);
        }
        // One document above the whole budget still gets in, alone.
        let permits = u32::try_from(raw.payload.len().div_ceil(PERMIT_BYTES))
            .unwrap_or(u32::MAX)
            .clamp(1, self.permits);
        let budget = Arc::clone(&self.budget)
            .acquire_many_owned(permits)
            .await
            .map_err(|_| IntakeClosed)?;
        let (reply, answer) = oneshot::channel();
        let submission = Submission {
            raw,
            reply,
            _budget: budget,
        };
        self.sender
            .send(submission)
            .await
            .map_err(|_| IntakeClosed)?;
        Ok(Enqueued { answer })
    }

    /// Takes nothing more from now on; what is on its way still gets in.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.budget.close();
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        alert::{Origin, Transport},
        clock,
        source::Payload,
    };

    fn raw(text: &'static str) -> Raw {
        Raw {
            payload: Payload::Document(Bytes::from_static(text.as_bytes())),
            origin: Origin::new("a", Transport::File),
            received_at: clock::now(),
        }
    }

    #[tokio::test]
    async fn what_is_enqueued_keeps_its_order_and_is_answered_one_by_one() {
        let (intake, mut submissions) = Intake::new(1 << 20);
        let mut enqueued = Vec::new();
        for text in ["a", "b", "c"] {
            enqueued.push(intake.enqueue(raw(text)).await.unwrap());
        }
        for (index, text) in (0u8..).zip(["a", "b", "c"]) {
            let submission = submissions.recv().await.unwrap();
            assert!(matches!(&submission.raw.payload, Payload::Document(b) if b == text));
            submission.answer(Receipt {
                accepted: vec![AlertId::from_bytes([index; 16])],
                refusals: Vec::new(),
            });
        }
        for (index, enqueued) in (0u8..).zip(enqueued) {
            let receipt = enqueued.receipt().await.unwrap();
            assert_eq!(receipt.accepted, [AlertId::from_bytes([index; 16])]);
        }
        intake.close();
        assert_eq!(intake.enqueue(raw("d")).await.unwrap_err(), IntakeClosed);
    }
}
