//! Stands for the log's writer: takes what sources submit, and answers.

use std::sync::Arc;

use bytes::Bytes;
use falco_gateway::{
    alert::AlertId,
    source::{Intake, Payload, Receipt, Submission},
};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use super::soon;

/// A log in memory.
#[derive(Debug)]
pub(crate) struct Writer {
    intake: Intake,
    appended: watch::Receiver<Vec<Submitted>>,
    gate: Arc<Semaphore>,
    // Dropped with the writer, which ends its task.
    _task: JoinSet<()>,
}

/// What was appended.
#[derive(Debug, Clone)]
pub(crate) struct Submitted {
    /// The id of the source that submitted it.
    pub(crate) source_id: Arc<str>,
    /// The whole message.
    pub(crate) wire: Bytes,
    /// The output, decoded.
    pub(crate) output: Bytes,
}

const BUDGET: usize = 16 << 20;

impl Writer {
    /// Answers at once.
    pub(crate) fn start() -> Self {
        let writer = Self::gated();
        writer.let_through(Semaphore::MAX_PERMITS);
        writer
    }

    /// Answers only to so many submissions as it is told to.
    pub(crate) fn gated() -> Self {
        let (intake, submissions) = Intake::new(BUDGET);
        let (log, appended) = watch::channel(Vec::new());
        let gate = Arc::new(Semaphore::new(0));
        let mut task = JoinSet::new();
        task.spawn(write(submissions, log, Arc::clone(&gate)));
        Self {
            intake,
            appended,
            gate,
            _task: task,
        }
    }

    pub(crate) fn let_through(&self, count: usize) {
        self.gate.add_permits(count);
    }

    pub(crate) fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// The messages appended so far.
    pub(crate) fn wires(&self) -> Vec<Bytes> {
        let appended = self.appended.borrow();
        appended.iter().map(|one| one.wire.clone()).collect()
    }

    /// Waits until so many messages are appended, and returns all there are.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Submitted> {
        let mut appended = self.appended.clone();
        let what = format!("{count} appended alerts");
        let all = soon(&what, appended.wait_for(|all| all.len() >= count)).await;
        all.unwrap().clone()
    }
}

async fn write(
    mut submissions: mpsc::Receiver<Submission>,
    log: watch::Sender<Vec<Submitted>>,
    gate: Arc<Semaphore>,
) {
    while let Some(submission) = submissions.recv().await {
        gate.acquire().await.unwrap().forget();
        let Payload::Falco(response) = &submission.raw.payload else {
            panic!("not of Falco's gRPC: {:?}", submission.raw);
        };
        let submitted = Submitted {
            source_id: Arc::clone(&submission.raw.origin.source_id),
            wire: response.wire.clone(),
            output: response.output.clone(),
        };
        log.send_modify(|all| all.push(submitted));
        submission.answer(Ok(Receipt {
            accepted: vec![AlertId::from_bytes([7; 16])],
            refusals: Vec::new(),
        }));
    }
}
