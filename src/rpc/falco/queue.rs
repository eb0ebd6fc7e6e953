use std::sync::Arc;

use super::response::Responses;
use crate::{
    clock,
    delivery::{
        AlertFrame, Delivery, Frame, FrameKind, Loss, LossCause, OpenError, Request, Subscription,
    },
    log::Position,
    pb::falco::outputs::Response,
};

/// The alerts of a subscription as responses, one after the other.
///
/// What is at hand is never more than one frame; the rest waits in the log.
#[derive(Debug)]
pub(super) struct Queue {
    subscription: Subscription,
    responses: Responses,
    /// The frame that is being given out, and how many of it were.
    frame: Option<(Arc<AlertFrame>, usize)>,
    /// Everything up to here was given out.
    position: Position,
}

impl Queue {
    /// What `request` asks for.
    pub(super) async fn open(
        delivery: &Delivery,
        request: Request,
        responses: Responses,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            subscription: delivery.open(request, clock::now()).await?,
            responses,
            frame: None,
            position: Position::START,
        })
    }

    /// Everything up to here was given out.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// The next response; none at the end. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Option<Response> {
        self.next_up_to(Position(u64::MAX)).await
    }

    /// The next response up to `end`, without waiting for what is not there yet.
    pub(super) async fn next_up_to(&mut self, end: Position) -> Option<Response> {
        loop {
            if let Some(response) = self.at_hand() {
                return Some(response);
            }
            if self.position >= end {
                return None;
            }
            if let Some(response) = self.step().await? {
                return Some(response);
            }
        }
    }

    /// The next response, or only another position; none at the end. Cancelling it loses
    /// nothing.
    pub(super) async fn step(&mut self) -> Option<Option<Response>> {
        if let Some(response) = self.at_hand() {
            return Some(Some(response));
        }
        // Nobody asked to be disconnected for being slow, so there is no error.
        let frame = self.subscription.next().await?.ok()?;
        Some(self.take(frame))
    }

    fn at_hand(&mut self) -> Option<Response> {
        let (alerts, given) = self.frame.as_mut()?;
        let Some(entry) = alerts.entries().get(*given) else {
            self.position = alerts.position();
            self.frame = None;
            return None;
        };
        *given += 1;
        self.position = entry.position;
        Some(match entry.alert() {
            Some(alert) => self.responses.alert(alert),
            None => self
                .responses
                .loss(&unreadable(entry.position), clock::now()),
        })
    }

    fn take(&mut self, frame: Frame) -> Option<Response> {
        if let FrameKind::Alerts(alerts) = frame.kind {
            self.frame = Some((alerts, 0));
            return None;
        }
        self.position = frame.position;
        match frame.kind {
            FrameKind::Loss(loss) => Some(self.responses.loss(&loss, clock::now())),
            _ => None,
        }
    }
}

/// What was written by another version of the gateway, say.
fn unreadable(position: Position) -> Loss {
    Loss {
        after: position.previous(),
        through: position,
        lost: 1,
        lower_bound: false,
        cause: LossCause::Corruption,
    }
}
