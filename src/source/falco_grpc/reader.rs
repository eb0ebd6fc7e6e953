//! Reads what Falco sends, and appends it before reading on.
//!
//! Falco forgets an alert when it has sent it. So the next poll goes out only
//! when all that came is in the log, and no more is read meanwhile than a batch:
//! what is lost when the gateway dies is bounded by the batch and the
//! connection's window.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    batch::Batch, call::Call, failure::Failure, liveness::Liveness, rhythm::Rhythm, wire::Received,
};
use crate::source::{Intake, NotTaken, SourceHandle};

/// The owner of one `sub` call.
#[derive(Debug)]
pub(super) struct Reader {
    call: Call,
    liveness: Liveness,
    rhythm: Rhythm,
    intake: Intake,
    source: SourceHandle,
    shutdown: CancellationToken,
    // Set once the gateway shuts down: no more polls, and the end then.
    quiet_at: Option<Instant>,
    delivered: bool,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// Falco ended the call without an error: it shuts down or starts anew.
    ByFalco,
    /// The connection or the call failed.
    Failed(Failure),
    /// The gateway goes down.
    Stopped,
}

enum Event {
    Received(Received),
    Ended(End),
    TimeIsUp,
    Shutdown,
}

/// At shutdown Falco may be answering the last poll: what it sends is still read
/// until nothing came for so long.
const QUIET_AT_SHUTDOWN: Duration = Duration::from_millis(100);

impl Reader {
    pub(super) fn new(
        call: Call,
        liveness: Liveness,
        rhythm: Rhythm,
        (intake, source): (Intake, SourceHandle),
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            call,
            liveness,
            rhythm,
            intake,
            source,
            shutdown,
            quiet_at: None,
            delivered: false,
        }
    }

    /// Whether anything came.
    pub(super) fn has_delivered(&self) -> bool {
        self.delivered
    }

    /// Reads and appends until the call ends, Falco is silent or the gateway
    /// goes down.
    pub(super) async fn run(&mut self) -> End {
        loop {
            let end = match self.wait().await {
                Event::Received(received) => self.append(received).await,
                Event::Ended(end) => Some(end),
                Event::Shutdown => {
                    self.quiet_at = Some(Instant::now() + QUIET_AT_SHUTDOWN);
                    None
                }
                Event::TimeIsUp if self.quiet_at.is_some() => Some(End::Stopped),
                Event::TimeIsUp => {
                    self.call.poll();
                    self.rhythm.polled(Instant::now());
                    None
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    async fn wait(&mut self) -> Event {
        let alarm = self.quiet_at.unwrap_or_else(|| self.rhythm.due());
        tokio::select! {
            // The shutdown is seen also while alerts never cease.
            biased;
            () = self.shutdown.cancelled(), if self.quiet_at.is_none() => Event::Shutdown,
            next = self.call.next() => match next {
                Ok(Some(received)) => Event::Received(received),
                Ok(None) => Event::Ended(End::ByFalco),
                Err(status) => Event::Ended(failed(&status)),
            },
            () = sleep_until(alarm) => Event::TimeIsUp,
            failure = self.liveness.lost() => Event::Ended(End::Failed(failure)),
        }
    }

    /// Appends what came and what came with it; tells the end, if that came too.
    async fn append(&mut self, first: Received) -> Option<End> {
        self.delivered = true;
        let mut batch = Batch::new();
        let gathered = self.gather(first, &mut batch).await;
        let appended = batch.append(&self.source).await;
        let now = Instant::now();
        self.liveness.heard();
        self.rhythm.delivered(now);
        if self.quiet_at.is_some() {
            self.quiet_at = Some(now + QUIET_AT_SHUTDOWN);
        }
        match gathered.and_then(|end| appended.map(|()| end)) {
            Ok(end) => end,
            // The log waits out a disk that refuses: only the end is left.
            Err(_) => Some(End::Stopped),
        }
    }

    /// Puts into the batch what can be had without waiting, up to its bound, so
    /// that one commit of the log serves all of it.
    async fn gather(
        &mut self,
        first: Received,
        batch: &mut Batch,
    ) -> Result<Option<End>, NotTaken> {
        let mut received = first;
        loop {
            batch.add(received, &self.intake, &self.source).await?;
            if batch.is_full() {
                return Ok(None);
            }
            received = match self.call.next().now_or_never() {
                None => return Ok(None),
                Some(Ok(Some(received))) => received,
                Some(Ok(None)) => return Ok(Some(End::ByFalco)),
                Some(Err(status)) => return Ok(Some(failed(&status))),
            };
        }
    }
}

fn failed(status: &tonic::Status) -> End {
    End::Failed(Failure::calling("the outputs service", status))
}
