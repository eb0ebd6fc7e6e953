use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{
    super::{
        Batching, Choice, Cursor, FrameKind, Loss, OnExpired, Overflow, Request, Start,
        StreamState, View, request::bytes_of,
    },
    SubscriptionError, Subscriptions,
    lease::{Given, Who},
    window::Window,
};
use crate::log::{Entry, Position};

/// Of the stream that a pull reads. A narrow filter over a long log moves on in several
/// pulls, each of about this length at least.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What somebody who pulls asks for.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// So many alerts at most.
    pub max_alerts: usize,
    /// How long to wait when there is nothing.
    pub max_wait: Duration,
    /// How much of each alert.
    pub view: View,
    /// That of an earlier pull; 0 takes the subscription over.
    pub epoch: u64,
    /// The client's address.
    pub peer: String,
    /// Who the client is.
    pub identity: String,
}

/// What was pulled.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The next alerts that are not acknowledged.
    pub entries: Vec<Arc<Entry>>,
    /// What will not come.
    pub losses: Vec<Loss>,
    /// What to acknowledge when all of this is dealt with.
    pub position: Position,
    /// What to pull and acknowledge with.
    pub epoch: u64,
}

impl Subscriptions {
    /// The next alerts that are not acknowledged.
    ///
    /// # Errors
    /// When there is no such subscription, another consumer has taken over, or the disk
    /// refuses.
    pub async fn pull(
        &self,
        name: &str,
        request: PullRequest,
        now: Timestamp,
    ) -> Result<Pulled, SubscriptionError> {
        let durable = self.find(name)?;
        let epoch = match request.epoch {
            0 => {
                let who = Who {
                    label: "pull".to_owned(),
                    peer: request.peer.clone(),
                    since: now,
                };
                let lease = self.take_over(name, who, Window::unbounded()).await?;
                lease.epoch
            }
            epoch => epoch,
        };
        durable.look_for_losses().await;
        let going = durable.again(epoch)?;
        let mut pulled = Pulled {
            entries: Vec::new(),
            losses: going.losses,
            position: going.start,
            epoch,
        };
        let reading = self.read(&mut pulled, going.choice, &request, now);
        tokio::select! {
            read = reading => read?,
            over = durable.over(epoch) => return Err(over),
        }
        let alerts = pulled.entries.iter();
        let alerts = alerts.map(|it| Given::Alert(it.position, bytes_of(request.view, it)));
        let losses = pulled.losses.iter().copied().map(Given::Loss);
        durable.give(epoch, pulled.position, losses.chain(alerts))?;
        self.shared.dirty.notify_one();
        Ok(pulled)
    }

    /// Acknowledges what was pulled in `epoch`; returns what is acknowledged once that
    /// is on disk.
    ///
    /// # Errors
    /// When there is no such subscription, another consumer has taken over, or the
    /// cursor was not delivered.
    pub async fn acknowledge(
        &self,
        name: &str,
        cursor: Cursor,
        epoch: u64,
    ) -> Result<Position, SubscriptionError> {
        let durable = self.find(name)?;
        let position = cursor.position_in(self.delivery().log())?;
        durable.acknowledge(epoch, position)?;
        self.shared.dirty.notify_one();
        durable.kept_up_to(epoch, position).await
    }

    /// Reads what comes after, up to what is asked for; waits only while there is
    /// nothing.
    async fn read(
        &self,
        pulled: &mut Pulled,
        choice: Choice,
        request: &PullRequest,
        now: Timestamp,
    ) -> Result<(), SubscriptionError> {
        let delivery = self.delivery();
        let max_alerts = request.max_alerts;
        let wanted = Request {
            choice,
            since: None,
            start: Start::After(delivery.cursor(pulled.position)),
            on_expired: OnExpired::Earliest,
            stop_at_head: false,
            overflow: Overflow::CatchUp,
            view: request.view,
            batching: Batching {
                max_alerts,
                max_bytes: Batching::MOST_BYTES,
                max_delay: Duration::ZERO,
            },
            heartbeat: HEARTBEAT,
            label: "pull".to_owned(),
            peer: request.peer.clone(),
            identity: request.identity.clone(),
        };
        let mut stream = delivery.open(wanted, now).await?;
        let until = Instant::now() + request.max_wait;
        let mut is_live = false;
        // One frame is never larger than what is asked for, and two may be.
        while pulled.entries.is_empty() {
            let next = match is_live {
                true => match timeout_at(until, stream.next()).await {
                    Ok(next) => next,
                    Err(_) => break,
                },
                false => stream.next().await,
            };
            let Some(Ok(frame)) = next else {
                break;
            };
            pulled.position = frame.position;
            match frame.kind {
                FrameKind::Alerts(alerts) => pulled.entries = alerts.entries().to_vec(),
                FrameKind::Heartbeat { .. } if !is_live && until <= Instant::now() => break,
                FrameKind::Loss(loss) => pulled.losses.push(loss),
                FrameKind::State(StreamState::Live) => {
                    is_live = true;
                    if !pulled.losses.is_empty() {
                        break;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
