use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    super::{
        Batching, ClosingReason, Cursor, Frame, FrameKind, Loss, OnExpired, Overflow, Request,
        Start, Subscription, View,
    },
    SubscriptionError, Subscriptions,
    held::{End, Lease},
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
}

/// A durable subscription that is being consumed. Dropping it is leaving: what is not
/// acknowledged then comes again.
#[derive(Debug)]
pub struct Consumer {
    subscriptions: Subscriptions,
    lease: Lease,
    stream: Subscription,
    window: Window,
    heartbeat: Duration,
    /// What it is to be told behind its first frame.
    lost: Option<Loss>,
    /// The position after the last frame.
    position: Position,
    /// What it was told is confirmed.
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
    End(End),
}

impl Consumer {
    pub(super) async fn open(
        subscriptions: Subscriptions,
        lease: Lease,
        request: ConsumeRequest,
        now: Timestamp,
    ) -> Result<Self, SubscriptionError> {
        // Small enough that one can be on its way while another is dealt with.
        let frame = (request.window_alerts / 4).clamp(1, Batching::default().max_alerts);
        let delivery = subscriptions.delivery().clone();
        let label = format!("subscription {}: {}", lease.durable.name, request.label);
        let wanted = Request {
            filter: lease.filter.clone(),
            start: Start::After(delivery.cursor(lease.start)),
            on_expired: OnExpired::Earliest,
            stop_at_head: false,
            overflow: Overflow::CatchUp,
            view: request.view,
            batching: Batching {
                max_alerts: frame,
                ..Batching::default()
            },
            heartbeat: request.heartbeat,
            label,
            peer: request.peer,
        };
        let opened = delivery.open(wanted, now).await;
        let stream = opened.inspect_err(|_| lease.durable.leave(lease.epoch))?;
        let told = *lease.confirmed.borrow();
        Ok(Self {
            window: Window::new(request.window_alerts, request.window_bytes, frame),
            heartbeat: request.heartbeat,
            lost: lease.lost,
            position: lease.start,
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
        self.acknowledge_to(position)
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
                Next::Frame(Some(frame)) => self.deliver(frame),
                Next::Frame(None) => self.is_over = true,
                Next::Confirmed => self.tell_confirmed(),
                Next::Heartbeat => self.beat(),
                Next::End(End::Changed) => {
                    self.is_over = true;
                    self.say(FrameKind::Closing(ClosingReason::SubscriptionChanged));
                }
                Next::End(End::Superseded(by)) => {
                    self.is_over = true;
                    return Some(Err(SubscriptionError::Superseded(by)));
                }
                Next::End(End::Deleted) => {
                    self.is_over = true;
                    let name = self.lease.durable.name.clone();
                    return Some(Err(SubscriptionError::NotFound(name)));
                }
            }
        }
    }

    async fn wait(&mut self) -> Next {
        let has_room = self.window.has_room();
        tokio::select! {
            biased;
            end = ended(&mut self.lease.end) => Next::End(end),
            // Its sender is in the lease.
            _ = self.lease.confirmed.changed() => Next::Confirmed,
            // Nobody asked to be disconnected for being slow, so there is no error.
            frame = self.stream.next(), if has_room => Next::Frame(frame.and_then(Result::ok)),
            () = sleep_until(self.heartbeat_at), if !has_room => Next::Heartbeat,
        }
    }

    fn deliver(&mut self, frame: Frame) {
        self.position = frame.position;
        let mut lost = None;
        match &frame.kind {
            FrameKind::Opened(_) => lost = self.lost.take(),
            FrameKind::Alerts(alerts) => {
                for entry in alerts.entries() {
                    self.window.push(entry.position, entry.encoded.len());
                }
            }
            // Told is not heard: it is as outstanding as an alert.
            FrameKind::Loss(loss) => self.window.push_gap(loss.through),
            _ => {}
        }
        self.ready.push_back(frame);
        if let Some(lost) = lost {
            self.window.push_gap(lost.through);
            self.say(FrameKind::Loss(lost));
        }
        self.note_delivered();
        if self.window.is_empty() {
            // Nothing is outstanding, so there is nothing to wait for. Whoever has taken
            // over meanwhile is heard of with the next frame.
            let _ = self.acknowledge_to(self.position);
        }
    }

    fn acknowledge_to(&mut self, position: Position) -> Result<(), SubscriptionError> {
        let Lease { durable, epoch, .. } = &self.lease;
        if durable.acknowledge(*epoch, position)? {
            self.subscriptions.shared.dirty.notify_one();
        }
        self.window.acknowledge(position);
        self.note_delivered();
        Ok(())
    }

    fn note_delivered(&self) {
        let Lease { durable, epoch, .. } = &self.lease;
        durable.delivered(*epoch, self.position, self.window.len() as u64);
    }

    fn tell_confirmed(&mut self) {
        let confirmed = *self.lease.confirmed.borrow_and_update();
        if confirmed > self.told {
            self.told = confirmed;
            self.say(FrameKind::AckConfirmed(confirmed));
        }
    }

    fn beat(&mut self) {
        let log = self.subscriptions.delivery().log();
        let bounds = log.bounds();
        self.say(FrameKind::Heartbeat {
            head_time: bounds.head_time,
            lag: bounds.head.since(self.position),
        });
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
