use std::{collections::VecDeque, time::Duration};

use futures_util::FutureExt;

use super::{
    Connection, Error, Event,
    calls::{Broken, Calls, LARGEST_FRAME},
};
use crate::pb::{
    self, alert_service_client::AlertServiceClient, stream_alerts_request::Start,
    stream_frame::Kind,
};

/// Events of a stream that is opened again, where it was, whenever it breaks.
///
/// Somebody who was away for longer than the gateway keeps alerts goes on with the
/// oldest there is, after an [`Event::Loss`].
#[derive(Debug)]
pub struct AlertStream {
    client: AlertServiceClient<Connection>,
    request: pb::StreamAlertsRequest,
    cursor: String,
    calls: Calls,
    was_open: bool,
    /// Of the frame that came last.
    ready: VecDeque<Event>,
}

impl AlertStream {
    /// A stream of what `request` asks for. Nothing is sent before the first event is
    /// asked for.
    pub fn new(connection: impl Into<Connection>, request: pb::StreamAlertsRequest) -> Self {
        let cursor = match &request.start {
            Some(Start::AfterCursor(cursor)) => cursor.clone(),
            _ => String::new(),
        };
        Self {
            client: AlertServiceClient::new(connection.into())
                .max_decoding_message_size(LARGEST_FRAME),
            request,
            cursor,
            calls: Calls::new(),
            was_open: false,
            ready: VecDeque::new(),
        }
    }

    /// The position after all that was handed out: keep it, and start another stream
    /// after it to go on there.
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The next event; none at the end that was asked for. It may be cancelled and
    /// called again.
    ///
    /// # Errors
    /// For what trying again cannot mend. The stream is over then.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                event.cursor().clone_into(&mut self.cursor);
                return Some(Ok(event));
            }
            let request = self.next_request();
            let mut client = self.client.clone();
            let open = || async move { client.stream_alerts(request).await }.boxed();
            match self.calls.next(open).await {
                Ok(Some(frame)) => self.take(frame),
                Ok(None) => return None,
                Err(broken) => match broken.into_final() {
                    Ok(error) => {
                        self.calls.end();
                        return Some(Err(error));
                    }
                    Err(broken) => self.pause(broken),
                },
            }
        }
    }

    fn next_request(&self) -> pb::StreamAlertsRequest {
        let mut request = self.request.clone();
        if self.was_open {
            request.start = Some(Start::AfterCursor(self.cursor.clone()));
            if request.on_expired_cursor() != pb::OnExpiredCursor::Latest {
                request.set_on_expired_cursor(pb::OnExpiredCursor::Earliest);
            }
        }
        request
    }

    fn take(&mut self, frame: pb::StreamFrame) {
        let mut cursor = frame.cursor;
        if cursor.is_empty() {
            cursor.clone_from(&self.cursor);
        }
        let event = match frame.kind {
            Some(Kind::Opened(grant)) => {
                let grant = Box::new(grant);
                self.was_open = true;
                Event::Opened { cursor, grant }
            }
            Some(Kind::Alerts(batch)) => return self.take_alerts(batch),
            Some(Kind::Loss(notice)) => Event::Loss { cursor, notice },
            Some(Kind::StateChange(change)) => Event::State {
                cursor,
                state: change.state(),
            },
            Some(Kind::Source(notice)) => Event::Source { cursor, notice },
            // None is a kind of a later version, and there is nothing here to acknowledge.
            Some(Kind::Heartbeat(_) | Kind::AckConfirmed(_) | Kind::Closing(_)) | None => {
                self.cursor = cursor;
                return;
            }
        };
        self.ready.push_back(event);
    }

    fn take_alerts(&mut self, batch: pb::AlertBatch) {
        self.ready.extend(batch.records.into_iter().map(|record| {
            // An alert that cannot be read is empty rather than the stream's end.
            let alert = Box::new(record.decode_alert().unwrap_or_default());
            let cursor = record.cursor;
            Event::Alert { cursor, alert }
        }));
    }

    fn pause(&mut self, broken: Broken) {
        let delay: Duration = self.calls.pause(&broken);
        self.ready.push_back(Event::Reconnecting {
            cursor: self.cursor.clone(),
            why: broken.why,
            error: broken.error,
            delay,
        });
    }
}
