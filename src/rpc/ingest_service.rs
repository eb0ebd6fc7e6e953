use bytes::Bytes;
use tonic::{Request, Response, Status, Streaming};

use super::status;
use crate::{
    alert::TraceParent,
    clock,
    pb::{self, server::ingest_service_server::IngestService},
    source::{Intake, Payload, Raw, SourceHandle},
    trace,
};

/// How many refusals a client stream's answer lists; all are counted.
const LISTED_REFUSALS: usize = 100;

/// `falcogateway.v1.IngestService`.
pub(super) struct Ingest {
    pub(super) intake: Intake,
    pub(super) source: SourceHandle,
}

#[tonic::async_trait]
impl IngestService for Ingest {
    async fn publish(
        &self,
        request: Request<pb::PublishRequest>,
    ) -> Result<Response<pb::PublishResponse>, Status> {
        let sender = trace::sent_with(request.metadata().as_ref());
        let documents = request.into_inner().documents;
        let published = self.take(0, documents, sender).await?;
        Ok(Response::new(pb::PublishResponse {
            accepted: published.accepted,
            refusals: published.refusals,
        }))
    }

    async fn publish_alerts(
        &self,
        request: Request<Streaming<pb::PublishAlertsRequest>>,
    ) -> Result<Response<pb::PublishAlertsResponse>, Status> {
        let sender = trace::sent_with(request.metadata().as_ref());
        let mut batches = request.into_inner();
        let mut response = pb::PublishAlertsResponse::default();
        let mut index = 0;
        while let Some(batch) = batches.message().await? {
            let count = batch.documents.len() as u64;
            let published = self.take(index, batch.documents, sender).await?;
            index += count;
            response.accepted += published.accepted;
            response.refused += published.refusals.len() as u64;
            let room = LISTED_REFUSALS.saturating_sub(response.refusals.len());
            response
                .refusals
                .extend(published.refusals.into_iter().take(room));
        }
        Ok(Response::new(response))
    }
}

#[derive(Default)]
struct Published {
    accepted: u64,
    refusals: Vec<pb::Refusal>,
}

impl Ingest {
    /// Submits all documents together, and waits for the log to have them.
    async fn take(
        &self,
        first_index: u64,
        documents: Vec<Bytes>,
        sender: Option<TraceParent>,
    ) -> Result<Published, Status> {
        let now = clock::now();
        if documents.is_empty() {
            return Ok(Published::default());
        }
        let raw = Raw {
            payload: Payload::Documents(documents),
            origin: self.source.origin().clone(),
            received_at: now,
            trace: sender,
        };
        let submitted = self.intake.submit(raw).await;
        let receipt = submitted.map_err(|error| status::not_taken(&error))?;
        self.source.count(&receipt, now);
        let refusals = receipt.refusals.into_iter().map(|refusal| pb::Refusal {
            index: first_index + refusal.index as u64,
            reason: refusal.reason.to_owned(),
            message: refusal.message,
        });
        Ok(Published {
            accepted: receipt.accepted.len() as u64,
            refusals: refusals.collect(),
        })
    }
}
