use std::{collections::VecDeque, fmt, mem, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tonic::{Status, Streaming, transport::Channel};

use super::{Error, Event};
use crate::pb::{
    self, alert_service_client::AlertServiceClient, stream_alerts_request::Start,
    stream_frame::Kind,
};

/// Missing this many heartbeats, a stream is dead though nobody said so.
const MISSED_HEARTBEATS: u32 = 3;

/// For the first frame, which comes at once.
const OPEN_PATIENCE: Duration = Duration::from_secs(30);

/// The first and the longest wait before trying again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What a gateway asks for beyond this it cannot mean.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// The largest frame that is taken: far larger than any that a gateway makes.
const LARGEST_FRAME: usize = 64 << 20;

/// Events of a stream that is opened again, where it was, whenever it breaks.
///
/// Somebody who was away for longer than the gateway keeps alerts goes on with the
/// oldest there is, after an [`Event::Loss`].
#[derive(Debug)]
pub struct AlertStream {
    client: AlertServiceClient<Channel>,
    request: pb::StreamAlertsRequest,
    cursor: String,
    call: Call,
    was_open: bool,
    wait: Duration,
    /// Of the frame that came last.
    ready: VecDeque<Event>,
}

/// What there is of a call.
enum Call {
    /// It is to be made at this time.
    Due(Instant),
    /// It is being made.
    Opening(BoxFuture<'static, Result<Streaming<pb::StreamFrame>, Broken>>),
    Open(Box<Open>),
    /// There will be none.
    Over,
}

struct Open {
    frames: Streaming<pb::StreamFrame>,
    patience: Duration,
    /// Since when the next frame is waited for.
    waiting_since: Option<Instant>,
    /// What is to be said of its end.
    end: Broken,
}

/// Why a call ended without an end of the stream.
struct Broken {
    why: String,
    error: Option<Error>,
    /// Not sooner than this.
    delay: Duration,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Due(_) => "Due",
            Self::Opening(_) => "Opening",
            Self::Open(_) => "Open",
            Self::Over => "Over",
        })
    }
}

impl AlertStream {
    /// A stream of what `request` asks for. Nothing is sent before the first event is
    /// asked for.
    pub fn new(channel: Channel, request: pb::StreamAlertsRequest) -> Self {
        let cursor = match &request.start {
            Some(Start::AfterCursor(cursor)) => cursor.clone(),
            _ => String::new(),
        };
        Self {
            client: AlertServiceClient::new(channel).max_decoding_message_size(LARGEST_FRAME),
            request,
            cursor,
            call: Call::Due(Instant::now()),
            was_open: false,
            wait: FIRST_WAIT,
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
            match self.advance().await {
                Ok(()) if matches!(self.call, Call::Over) => return None,
                Ok(()) => {}
                Err(broken) if broken.is_final() => {
                    self.call = Call::Over;
                    return broken.error.map(Err);
                }
                Err(broken) => self.pause(broken),
            }
        }
    }

    /// One step. Cancelling it loses nothing: what is under way stays in the call.
    async fn advance(&mut self) -> Result<(), Broken> {
        match &mut self.call {
            Call::Over => {}
            Call::Due(time) => {
                sleep_until(*time).await;
                self.call = Call::Opening(self.open());
            }
            Call::Opening(opening) => self.call = Call::Open(Box::new(Open::new(opening.await?))),
            Call::Open(open) => match open.next().await? {
                Some(frame) => self.take(frame),
                None => return Err(mem::take(&mut open.end)),
            },
        }
        Ok(())
    }

