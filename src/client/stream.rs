use std::{collections::VecDeque, fmt, mem, time::Duration};

use tokio::time::{Instant, sleep_until, timeout_at};
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
    Open(Box<Open>),
    /// There will be none.
    Over,
}

struct Open {
    frames: Streaming<pb::StreamFrame>,
    patience: Duration,
    /// Since when the next frame is waited for.
    waiting_since: Option<Instant>,
    closing: Option<pb::Closing>,
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
            let broken = match &mut self.call {
                Call::Over => return None,
                Call::Due(time) => {
                    sleep_until(*time).await;
                    self.open().await
                }
                Call::Open(open) => match open.next().await {
                    Ok(Some(frame)) => {
                        self.take(frame);
                        Ok(())
                    }
                    Ok(None) => self.end(),
                    Err(broken) => Err(broken),
                },
            };
            match broken {
                Ok(()) => {}
                Err(broken) if broken.is_final() => {
                    self.call = Call::Over;
                    return broken.error.map(Err);
                }
                Err(broken) => self.pause(broken),
            }
        }
    }

    async fn open(&mut self) -> Result<(), Broken> {
        let request = self.next_request();
        let opening = timeout_at(
            Instant::now() + OPEN_PATIENCE,
            self.client.stream_alerts(request),
        );
        let frames = opening.await.map_err(|_| Broken::silent())??.into_inner();
        self.call = Call::Open(Box::new(Open {
            frames,
            patience: OPEN_PATIENCE,
            waiting_since: None,
            closing: None,
        }));
        Ok(())
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
        let cursor = frame.cursor;
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
                if let Call::Open(open) = &mut self.call {
                    open.closing = Some(closing);
                }
            }
            // None is a kind of a later version.
            Some(Kind::Heartbeat(_)) | None => self.cursor = cursor,
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
        let heartbeat = grant.heartbeat_interval.and_then(|it| it.try_into().ok());
        if let (Call::Open(open), Some(heartbeat)) = (&mut self.call, heartbeat) {
            let heartbeat: Duration = heartbeat;
            open.patience = heartbeat * MISSED_HEARTBEATS;
        }
    }

    /// The call has ended with OK.
    fn end(&mut self) -> Result<(), Broken> {
        let Call::Open(open) = mem::replace(&mut self.call, Call::Over) else {
            return Ok(());
        };
        match open.closing {
            None if self.request.stop_at_head => Ok(()),
            None => Err(Broken::because("the stream ended", Duration::ZERO)),
            Some(closing) if closing.reason() == pb::ClosingReason::ReachedHead => Ok(()),
            Some(closing) => {
                let delay = closing.resume_delay.and_then(|it| it.try_into().ok());
                let why = "the gateway closed the stream";
                Err(Broken::because(why, delay.unwrap_or_default()))
            }
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
    async fn next(&mut self) -> Result<Option<pb::StreamFrame>, Broken> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        // What is there already is taken, however late.
        let next = timeout_at(since + self.patience, self.frames.message()).await;
        self.waiting_since = None;
        Ok(next.map_err(|_| Broken::silent())??)
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
            delay: error.retry_delay().unwrap_or_default(),
            error: Some(error),
        }
    }
}
