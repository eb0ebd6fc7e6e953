//! Alerts that go to the log together.

use tracing::warn;

use super::wire::Received;
use crate::{
    clock,
    source::{Answer, Intake, NotTaken, Payload, Raw, SourceHandle},
};

/// Alerts on their way to the log, in their order.
#[derive(Debug)]
pub(super) struct Batch {
    enqueued: Vec<Answer>,
    bytes: usize,
}

/// A batch takes no more alerts than this.
const MAX_ALERTS: usize = 64;

/// A batch that holds so much takes no more.
const MAX_BYTES: usize = 64 * 1024;

/// The reason for which a message is refused that is no alert.
const UNDECODABLE: &str = "UNDECODABLE_MESSAGE";

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            enqueued: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.enqueued.len() >= MAX_ALERTS || self.bytes >= MAX_BYTES
    }

    /// Sends what came on its way, or counts it when it is no alert.
    pub(super) async fn add(
        &mut self,
        received: Received,
        intake: &Intake,
        source: &SourceHandle,
    ) -> Result<(), NotTaken> {
        let response = match received {
            Received::Alert(response) => response,
            Received::Undecodable { bytes, error } => {
                warn!(source.id = %source.origin().source_id, bytes, %error, "skipped a message of Falco");
                source.count_refused(UNDECODABLE, 1);
                return Ok(());
            }
        };
        self.bytes += response.wire.len();
        let raw = Raw {
            payload: Payload::Falco(response),
            origin: source.origin().clone(),
            received_at: clock::now(),
            trace: None,
        };
        self.enqueued.push(intake.enqueue(raw).await?);
        Ok(())
    }

    /// Waits until the log has all of it.
    pub(super) async fn append(self, source: &SourceHandle) -> Result<(), NotTaken> {
        for mut answer in self.enqueued {
            let receipt = answer.receipt().await?;
            source.count(&receipt, clock::now());
        }
        Ok(())
    }
}
