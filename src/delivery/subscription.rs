use std::{collections::VecDeque, mem, sync::Arc};

use super::{
    ClosingReason, Delivery, Frame, FrameKind, Loss, LossCause, Opened, Overflow, Request,
    StreamState,
    class::{Ahead, AlertFrame, Chunk, Class, Part},
    live::Live,
    registry::Registration,
    request::Origin,
    skip::Skip,
    timing::Timing,
};
use crate::{
    log::{self, Cause, Log, Position, Read, Reader},
    source::Sources,
};

/// How many alerts are taken from the log at a time, and where chunks end:
/// subscribers at different places meet there.
const CHUNK: u64 = 256;

/// A live stream that lags by more than this is catching up again, and says so.
const CATCHING_UP_LAG: u64 = 4096;

/// A subscriber's filter and position, moving along the log.
///
/// Dropping it is unsubscribing.
#[derive(Debug)]
pub struct Subscription {
    request: Request,
    registration: Registration,
    log: Log,
    reader: Reader,
    class: Arc<Class>,
    /// Everything up to here is delivered, or did not match.
    scanned: Position,
    /// The position after the last frame that was handed out.
    handed: Position,
    state: StreamState,
    /// It has been live: from then on falling behind means something.
    was_live: bool,
    skip: Option<Skip>,
    /// Where the stream ends, and why.
    end: Option<(Position, ClosingReason)>,
    /// Decided and not yet handed out: a few frames at most.
    ready: VecDeque<Frame>,
    failure: Option<SlowConsumer>,
    closed: bool,
    timing: Timing,
    sources: Sources,
    sources_seen: u64,
    live: Live,
    overflow_lag: u64,
}

/// A subscription that fell behind and had asked to be disconnected then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream fell {lag} alerts behind, and its overflow policy is to be disconnected then")]
pub struct SlowConsumer {
    /// How far behind it was.
    pub lag: u64,
}

impl Subscription {
    pub(super) fn new(
        delivery: &Delivery,
        request: Request,
        origin: Origin,
        class: Arc<Class>,
        registration: Registration,
    ) -> Self {
        let reader = delivery.log.reader(origin.after, request.choice.witness());
        let bounds = delivery.log.bounds();
        let end = request
            .stop_at_head
            .then_some((bounds.head, ClosingReason::ReachedHead));
        let mut subscription = Self {
            class,
            registration,
            log: delivery.log.clone(),
            reader,
            scanned: origin.after,
            handed: origin.after,
            state: StreamState::CatchingUp,
            was_live: false,
            skip: origin
                .skip_through
                .map(|through| Skip::new(origin.after, through)),
            end,
            ready: VecDeque::new(),
            failure: None,
            closed: false,
            timing: Timing::new(request.heartbeat, request.batching.max_delay),
            sources: delivery.sources.clone(),
            sources_seen: delivery.live.sources(),
            live: delivery.live.clone(),
            overflow_lag: delivery.config.overflow_lag,
            request,
        };
        subscription.emit(FrameKind::Opened(Opened {
            start: origin.after,
            earliest: origin.earliest,
            earliest_time: bounds.earliest_time.filter(|_| {
                subscription.request.choice.sees_all() && origin.earliest == bounds.start
            }),
        }));
        subscription.emit(FrameKind::State(StreamState::CatchingUp));
        subscription
    }

    /// What was asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The stream's id.
    pub fn id(&self) -> &str {
        &self.registration.progress().id
    }

