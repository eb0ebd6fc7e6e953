//! The log's one writer: takes what sources submit, reads it, and appends it in
//! batches.
//!
//! A batch is what arrived while the one before was being read; the log gathers
//! those that come while it commits. An idle gateway answers each alert at once,
//! a busy one in groups. Sources are answered after the commit.

mod tally;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub use self::tally::{LABELS, Series, Tally};
use crate::{
    alert::{Alert, Kind, Transport},
    log::{Commit, DeadLetter, DeadLetters, Log, NewEntry, Notice, Patience, Unwritable},
    normalize::{self, Reject},
    source::{NotTaken, Raw, Receipt, Refusal, Sources, Submission, TurnedAway},
    trace::Trace,
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
    /// Who was turned away, to be told to everyone.
    pub turned_away: TurnedAway,
    /// Makes the bytes that all subscribers get.
    pub encode: fn(&Alert) -> Bytes,
    /// Counts alerts by their labels, where that is asked for.
    pub tally: Option<Tally>,
}

/// Submissions that were read, and wait for one commit.
struct Batch {
    answers: Vec<(Submission, Receipt)>,
    /// What is followed, until the commit.
    committing: Vec<Trace>,
    commit: Option<Commit>,
}

impl Ingest {
    /// Works until `end`, and until what was submitted before is answered.
    pub async fn run(self, mut submissions: mpsc::Receiver<Submission>, end: CancellationToken) {
        // One for each batch: those that wait out a disk that refuses must not hold
        // up the answers to those that do not. The intake bounds them.
        let mut answering = JoinSet::new();
        let mut waiting = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = end.cancelled(), if !submissions.is_closed() => submissions.close(),
                taken = submissions.recv_many(&mut waiting, BATCH) => {
                    if taken == 0 {
                        break;
                    }
                    for batch in self.pass_on(std::mem::take(&mut waiting)).await {
                        answering.spawn(batch.answer());
                    }
                    while answering.try_join_next().is_some() {}
                }
            }
        }
        // Panics were told where they happened.
        while answering.join_next().await.is_some() {}
    }

    /// Reads what was submitted and hands it to the log.
    async fn pass_on(&self, waiting: Vec<Submission>) -> Vec<Batch> {
        let (patient, others): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|submission| submission.is_patient);
        self.tell_who_was_turned_away().await;
        let mut batches = Vec::with_capacity(2);
        for submissions in [patient, others] {
            if submissions.is_empty() {
                continue;
            }
            let mut entries = Vec::new();
            let mut answers = Vec::with_capacity(submissions.len());
            for submission in submissions {
                let receipt = {
                    let _normalizing = submission.trace.step("normalize");
                    self.read(&submission.raw, &mut entries)
                };
                answers.push((submission, receipt));
            }
            let committing = committing(&answers);
            let commit = match entries.is_empty() {
                true => None,
                false => Some(self.log.begin_append(entries, patience(&answers)).await),
            };
            batches.push(Batch {
                answers,
                committing,
                commit,
            });
        }
        batches
    }

    /// Puts into the log what did not get as far as that.
    async fn tell_who_was_turned_away(&self) {
        for (source_id, count) in self.turned_away.take() {
            tracing::warn!(source.id = %source_id, count, "alerts were turned away, and are lost if they came from Falco itself");
            // It waits until it can be written.
            let _ = self.log.begin_notice(Notice { source_id, count }).await;
        }
    }

    fn read(&self, raw: &Raw, batch: &mut Vec<NewEntry>) -> Receipt {
        let mut receipt = Receipt::default();
        for (index, read) in normalize::numbered(raw) {
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

    fn accept(&self, alert: Box<Alert>) -> NewEntry {
        if alert.kind == Kind::Drop
            && let Some(drops) = normalize::lost_syscalls(&alert)
        {
            self.sources.report_drops(&alert.origin.source_id, drops);
        }
        if let Some(tally) = &self.tally {
            tally.count(&alert);
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

/// The commit, as a step of all that is followed of a batch.
fn committing(answers: &[(Submission, Receipt)]) -> Vec<Trace> {
    let followed = answers.iter().filter(|(it, _)| it.trace.is_followed());
    followed.map(|(it, _)| it.trace.step("commit")).collect()
}

/// Whether those who submitted can wait; and if not, what is lost then: Falco does
/// not look at the answer to what it posts.
fn patience(answers: &[(Submission, Receipt)]) -> Patience {
    let mut lost = BTreeMap::new();
    for (submission, receipt) in answers {
        let origin = &submission.raw.origin;
        if submission.is_patient {
            return Patience::Wait;
        }
        if origin.transport == Transport::Http {
            *lost.entry(Arc::clone(&origin.source_id)).or_default() +=
                receipt.accepted.len() as u64;
        }
    }
    let notice = |(source_id, count): (Arc<str>, u64)| Notice {
        source_id: source_id.as_ref().to_owned(),
        count,
    };
    Patience::Fail(lost.into_iter().map(notice).collect())
}

impl Batch {
    /// Waits for the commit, and answers the sources.
    async fn answer(self) {
        let committed = match self.commit {
            Some(commit) => commit.done().await,
            None => Ok(()),
        };
        drop(self.committing);
        for (submission, receipt) in self.answers {
            let refused = |error: &Unwritable| NotTaken::Unwritable(error.to_string());
            let answer = committed.as_ref().map(|()| receipt).map_err(refused);
            submission.answer(answer);
        }
    }
}
