use bytes::Bytes;
use tonic::{Request, Response, Status, Streaming};

use super::status;
use crate::{
    clock,
    pb::{self, server::ingest_service_server::IngestService},
    source::{Intake, Payload, Raw, SourceHandle},
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
        let published = self.take(0, request.into_inner().documents).await?;
        Ok(Response::new(pb::PublishResponse {
            accepted: published.accepted,
            refusals: published.refusals,
        }))
    }

    async fn publish_alerts(
        &self,
        request: Request<Streaming<pb::PublishAlertsRequest>>,
    ) -> Result<Response<pb::PublishAlertsResponse>, Status> {
        let mut batches = request.into_inner();
        let mut response = pb::PublishAlertsResponse::default();
        let mut index = 0;
        while let Some(batch) = batches.message().await? {
            let count = batch.documents.len() as u64;
            let published = self.take(index, batch.documents).await?;
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

struct Published {
    accepted: u64,
    refusals: Vec<pb::Refusal>,
}

impl Ingest {
    /// Submits all documents in their order, and waits for all: they share the
    /// log's commits.
    async fn take(&self, first_index: u64, documents: Vec<Bytes>) -> Result<Published, Status> {
        let now = clock::now();
        let mut answers = Vec::with_capacity(documents.len());
        for document in documents {
            let raw = Raw {
                payload: Payload::Document(document),
                origin: self.source.origin().clone(),
                received_at: now,
            };
            answers.push(
                self.intake
                    .enqueue(raw)
                    .await
                    .map_err(|error| status::not_taken(&error))?,
            );
        }
        let mut published = Published {
            accepted: 0,
            refusals: Vec::new(),
        };
        for (index, mut answer) in (first_index..).zip(answers) {
            let receipt = answer.receipt().await;
            let receipt = receipt.map_err(|error| status::not_taken(&error))?;
            self.source.count(&receipt, now);
            published.accepted += receipt.accepted.len() as u64;
            let refusals = receipt.refusals.into_iter().map(|refusal| pb::Refusal {
                index,
                reason: refusal.reason.to_owned(),
                message: refusal.message,
            });
            published.refusals.extend(refusals);
        }
        Ok(published)
    }
}
