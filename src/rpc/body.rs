//! The body of a request that must come in time.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::limits::{Reason, Refused};

/// A body that ends with an error when it is not whole in time: who sends a byte now and
/// then would else hold what was read of it for as long as he likes.
pub(super) struct Timely {
    body: tonic::body::Body,
    deadline: Pin<Box<Sleep>>,
    refused: Refused,
}

impl Timely {
    /// `body`, which may take so long.
    pub(super) fn within(
        time: Duration,
        body: tonic::body::Body,
        refused: Refused,
    ) -> tonic::body::Body {
        if body.is_end_stream() {
            return body;
        }
        tonic::body::Body::new(Self {
            body,
            deadline: Box::pin(sleep(time)),
            refused,
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
            return Poll::Ready(frame);
        }
        if self.deadline.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.refused.count(Reason::SlowRequest);
        let told = "the request did not come in time: send it at once";
        Poll::Ready(Some(Err(Status::deadline_exceeded(told))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