    fn open(&self) -> BoxFuture<'static, Result<Streaming<pb::StreamFrame>, Broken>> {
        let (mut client, request) = (self.client.clone(), self.next_request());
        let opening = async move {
            let opened = timeout(OPEN_PATIENCE, client.stream_alerts(request)).await;
            Ok(opened.map_err(|_| Broken::silent())??.into_inner())
        };
        opening.boxed()
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
        match frame.kind {
            Some(Kind::Opened(grant)) => {
                self.was_open = true;
                self.wait = FIRST_WAIT;
                self.heed(&grant);
                self.ready.push_back(Event::Opened { cursor, grant });
            }
            Some(Kind::Alerts(batch)) => self.take_alerts(batch),
            Some(Kind::Loss(notice)) => self.ready.push_back(Event::Loss { cursor, notice }),
            Some(Kind::StateChange(change)) => self.ready.push_back(Event::State {
                cursor,
                state: change.state(),
            }),
            Some(Kind::Source(notice)) => self.ready.push_back(Event::Source { cursor, notice }),
            Some(Kind::Closing(closing)) => {
                self.cursor = cursor;
                self.close(&closing);
            }
            // None is a kind of a later version, and there is nothing here to acknowledge.
            Some(Kind::Heartbeat(_) | Kind::AckConfirmed(_)) | None => self.cursor = cursor,
        }
    }

    fn take_alerts(&mut self, batch: pb::AlertBatch) {
        self.ready.extend(batch.records.into_iter().map(|record| {
            // An alert that cannot be read is empty rather than the stream's end.
            let alert = Box::new(record.decode_alert().unwrap_or_default());
            let cursor = record.cursor;
            Event::Alert { cursor, alert }
        }));
    }

    fn heed(&mut self, grant: &pb::Opened) {
        let heartbeat = asked(grant.heartbeat_interval);
        if let Call::Open(open) = &mut self.call
            && !heartbeat.is_zero()
        {
            open.patience = heartbeat * MISSED_HEARTBEATS;
        }
    }

    fn close(&mut self, closing: &pb::Closing) {
        if closing.reason() == pb::ClosingReason::ReachedHead {
            self.call = Call::Over;
        } else if let Call::Open(open) = &mut self.call {
            let delay = asked(closing.resume_delay);
            open.end = Broken::because("the gateway closed the stream", delay);
        }
    }

    fn pause(&mut self, broken: Broken) {
        // Never sooner than is asked for, and not all clients at once.
        let delay = broken
            .delay
            .max(self.wait)
            .mul_f64(1.0 + fastrand::f64() / 2.0);
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.call = Call::Due(Instant::now() + delay);
        self.ready.push_back(Event::Reconnecting {
            cursor: self.cursor.clone(),
            why: broken.why,
            error: broken.error,
            delay,
        });
    }
}

impl Open {
    fn new(frames: Streaming<pb::StreamFrame>) -> Self {
        Self {
            frames,
            patience: OPEN_PATIENCE,
            waiting_since: None,
            end: Broken::default(),
        }
    }

    async fn next(&mut self) -> Result<Option<pb::StreamFrame>, Broken> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        // What is there already is taken, however late.
        let next = timeout_at(since + self.patience, self.frames.message()).await;
        self.waiting_since = None;
        let next = next.map_err(|_| Broken::silent())?;
        // What was asked before holds, however the call ended.
        next.map_err(|status| Broken::from(status).not_before(self.end.delay))
    }
}

/// What a gateway can mean of a time that it asks for.
fn asked(duration: Option<prost_types::Duration>) -> Duration {
    let duration = duration.and_then(|it| it.try_into().ok());
    duration.unwrap_or(Duration::ZERO).min(LONGEST_ASKED)
}

impl Default for Broken {
    fn default() -> Self {
        Self::because("the stream ended", Duration::ZERO)
    }
}

impl Broken {
    fn because(why: &str, delay: Duration) -> Self {
        Self {
            why: why.to_owned(),
            error: None,
            delay,
        }
    }

    fn not_before(self, delay: Duration) -> Self {
        Self {
            delay: self.delay.max(delay),
            ..self
        }
    }

    fn silent() -> Self {
        Self::because("the gateway fell silent", Duration::ZERO)
    }

    fn is_final(&self) -> bool {
        self.error.as_ref().is_some_and(Error::is_final)
    }
}

impl From<Status> for Broken {
    fn from(status: Status) -> Self {
        let error = Error::from(status);
        Self {
            why: error.to_string(),
            delay: error.retry_delay().unwrap_or_default().min(LONGEST_ASKED),
            error: Some(error),
        }
    }
}
