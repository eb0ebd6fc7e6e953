//! The log's one writer: takes what sources submit, reads it, and appends it in
//! batches.
//!
//! A batch is what arrived while the one before was being appended: an idle
//! gateway answers each alert at once, a busy one in groups. Sources are
//! answered after the append.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{
    alert::{Alert, Kind},
    log::{DeadLetter, DeadLetters, Log, NewEntry},
    normalize::{self, Reject, normalize},
    source::{Raw, Receipt, Refusal, Sources, Submission},
};

/// How many submissions one append may cover.
const BATCH: usize = 256;

/// What the writer works with.
#[derive(Debug)]
pub struct Ingest {
    /// Where alerts go.
    pub log: Log,
    /// Where refused documents go.
    pub dead_letters: DeadLetters,
    /// Who is told of system calls that Falco lost.
    pub sources: Sources,
    /// Makes the bytes that all subscribers get.
    pub encode: fn(&Alert) -> Bytes,
}

impl Ingest {
    /// Works until every [`crate::source::Intake`] is gone or closed and what
    /// they submitted is in the log.
    pub async fn run(self, mut submissions: mpsc::Receiver<Submission>) {
        let mut waiting = Vec::with_capacity(BATCH);
        while submissions.recv_many(&mut waiting, BATCH).await > 0 {
            let mut batch = Vec::new();
            let mut answers = Vec::with_capacity(waiting.len());
            for submission in waiting.drain(..) {
                let receipt = self.read(&submission.raw, &mut batch);
                answers.push((submission, receipt));
            }
            if !batch.is_empty() {
                self.log.append(batch).await;
            }
            for (submission, receipt) in answers {
                submission.answer(receipt);
            }
        }
    }

    fn read(&self, raw: &Raw, batch: &mut Vec<NewEntry>) -> Receipt {
        let mut receipt = Receipt::default();
        for (index, read) in normalize(raw).into_iter().enumerate() {
            match read {
                Ok(alert) => {
                    receipt.accepted.push(alert.id);
                    batch.push(self.accept(alert));
                }
                Err(reject) => receipt.refusals.push(self.refuse(index, reject, raw)),
            }
        }
        receipt
    }

    fn accept(&self, alert: Alert) -> NewEntry {
        if alert.kind == Kind::Drop
            && let Some(drops) = normalize::lost_syscalls(&alert)
        {
            self.sources.report_drops(&alert.origin.source_id, drops);
        }
        NewEntry {
            encoded: (self.encode)(&alert),
            alert,
        }
    }

    fn refuse(&self, index: usize, reject: Reject, raw: &Raw) -> Refusal {
        let reason = reject.reason.as_str();
        tracing::debug!(
            source.id = %raw.origin.source_id,
            reason,
            message = %reject.message,
            "refused a document"
        );
        self.dead_letters.record(DeadLetter::new(
            raw.received_at,
            raw.origin.clone(),
            reason,
            reject.message.clone(),
            &reject.document,
        ));
        Refusal {
            index,
            reason,
            message: reject.message,
        }
    }
}
