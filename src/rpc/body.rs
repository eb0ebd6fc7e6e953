//! Bodies that are watched: of requests that must come in time, and of answers whose calls
//! have a place.

use std::{
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use tonic::Status;

use super::{
    limits::{Door, Place, Reason},
    status,
};

/// A body that ends with an error when it is not whole in time, or when too much of too
/// many is not: who sends a byte now and then would else hold what was read of it for as
/// long as he likes.
pub(super) struct Timely {
    body: tonic::body::Body,
    door: Door,
    address: Option<IpAddr>,
    /// Made when there is something to wait for: what comes at once costs nothing.
    waiting: Option<Waiting>,
    room: Option<OwnedSemaphorePermit>,
}

struct Waiting {
    deadline: Pin<Box<Sleep>>,
    _place: Place,
}

impl Timely {
    /// `body`, of a request from `address`.
    pub(super) fn within(
        door: &Door,
        address: Option<IpAddr>,
        body: tonic::body::Body,
    ) -> tonic::body::Body {
        if body.is_end_stream() {
            return body;
        }
        tonic::body::Body::new(Self {
            body,
            door: door.clone(),
            address,
            waiting: None,
            room: None,
        })
    }

    /// There is room for what came.
    fn take_room(&mut self, bytes: usize) -> Result<(), Status> {
        let more = self.door.room(bytes).ok_or_else(status::overloaded)?;
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }
        Ok(())
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        let waiting = match &mut self.waiting {
            Some(waiting) => waiting,
            None => {
                let Some(place) = self.door.wait(self.address) else {
                    return Poll::Ready(status::overloaded());
                };
                self.waiting.insert(Waiting {
                    deadline: Box::pin(sleep(self.door.limits().request_time.0)),
                    _place: place,
                })
            }
        };
        waiting.deadline.as_mut().poll(cx).map(|()| {
            self.door.refused().count(Reason::SlowRequest);
            Status::deadline_exceeded("the request did not come in time: send it at once")
        })
    }
}

impl Body for Timely {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
                && let Err(status) = self.take_room(data.len())
            {
                return Poll::Ready(Some(Err(status)));
            }
            return Poll::Ready(frame);
        }
        self.poll_deadline(cx).map(|status| Some(Err(status)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, whose call has its place until the end of it.
pub(super) struct Held<P> {
    body: tonic::body::Body,
    _place: P,
}

impl<P: Send + Unpin + 'static> Held<P> {
    /// `body`, which holds `place`.
    pub(super) fn until_end_of(body: tonic::body::Body, place: P) -> tonic::body::Body {
        if body.is_end_stream() {
            return body;
        }
        let held = Self {
            body,
            _place: place,
        };
        tonic::body::Body::new(held)
    }
}

impl<P: Unpin> Body for Held<P> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
