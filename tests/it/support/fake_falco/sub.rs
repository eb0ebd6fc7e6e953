use std::{convert::Infallible, future};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Response,
    body::{Body as _, Frame, Incoming},
};
use tokio::sync::watch;

use super::{
    outputs::Outputs,
    serve::{self, Body},
};

/// A call of `sub`: reads one request, writes until the queue is empty, and
/// only then reads the next.
struct Sub {
    requests: Requests,
    outputs: Outputs,
    stopping: watch::Receiver<bool>,
    polled: bool,
}

/// The client's side of a call.
struct Requests {
    body: Incoming,
    unread: usize,
}

enum Request {
    Poll,
    HalfClose,
    Cancelled,
}

/// A request in gRPC's framing. It has no fields, so that the frame is all.
const REQUEST_BYTES: usize = 5;

impl Requests {
    fn new(body: Incoming) -> Self {
        Self { body, unread: 0 }
    }

    async fn next(&mut self) -> Request {
        while self.unread < REQUEST_BYTES {
            match self.body.frame().await {
                Some(Ok(frame)) => self.unread += frame.data_ref().map_or(0, Bytes::len),
                None if self.body.is_end_stream() => return Request::HalfClose,
                None | Some(Err(_)) => return Request::Cancelled,
            }
        }
        self.unread -= REQUEST_BYTES;
        Request::Poll
    }
}

enum Written {
    Alert(Bytes),
    End,
}

impl Sub {
    fn new(requests: Incoming, outputs: Outputs, stopping: watch::Receiver<bool>) -> Self {
        outputs.update(|state| state.open += 1);
        Self {
            requests: Requests::new(requests),
            outputs,
            stopping,
            polled: false,
        }
    }

    async fn next(&mut self) -> Written {
        loop {
            self.outputs.thawed().await;
            if self.polled
                && let Some(alert) = self.outputs.pop()
            {
                return Written::Alert(alert);
            }
            self.polled = false;
            match self.requests.next().await {
                Request::Poll => self.outputs.update(|state| state.polls += 1),
                Request::HalfClose => {
                    self.outputs.update(|state| state.half_closed += 1);
                    return future::pending().await;
                }
                // Soon this future is dropped.
                Request::Cancelled => return future::pending().await,
            }
            if *self.stopping.borrow() {
                self.outputs.throw_one_away();
                return Written::End;
            }
            self.polled = true;
        }
    }

    async fn frame(mut self) -> Option<(Result<Frame<Bytes>, Infallible>, Option<Self>)> {
        match self.next().await {
            Written::Alert(alert) => Some((Ok(serve::message(&alert)), Some(self))),
            Written::End => Some((Ok(serve::trailers()), None)),
        }
    }
}

impl Drop for Sub {
    fn drop(&mut self) {
        self.outputs.update(|state| state.open -= 1);
    }
}

/// Comes only when there is something to write: until then the client sees no
/// headers.
pub(super) async fn answer(
    requests: Incoming,
    outputs: Outputs,
    stopping: watch::Receiver<bool>,
) -> Response<Body> {
    let mut sub = Sub::new(requests, outputs, stopping);
    let first = match sub.next().await {
        Written::Alert(alert) => serve::message(&alert),
        Written::End => return serve::status_only("0"),
    };
    let rest = stream::unfold(Some(sub), |sub| async { sub?.frame().await });
    let frames = stream::iter([Ok(first)]).chain(rest);
    serve::response(StreamBody::new(frames).boxed_unsync())
}
