//! `GetAlertReport`: an alert and those around it, as its caller sees them.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tonic::Status;

use super::{caller::Caller, request, status};
use crate::{
    delivery::{Choice, Delivery, PageRequest, View},
    filter::Filter,
    log::{Entry, Position},
    pb,
    report::{Around, Form, Report},
};

/// How long before and after it is looked unasked, and how long at most.
const WINDOW: Duration = Duration::from_secs(15 * 60);
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// By how much receive times may be out of order.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// How many pages of the log are read, before and after each.
const MOST_PAGES: usize = 8;

/// Reports that are made at a time; further ones wait. Each holds some pages and decodes them.
static ROOM: Semaphore = Semaphore::const_new(2);

/// How many alerts a page has at most.
const PAGE: usize = 1000;

/// The report that was asked for.
pub(super) async fn answer(
    delivery: &Delivery,
    caller: &Caller,
    request: pb::GetAlertReportRequest,
) -> Result<pb::GetAlertReportResponse, Status> {
    // It has everything that the largest of the usual views has.
    caller.view(pb::AlertView::Full)?;
    let id = request::alert_id(&request.id)?;
    let window = window(request.window)?;
    let form = form(request.format());
    let choice = caller.choice(Filter::all());
    // Nobody closes it.
    let _room = ROOM.acquire().await;
    let found = delivery.history().find(id, &choice, caller.since()).await;
    let entry = found.ok_or_else(|| status::alert_not_found(&id.to_string()))?;
    let (entries, is_cut) = match window.is_zero() {
        true => (Vec::new(), false),
        false => around(delivery, caller, &choice, (&entry, window)).await,
    };
    let written = tokio::task::spawn_blocking(move || {
        let around = Around {
            alerts: entries.iter().filter_map(|entry| entry.alert()).collect(),
            window,
            is_cut,
        };
        Some(Report::new(entry.alert()?, &around).write(form))
    });
    let failed = || Status::internal("the report could not be written");
    let content = written.await.ok().flatten().ok_or_else(failed)?;
    Ok(pb::GetAlertReportResponse {
        content,
        media_type: form.media_type().to_owned(),
    })
}

fn window(asked: Option<prost_types::Duration>) -> Result<Duration, Status> {
    let wrong = |_| {
        let message = "window must be between 0 and 24 hours";
        status::bad_field("BAD_REQUEST", "window", message)
    };
    let window = asked.map(Duration::try_from).transpose().map_err(wrong)?;
    Ok(window.unwrap_or(WINDOW).min(LONGEST_WINDOW))
}

fn form(asked: pb::ReportFormat) -> Form {
    match asked {
        pb::ReportFormat::Unspecified | pb::ReportFormat::Markdown => Form::Markdown,
        pb::ReportFormat::Html => Form::Html,
        pb::ReportFormat::Text => Form::Text,
    }
}

/// The alerts received around one, those nearest to it if there are too many; and whether
/// there are.
async fn around(
    delivery: &Delivery,
    caller: &Caller,
    choice: &Choice,
    (entry, window): (&Entry, Duration),
) -> (Vec<Arc<Entry>>, bool) {
    let time = entry.receive_time;
    let span = SignedDuration::try_from(window).unwrap_or(SignedDuration::ZERO);
    let since = time.checked_sub(span).unwrap_or(Timestamp::MIN);
    let until = time.checked_add(span).unwrap_or(Timestamp::MAX);
    let wanted = |newest_first| PageRequest {
        choice,
        since: Some(since).max(caller.since()),
        until: Some(until),
        newest_first,
        size: PAGE,
        view: View::Basic,
        from: Some(entry.position),
    };
    // Receive times are almost in order: behind this place there is nothing of the time.
    let behind = until.checked_add(SLACK).unwrap_or(Timestamp::MAX);
    let end = delivery.log().before_time(behind).await;
    let (before, is_cut) = pages(delivery, wanted(true), None).await;
    let (after, is_cut_too) = pages(delivery, wanted(false), Some(end)).await;
    let entries = before.into_iter().chain(after).collect();
    (entries, is_cut || is_cut_too)
}

/// Pages up to `end`, or until there are no more; and whether there would be more.
async fn pages(
    delivery: &Delivery,
    mut wanted: PageRequest<'_>,
    end: Option<Position>,
) -> (Vec<Arc<Entry>>, bool) {
    let mut entries = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = delivery.history().page(&wanted).await;
        entries.extend(page.entries);
        let next: Option<Position> = page.next;
        if next.is_none_or(|next| end.is_some_and(|end| next >= end)) {
            return (entries, false);
        }
        wanted.from = next;
        // It is much work for one answer: others are to have their turn.
        tokio::task::yield_now().await;
    }
    (entries, true)
}