    /// The next frame, when there is one; none at the end.
    ///
    /// # Errors
    /// At the end, when the subscriber was too slow and had asked to be
    /// disconnected then.
    pub async fn next(&mut self) -> Option<Result<Frame, SlowConsumer>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                self.timing.said_something();
                self.handed = frame.position;
                return Some(Ok(frame));
            }
            if self.closed {
                return self.failure.take().map(Err);
            }
            self.advance().await;
        }
    }

    /// Ends it here, after what was handed out: what was made ready since is not for this
    /// subscriber any more.
    pub fn close(&mut self, reason: ClosingReason) {
        if self.closed {
            return;
        }
        self.ready.clear();
        self.scanned = self.handed;
        self.failure = None;
        self.emit(FrameKind::Closing(reason));
        self.closed = true;
    }

    /// One step: reads on, or waits. Cancelling it loses nothing, since nothing
    /// is taken before an await.
    async fn advance(&mut self) {
        let version = self.class.version();
        if self.live.is_draining() && self.end.is_none() {
            self.end = Some((self.reader.head(), ClosingReason::Draining));
        }
        self.tell_sources();
        let head = self.head();
        let ahead = self.look_ahead(head);
        self.mind_the_lag(head);
        if self.closed {
            return;
        }
        let through = self.read_through();
        if through <= self.scanned {
            self.reach_end();
            return;
        }
        if head <= self.scanned {
            self.rest_at_head(version).await;
        } else if self.holds_back(head, through) {
            self.rest(version).await;
        } else if let Some(chunk) = self.find(through, ahead) {
            self.take(&chunk);
        } else {
            self.read(through).await;
        }
        if self.ready.is_empty() && self.timing.is_silent() {
            self.beat();
        }
    }

    /// The log's head; to a stream without an end that is as much as it has been
    /// told of.
    fn head(&self) -> Position {
        if self.is_bounded() {
            self.reader.head()
        } else {
            self.live.told()
        }
    }

    /// Whether it goes on to a certain position, and not just on.
    fn is_bounded(&self) -> bool {
        self.end.is_some() || self.skip.is_some()
    }

    /// What it knows of the log up to `head` without reading. Moves on over what is
    /// not for it.
    fn look_ahead(&mut self, head: Position) -> Ahead {
        if self.is_bounded() {
            return Ahead::Unknown;
        }
        let ahead = self.class.ahead(self.scanned, head);
        if let Ahead::Nothing(through) = ahead
            && through > self.scanned
            && self.reader.pass(through)
        {
            self.move_to(through);
        }
        ahead
    }

    /// Up to where may be read in one go; nothing more at the end.
    fn read_through(&self) -> Position {
        let chunk_end = Position((self.scanned.0 / CHUNK + 1) * CHUNK);
        let end = self.end.map(|(end, _)| end);
        let skipped = self.skip.as_ref().map(|skip| skip.through);
        [end, skipped]
            .into_iter()
            .flatten()
            .fold(chunk_end, Position::min)
    }

    /// Whether alerts are there and wait for more to be sent together with.
    fn holds_back(&mut self, head: Position, through: Position) -> bool {
        let waiting = head.since(self.scanned);
        let is_enough = waiting >= self.request.batching.max_alerts as u64 || head >= through;
        self.timing
            .holds_back(!is_enough && !self.live.is_draining())
    }

    /// What comes next, if another one of the class found it or it is at hand.
    fn find(&mut self, through: Position, ahead: Ahead) -> Option<Arc<Chunk>> {
        let fits = |chunk: &Arc<Chunk>| !self.is_bounded() || chunk.through <= through;
        let found = self.class.find(self.scanned).filter(fits);
        let chunk = found.or_else(|| self.pick(ahead))?;
        self.reader.pass(chunk.through).then_some(chunk)
    }

    /// The chunk of what is known to be ahead.
    fn pick(&self, ahead: Ahead) -> Option<Arc<Chunk>> {
        let Ahead::Places { places, through } = ahead else {
            return None;
        };
        let picked = self.reader.pick(&places)?;
        let through = picked.ends_before.map_or(through, |place| place.previous());
        let entries = picked.entries;
        (through > self.scanned).then(|| self.class.make(self.scanned, through, entries))
    }

    async fn read(&mut self, through: Position) {
        let limit = usize::try_from(through.since(self.scanned)).unwrap_or(usize::MAX);
        match self.reader.read(limit).await {
            Read::Entries(entries) => {
                let through = entries.last().map_or(self.scanned, |last| last.position);
                let chunk = self.class.make(self.scanned, through, entries);
                self.take(&chunk);
                // A long stretch without a match must not keep the thread.
                if self.ready.is_empty() {
                    tokio::task::yield_now().await;
                }
            }
            Read::Lost(lost) => self.pass_over(lost),
            Read::AtHead => {}
        }
    }

    fn take(&mut self, chunk: &Chunk) {
        for part in &chunk.parts {
            match part {
                Part::Frame(frame) => self.deliver(frame),
                Part::Unreadable(position) => self.pass_over(log::Lost {
                    after: position.previous(),
                    through: *position,
                    cause: Cause::Corruption,
                    count: 0,
                    lower_bound: true,
                }),
            }
        }
        self.move_to(chunk.through);
        self.finish_skip();
    }

    fn move_to(&mut self, position: Position) {
        self.scanned = position;
        self.registration.progress().moved_to(position);
    }

    fn deliver(&mut self, frame: &Arc<AlertFrame>) {
        let alerts = frame.entries().len();
        if let Some(skip) = &mut self.skip {
            skip.count(alerts as u64);
            return;
        }
        self.registration.progress().delivered(alerts);
        self.ready.push_back(Frame {
            position: frame.position(),
            kind: FrameKind::Alerts(Arc::clone(frame)),
        });
    }

    fn pass_over(&mut self, lost: log::Lost) {
        self.scanned = lost.through;
        if let Some(skip) = &mut self.skip {
            skip.pass_over(&lost);
            self.finish_skip();
            return;
        }
        self.lose(Loss {
            after: lost.after,
            through: lost.through,
            // What got lost on the way in may have been anybody's.
            lost: match lost.cause {
                Cause::Overflow if !self.sees_all() => 0,
                _ => lost.count,
            },
            lower_bound: lost.lower_bound || lost.cause == Cause::Overflow && !self.sees_all(),
            cause: match lost.cause {
                Cause::Retention => LossCause::Retention,
                Cause::Corruption => LossCause::Corruption,
                Cause::Overflow => LossCause::IngestOverflow,
            },
        });
        let fell_off = lost.cause == Cause::Retention && self.was_live;
        if fell_off && self.request.overflow == Overflow::Disconnect {
            self.disconnect(self.reader.head().since(lost.after));
        }
    }

    /// Ends a skip once everything of it is counted.
    fn finish_skip(&mut self) {
        if let Some(skip) = self.skip.take_if(|skip| skip.through <= self.scanned) {
            self.lose(skip.told_at(self.scanned));
        }
    }

    /// Says what is lost; a gap in which nothing matched is no loss.
    fn lose(&mut self, loss: Loss) {
        if loss.lost > 0 || loss.lower_bound {
            self.registration.progress().lost(loss.lost);
            self.emit(FrameKind::Loss(loss));
        }
    }

    /// What happens to a stream that was live and is no longer near the head.
    fn mind_the_lag(&mut self, head: Position) {
        if !self.was_live || self.skip.is_some() || self.end.is_some() {
            return;
        }
        let lag = head.since(self.scanned);
        match self.request.overflow {
            Overflow::SkipAhead if lag > self.overflow_lag => {
                self.skip = Some(Skip::new(self.scanned, head));
            }
            Overflow::Disconnect if lag > self.overflow_lag => self.disconnect(lag),
            _ if lag > CATCHING_UP_LAG => self.enter(StreamState::CatchingUp),
            _ => {}
        }
    }

    fn disconnect(&mut self, lag: u64) {
        self.emit(FrameKind::Closing(ClosingReason::SlowConsumer));
        self.failure = Some(SlowConsumer { lag });
        self.closed = true;
    }

    fn reach_end(&mut self) {
        self.finish_skip();
        if let Some((_, reason)) = self.end.filter(|(end, _)| *end <= self.scanned) {
            self.enter(StreamState::Live);
            self.emit(FrameKind::Closing(reason));
            self.closed = true;
        }
    }

    async fn rest_at_head(&mut self, version: u64) {
        if self.state == StreamState::CatchingUp {
            self.enter(StreamState::Live);
            return;
        }
        self.rest(version).await;
    }

    /// Waits until its class is stirred, which had `version`, or for what the time
    /// brings.
    async fn rest(&mut self, version: u64) {
        tokio::select! {
            () = self.class.changed(version) => {}
            () = self.timing.wait() => {}
        }
    }

    fn tell_sources(&mut self) {
        let version = self.live.sources();
        let seen = mem::replace(&mut self.sources_seen, version);
        // A source's counts are of all its alerts.
        if version != seen && self.sees_all() {
            for status in self.sources.changed_since(seen) {
                self.emit(FrameKind::Source(status));
            }
        }
    }

    fn beat(&mut self) {
        // It may have slept over alerts that are not for it.
        self.look_ahead(self.head());
        let lag = self.reader.head().since(self.scanned);
        let head_time = self.log.bounds().head_time;
        let sees_all = self.sees_all();
        self.emit(FrameKind::Heartbeat {
            head_time: head_time.filter(|_| sees_all),
            lag: sees_all.then_some(lag),
        });
    }

    fn sees_all(&self) -> bool {
        self.request.choice.sees_all()
    }

    fn enter(&mut self, state: StreamState) {
        if self.state != state {
            self.state = state;
            self.was_live |= state == StreamState::Live;
            self.registration.progress().entered(state);
            self.emit(FrameKind::State(state));
        }
    }

    fn emit(&mut self, kind: FrameKind) {
        self.ready.push_back(Frame {
            position: self.scanned,
            kind,
        });
    }
}
