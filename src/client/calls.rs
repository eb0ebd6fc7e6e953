//! One call after the other: what is the same whether somebody streams or consumes.

use std::{fmt, mem, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::{Response, Status, Streaming};

use super::Error;
use crate::pb::{self, stream_frame::Kind};

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
pub(super) const LARGEST_FRAME: usize = 64 << 20;

/// A call that is being made.
pub(super) type Opening = BoxFuture<'static, Result<Response<Streaming<pb::StreamFrame>>, Status>>;

/// The calls of a stream, made anew whenever one breaks.
#[derive(Debug)]
pub(super) struct Calls {
    call: Call,
    wait: Duration,
}

/// What there is of a call.
enum Call {
    /// It is to be made at this time.
    Due(Instant),
    /// It is being made, until this time.
    Opening(Opening, Instant),
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
pub(super) struct Broken {
    pub(super) why: String,
    pub(super) error: Option<Error>,
    /// Not sooner than this.
    delay: Duration,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Due(_) => "Due",
            Self::Opening(..) => "Opening",
            Self::Open(_) => "Open",
            Self::Over => "Over",
        })
    }
}

impl Calls {
    /// The first is due at once.
    pub(super) fn new() -> Self {
        Self {
            call: Call::Due(Instant::now()),
            wait: FIRST_WAIT,
        }
    }

    /// The next frame, of a call that `open` makes if there is none; none at the end.
    /// Cancelling it loses nothing: what is under way stays here.
    pub(super) async fn next(
        &mut self,
        open: impl FnOnce() -> Opening,
    ) -> Result<Option<pb::StreamFrame>, Broken> {
        if let Call::Due(time) = self.call {
            sleep_until(time).await;
            self.call = Call::Opening(open(), Instant::now() + OPEN_PATIENCE);
        }
        if let Call::Opening(opening, until) = &mut self.call {
            let opened = timeout_at(*until, opening).await;
            let frames = opened.map_err(|_| Broken::silent())??.into_inner();
            self.call = Call::Open(Box::new(Open::new(frames)));
        }
        let Call::Open(open) = &mut self.call else {
            return Ok(None);
        };
        let Some(frame) = open.next().await? else {
            return Err(mem::take(&mut open.end));
        };
        self.heed(&frame);
        Ok(Some(frame))
    }

    /// There will be no other.
    pub(super) fn end(&mut self) {
        self.call = Call::Over;
    }

    /// When the next is made after `broken`.
    pub(super) fn pause(&mut self, broken: &Broken) -> Duration {
        // Never sooner than is asked for, and not all clients at once.
        let least = broken.delay.max(self.wait);
        let delay = least.mul_f64(1.0 + fastrand::f64() / 2.0);
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.call = Call::Due(Instant::now() + delay);
        delay
    }

    /// Does what a frame says about the call itself.
    fn heed(&mut self, frame: &pb::StreamFrame) {
        let Call::Open(open) = &mut self.call else {
            return;
        };
        match &frame.kind {
            Some(Kind::Opened(grant)) => {
                self.wait = FIRST_WAIT;
                let heartbeat = asked(grant.heartbeat_interval);
                if !heartbeat.is_zero() {
                    open.patience = heartbeat * MISSED_HEARTBEATS;
                }
            }
            Some(Kind::Closing(closing)) => {
                if closing.reason() == pb::ClosingReason::ReachedHead {
                    self.call = Call::Over;
                } else {
                    let delay = asked(closing.resume_delay);
                    open.end = Broken::because("the gateway closed the stream", delay);
                }
            }
            _ => {}
        }
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
    /// The error, if trying again cannot help.
    pub(super) fn into_final(self) -> Result<Error, Self> {
        match self.error {
            Some(error) if error.is_final() => Ok(error),
            error => Err(Self { error, ..self }),
        }
    }

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
