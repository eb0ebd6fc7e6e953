//! An open stream, as a client sees it.

use falco_gateway::pb::{self, stream_frame::Kind};
use tonic::{Status, Streaming};

use super::soon;

pub(crate) struct Frames {
    stream: Streaming<pb::StreamFrame>,
    /// That of the last frame.
    pub(crate) cursor: String,
    /// Records of a frame that were not asked for yet.
    ahead: std::collections::VecDeque<pb::AlertRecord>,
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames")
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

impl Frames {
    pub(crate) fn new(stream: Streaming<pb::StreamFrame>) -> Self {
        Self {
            stream,
            cursor: String::new(),
            ahead: std::collections::VecDeque::new(),
        }
    }

    /// The next frame; none at the end of the stream.
    pub(crate) async fn try_next(&mut self) -> Result<Option<Kind>, Status> {
        let Some(frame) = soon("a frame", self.stream.message()).await? else {
            return Ok(None);
        };
        self.cursor = frame.cursor;
        Ok(Some(frame.kind.unwrap()))
    }

    pub(crate) async fn next(&mut self) -> Kind {
        self.try_next().await.unwrap().unwrap()
    }

    pub(crate) async fn opened(&mut self) -> pb::Opened {
        match self.next().await {
            Kind::Opened(opened) => opened,
            other => panic!("{other:?} came first"),
        }
    }

    /// Reads on until a frame is what is looked for.
    pub(crate) async fn find<T>(&mut self, mut wanted: impl FnMut(Kind) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    /// Reads on until the stream is live; history must have been read before.
    pub(crate) async fn live(&mut self) {
        self.find(|kind| match kind {
            Kind::StateChange(change) => (change.state() == pb::StreamState::Live).then_some(()),
            Kind::Alerts(batch) => panic!("{} alerts before LIVE", batch.records.len()),
            _ => None,
        })
        .await;
    }

    pub(crate) async fn loss(&mut self) -> pb::LossNotice {
        self.find(|kind| match kind {
            Kind::Loss(loss) => Some(loss),
            _ => None,
        })
        .await
    }

    /// The next `count` alerts, whatever frames they come in.
    pub(crate) async fn records(&mut self, count: usize) -> Vec<pb::AlertRecord> {
        while self.ahead.len() < count {
            if let Kind::Alerts(batch) = self.next().await {
                self.ahead.extend(batch.records);
            }
        }
        self.ahead.drain(..count).collect()
    }

    /// All alerts up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<pb::AlertRecord> {
        let mut records: Vec<_> = self.ahead.drain(..).collect();
        while let Some(kind) = self.try_next().await.unwrap() {
            if let Kind::Alerts(batch) = kind {
                records.extend(batch.records);
            }
        }
        records
    }
}

pub(crate) fn alerts(records: &[pb::AlertRecord]) -> Vec<pb::Alert> {
    records
        .iter()
        .map(|record| record.decode_alert().unwrap())
        .collect()
}

pub(crate) fn ids(records: &[pb::AlertRecord]) -> Vec<String> {
    alerts(records).into_iter().map(|alert| alert.id).collect()
}
