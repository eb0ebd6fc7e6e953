use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    super::{
        Batching, ClosingReason, Cursor, Frame, FrameKind, OnExpired, Overflow, Request, Start,
        Subscription, View, request::bytes_of,
    },
    SubscriptionError, Subscriptions,
    lease::{End, Given, Lease},
    window::Window,
};
use crate::log::Position;

/// What a consumer asks for.
#[derive(Debug, Clone)]
pub struct ConsumeRequest {
    /// How many alerts may be delivered and not acknowledged.
    pub window_alerts: usize,
    /// About how many bytes they may take.
    pub window_bytes: u64,
    /// How much of each alert.
    pub view: View,
    /// After how much silence a heartbeat comes.
    pub heartbeat: Duration,
    /// The client's name for itself.
    pub label: String,
    /// The client's address.
    pub peer: String,
    /// Who the client is.
    pub identity: String,
}

impl ConsumeRequest {
    /// The most alerts that a window may have, and what it has unasked.
    pub const MOST_ALERTS: usize = 10_000;
    /// See [`Self::MOST_ALERTS`].
    pub const ALERTS: usize = 1000;

    /// The most bytes that a window may have, and what it has unasked.
    pub const MOST_BYTES: u64 = 64 << 20;
    /// See [`Self::MOST_BYTES`].
    pub const BYTES: u64 = 8 << 20;

    /// So small that one frame can be on its way while another is dealt with.
    fn batching(&self) -> Batching {
        let usual = Batching::default();
        let bytes = usize::try_from(self.window_bytes / 4).unwrap_or(usize::MAX);
        Batching {
            max_alerts: (self.window_alerts / 4).clamp(1, usual.max_alerts),
            max_bytes: bytes.clamp(1, usual.max_bytes),
            ..usual
        }
    }

    pub(super) fn window(&self) -> Window {
        let frame = self.batching().max_alerts;
        Window::new(self.window_alerts, self.window_bytes, frame)
    }
}

/// A durable subscription that is being consumed. Dropping it is leaving: what is not
/// acknowledged then comes again.
#[derive(Debug)]
pub struct Consumer {
    subscriptions: Subscriptions,
    lease: Lease,
    stream: Subscription,
    view: View,
    heartbeat: Duration,
    /// The position after the last frame.
    position: Position,
    /// The last that the client acknowledged, and the last that it was told to be
    /// confirmed.
    acknowledged: Position,
    told: Position,
    /// While the window is full, when it is to be told that all is well.
    heartbeat_at: Instant,
    ready: VecDeque<Frame>,
    is_over: bool,
}

/// What comes next to a consumer.
enum Next {
    Frame(Option<Frame>),
    Confirmed,
    Heartbeat,
    Draining,
    End(End),
}

impl Consumer {
    pub(super) async fn open(
        subscriptions: Subscriptions,
        lease: Lease,
        request: ConsumeRequest,
        now: Timestamp,
    ) -> Result<Self, SubscriptionError> {
        let delivery = subscriptions.delivery().clone();
        let start = lease.going.start;
        let wanted = Request {
            choice: lease.going.choice.clone(),
            since: None,
            start: Start::After(delivery.cursor(start)),
            on_expired: OnExpired::Earliest,
            stop_at_head: false,
            overflow: Overflow::CatchUp,
            view: request.view,
            batching: request.batching(),
            heartbeat: request.heartbeat,
            label: format!("subscription {}: {}", lease.durable.name, request.label),
            peer: request.peer,
            identity: request.identity,
        };
        let opened = delivery.open(wanted, now).await;
        let stream = opened.inspect_err(|_| lease.durable.leave(lease.epoch))?;
        let told = *lease.confirmed.borrow();
        Ok(Self {
            view: request.view,
            heartbeat: request.heartbeat,
            position: start,
            acknowledged: told,
            told,
            heartbeat_at: Instant::now() + request.heartbeat,
            ready: VecDeque::new(),
            is_over: false,
            subscriptions,
            lease,
            stream,
        })
    }

    /// The stream that it stands on.
    pub fn stream(&self) -> &Subscription {
        &self.stream
    }

    /// Everything up to and with `cursor` is dealt with.
    ///
    /// # Errors
    /// When it is no cursor of this log, was not delivered, or another consumer has
    /// taken over.
    pub fn acknowledge(&mut self, cursor: Cursor) -> Result<(), SubscriptionError> {
        let position = cursor.position_in(self.subscriptions.delivery().log())?;
        let Lease { durable, epoch, .. } = &self.lease;
        durable.acknowledge(*epoch, position)?;
        self.acknowledged = self.acknowledged.max(position);
        self.subscriptions.shared.dirty.notify_one();
        Ok(())
    }

