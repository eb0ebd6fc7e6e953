use tonic::{Request, Response, Status};

use super::{caller::Caller, convert, frames, report, request, status};
use crate::{
    alert::Alert,
    delivery::{Choice, Cursor, Delivery, PageRequest},
    filter::{Filter, Problem},
    log::Entry,
    pb::{self, get_alert_request::Key, server::alert_service_server::AlertService},
};

/// How many alerts a page may hold, and how many it holds unasked.
pub(super) const MOST_PER_PAGE: usize = 1000;
const DEFAULT_PER_PAGE: usize = 100;

/// How many samples one validation may try.
const MOST_SAMPLES: usize = 100;

/// `falcogateway.v1.AlertService`.
pub(super) struct Alerts {
    pub(super) delivery: Delivery,
}

#[tonic::async_trait]
impl AlertService for Alerts {
    async fn list_alerts(
        &self,
        request: Request<pb::ListAlertsRequest>,
    ) -> Result<Response<pb::ListAlertsResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let from = match message.page_token.as_str() {
            "" => None,
            token => Some(self.position(request::cursor(token)?)?),
        };
        let view = caller.view(message.view())?;
        let choice = caller.choice(caller.filter(&message.filter)?);
        let since = request::time("since", message.since)?;
        let wanted = PageRequest {
            choice: &choice,
            since: since.max(caller.since()),
            until: request::time("until", message.until)?,
            newest_first: message.order() != pb::ListOrder::OldestFirst,
            size: request::bounded(
                "page_size",
                message.page_size,
                DEFAULT_PER_PAGE,
                MOST_PER_PAGE,
            )?,
            view,
            from,
        };
        let page = self.delivery.history().page(&wanted).await;
        Ok(Response::new(pb::ListAlertsResponse {
            records: frames::records(&self.delivery, &page.entries, view),
            next_page_token: page
                .next
                .map(|position| self.delivery.cursor(position).to_string())
                .unwrap_or_default(),
        }))
    }

    async fn get_alert(
        &self,
        request: Request<pb::GetAlertRequest>,
    ) -> Result<Response<pb::GetAlertResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let view = caller.view(message.view())?;
        let (choice, since) = (caller.choice(Filter::all()), caller.since());
        let found = match &message.key {
            Some(Key::Id(id)) => {
                let id = request::alert_id(id)?;
                self.delivery
                    .history()
                    .find(id, &choice, since)
                    .await
                    .ok_or_else(|| status::alert_not_found(&id.to_string()))?
            }
            Some(Key::Cursor(cursor)) => self
                .delivery
                .history()
                .at(self.position(request::cursor(cursor)?)?, &choice, since)
                .await
                .ok_or_else(|| status::alert_not_found(cursor))?,
            None => {
                let message = "give the alert's id or its cursor";
                return Err(status::bad_field("BAD_REQUEST", "key", message));
            }
        };
        Ok(Response::new(pb::GetAlertResponse {
            record: Some(self.record(&found, view)),
        }))
    }

    async fn get_alert_report(
        &self,
        request: Request<pb::GetAlertReportRequest>,
    ) -> Result<Response<pb::GetAlertReportResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let answer = report::answer(&self.delivery, &caller, request.into_inner());
        answer.await.map(Response::new)
    }

    async fn validate_filter(
        &self,
        request: Request<pb::ValidateFilterRequest>,
    ) -> Result<Response<pb::ValidateFilterResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        if message.samples.len() > MOST_SAMPLES {
            let message = format!("at most {MOST_SAMPLES} samples are allowed");
            return Err(status::bad_field("BAD_REQUEST", "samples", message));
        }
        Ok(Response::new(match Filter::parse(&message.filter) {
            Ok(filter) => pb::ValidateFilterResponse {
                valid: true,
                canonical: filter.canonical().to_owned(),
                fields: filter.fields().to_vec(),
                error: None,
                warnings: filter.warnings().iter().map(problem).collect(),
                matches: matches(&caller.choice(filter), message.samples)?,
            },
            Err(error) => pb::ValidateFilterResponse {
                error: Some(problem(&error)),
                ..pb::ValidateFilterResponse::default()
            },
        }))
    }
}

impl Alerts {
    fn position(&self, cursor: Cursor) -> Result<crate::log::Position, Status> {
        cursor
            .position_in(self.delivery.log())
            .map_err(|error| status::bad_cursor(&error))
    }

    fn record(&self, entry: &Entry, view: crate::delivery::View) -> pb::AlertRecord {
        frames::record(self.delivery.cursor(entry.position), entry, view)
    }
}

/// Which of the samples the caller would get.
fn matches(choice: &Choice, samples: Vec<pb::Alert>) -> Result<Vec<bool>, Status> {
    let samples = samples.into_iter().enumerate();
    samples
        .map(|(index, sample)| Ok(choice.wants(&read_sample(index, sample)?)))
        .collect()
}

/// A sample may leave out what only the gateway sets.
fn read_sample(index: usize, mut sample: pb::Alert) -> Result<Alert, Status> {
    if sample.id.is_empty() {
        sample.id = "0".repeat(32);
    }
    if sample.priority() == pb::Priority::Unspecified {
        sample.set_priority(pb::Priority::Debug);
    }
    sample.event_time.get_or_insert_default();
    sample.receive_time.get_or_insert_default();
    let origin = sample.origin.get_or_insert_default();
    if origin.transport() == pb::Transport::Unspecified {
        origin.set_transport(pb::Transport::Publish);
    }
    Alert::try_from(sample).map_err(|error: convert::ConvertError| {
        let field = format!("samples[{index}]");
        status::bad_field("BAD_REQUEST", &field, error.to_string())
    })
}

fn problem(problem: &Problem) -> pb::FilterProblem {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    pb::FilterProblem {
        reason: problem.reason.as_str().to_owned(),
        position: number(problem.position),
        length: number(problem.length),
        message: problem.message.clone(),
        suggestion: problem.suggestion.clone().unwrap_or_default(),
    }
}
