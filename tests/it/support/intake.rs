//! An intake with a stand-in for the log's writer, and a source to report to.

use std::sync::Arc;

use bytes::Bytes;
use falco_gateway::{
    alert::{AlertId, Origin, Transport},
    clock,
    source::{
        Intake, Payload, Raw, Receipt, Refusal, SourceHandle, SourceState, SourceStatus, Sources,
        Submission,
    },
};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
};

use super::in_time;

/// What the stand-in has taken so far, in order.
#[derive(Clone)]
pub(crate) struct Taken {
    bytes: watch::Receiver<Vec<Bytes>>,
    released: Arc<Notify>,
    writer: AbortHandle,
}

impl Taken {
    /// The first `count`, once there are so many.
    pub(crate) async fn first(&mut self, count: usize) -> Vec<Bytes> {
        in_time(self.bytes.wait_for(|taken| taken.len() >= count))
            .await
            .unwrap()
            .clone()
    }

    /// As text, once there are so many.
    pub(crate) async fn lines(&mut self, count: usize) -> Vec<String> {
        let taken = self.first(count).await;
        taken.iter().map(|it| text(it)).collect()
    }

    /// Accepts everything that is still unanswered.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// The writer goes away, and answers nobody any more.
    pub(crate) fn die(&self) {
        self.writer.abort();
    }

    pub(crate) fn now(&self) -> Vec<Bytes> {
        self.bytes.borrow().clone()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Accepts everything as one alert.
pub(crate) fn accept(_: &Raw) -> Option<Receipt> {
    Some(accepted(1))
}

pub(crate) fn accepted(count: usize) -> Receipt {
    Receipt {
        accepted: vec![AlertId::from_bytes([7; 16]); count],
        refusals: Vec::new(),
    }
}

pub(crate) fn refusal(index: usize) -> Refusal {
    Refusal {
        index,
        reason: "INVALID_JSON",
        message: format!("item {index} is \"broken\""),
    }
}

/// An intake whose writer answers as told; none leaves the sender waiting until
/// [`Taken::release`].
pub(crate) fn intake(
    mut answer: impl FnMut(&Raw) -> Option<Receipt> + Send + 'static,
) -> (Intake, Taken) {
    let (intake, mut submissions) = Intake::new(1 << 26);
    let (sender, bytes) = watch::channel(Vec::new());
    let released = Arc::new(Notify::new());
    let release = Arc::clone(&released);
    let writer = tokio::spawn(async move {
        let mut unanswered: Vec<Submission> = Vec::new();
        loop {
            let submission = tokio::select! {
                submission = submissions.recv() => submission,
                () = release.notified() => {
                    unanswered.drain(..).for_each(|it| it.answer(Ok(accepted(1))));
                    continue;
                }
            };
            let Some(submission) = submission else { return };
            let bytes = payload(&submission.raw);
            match answer(&submission.raw) {
                Some(receipt) => submission.answer(Ok(receipt)),
                None => unanswered.push(submission),
            }
            sender.send_modify(|taken: &mut Vec<Bytes>| taken.push(bytes));
        }
    });
    let writer = writer.abort_handle();
    let taken = Taken {
        bytes,
        released,
        writer,
    };
    (intake, taken)
}

fn payload(raw: &Raw) -> Bytes {
    match &raw.payload {
        Payload::Body(bytes) | Payload::Document(bytes) => bytes.clone(),
        Payload::Documents(_) | Payload::Falco(_) => panic!("no source of these tests speaks gRPC"),
    }
}

/// A source, and all that is known about it.
pub(crate) struct Observed {
    pub(crate) source: SourceHandle,
    pub(crate) sources: Sources,
}

impl Observed {
    pub(crate) fn new(transport: Transport) -> Self {
        let sources = Sources::new();
        let origin = Origin::new("test", transport);
        let source = sources.register(origin, String::new(), clock::now());
        Self { source, sources }
    }

    pub(crate) fn status(&self) -> SourceStatus {
        self.sources.list().remove(0)
    }

    pub(crate) fn rejected(&self, reason: &str) -> u64 {
        self.status()
            .rejected
            .get(reason)
            .copied()
            .unwrap_or_default()
    }

    /// Waits until the source is in a state, and returns its detail.
    pub(crate) async fn reaches(&self, state: SourceState) -> String {
        let mut versions = self.sources.version();
        in_time(async {
            loop {
                versions.borrow_and_update();
                let status = self.status();
                if status.state == state {
                    return status.detail;
                }
                versions.changed().await.unwrap();
            }
        })
        .await
    }

    /// Waits until a counter has a value; counters announce nothing.
    pub(crate) async fn counts(&self, what: impl Fn(&SourceStatus) -> bool) {
        in_time(async {
            while !what(&self.status()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}