    /// The next frame; none at the end. It may be cancelled and called again.
    ///
    /// # Errors
    /// At the end, when another consumer has taken over or the subscription is gone.
    pub async fn next(&mut self) -> Option<Result<Frame, SubscriptionError>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                self.heartbeat_at = Instant::now() + self.heartbeat;
                return Some(Ok(frame));
            }
            if self.is_over {
                return None;
            }
            match self.wait().await {
                Next::Frame(Some(frame)) => {
                    if let Err(error) = self.deliver(frame) {
                        self.is_over = true;
                        return Some(Err(error));
                    }
                }
                Next::Frame(None) => self.is_over = true,
                Next::Confirmed => self.tell_confirmed(),
                Next::Heartbeat => self.beat(),
                Next::Draining => self.close(ClosingReason::Draining),
                Next::End(End::Changed) => self.close(ClosingReason::SubscriptionChanged),
                Next::End(End::Superseded(by)) => {
                    self.is_over = true;
                    return Some(Err(SubscriptionError::Superseded(by)));
                }
                Next::End(End::Deleted) => {
                    self.is_over = true;
                    let name = &self.lease.durable.name;
                    return Some(Err(SubscriptionError::not_found(name)));
                }
            }
        }
    }

    async fn wait(&mut self) -> Next {
        let has_room = self.lease.durable.has_room(self.lease.epoch);
        tokio::select! {
            biased;
            end = ended(&mut self.lease.end) => Next::End(end),
            // Its sender is in the lease.
            _ = self.lease.confirmed.changed() => Next::Confirmed,
            // Nobody asked to be disconnected for being slow, so there is no error.
            frame = self.stream.next(), if has_room => Next::Frame(frame.and_then(Result::ok)),
            () = self.subscriptions.shared.delivery.draining(), if !has_room => Next::Draining,
            () = sleep_until(self.heartbeat_at), if !has_room => Next::Heartbeat,
        }
    }

    fn deliver(&mut self, frame: Frame) -> Result<(), SubscriptionError> {
        self.position = frame.position;
        let mut given = Vec::new();
        let mut told = Vec::new();
        match &frame.kind {
            // What was lost before comes right behind the first frame.
            FrameKind::Opened(_) => told = std::mem::take(&mut self.lease.going.losses),
            FrameKind::Alerts(alerts) => {
                let alerts = alerts.entries().iter();
                let bytes = |entry| bytes_of(self.view, entry);
                given.extend(alerts.map(|it| Given::Alert(it.position, bytes(it))));
            }
            FrameKind::Loss(loss) => given.push(Given::Loss(*loss)),
            _ => {}
        }
        given.extend(told.iter().copied().map(Given::Loss));
        let Lease { durable, epoch, .. } = &self.lease;
        durable.give(*epoch, self.position, given)?;
        self.ready.push_back(frame);
        for loss in told {
            self.say(FrameKind::Loss(loss));
        }
        Ok(())
    }

    /// The client's own acknowledgement, to the letter, and what was beyond it for itself:
    /// so whoever waits for the cursor that he sent does not wait in vain.
    fn tell_confirmed(&mut self) {
        let confirmed = *self.lease.confirmed.borrow_and_update();
        for position in [self.acknowledged.min(confirmed), confirmed] {
            if position > self.told {
                self.told = position;
                self.say(FrameKind::AckConfirmed(position));
            }
        }
    }

    fn beat(&mut self) {
        let log = self.subscriptions.delivery().log();
        let bounds = log.bounds();
        let sees_all = self.lease.going.choice.sees_all();
        self.say(FrameKind::Heartbeat {
            head_time: bounds.head_time.filter(|_| sees_all),
            lag: sees_all.then(|| bounds.head.since(self.position)),
        });
    }

    /// Ends it here. What was made ready and not handed out comes again, to whoever
    /// consumes next.
    pub fn cut(&mut self, reason: ClosingReason) {
        if !self.is_over {
            self.ready.clear();
            self.close(reason);
        }
    }

    fn close(&mut self, reason: ClosingReason) {
        self.is_over = true;
        self.say(FrameKind::Closing(reason));
    }

    fn say(&mut self, kind: FrameKind) {
        self.ready.push_back(Frame {
            position: self.position,
            kind,
        });
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.lease.durable.leave(self.lease.epoch);
    }
}

/// Waits for the end of the lease.
async fn ended(end: &mut watch::Receiver<Option<End>>) -> End {
    loop {
        if let Some(end) = end.borrow_and_update().clone() {
            return end;
        }
        if end.changed().await.is_err() {
            // Its sender has gone without a word, as it does when the consumer leaves.
            return std::future::pending().await;
        }
    }
}
