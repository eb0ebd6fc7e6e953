//! The `sub` call: Falco sends alerts when it is polled.
//!
//! A poll is a message of the call's request stream. That stream never ends:
//! Falco does not answer the end of it, and gives nothing to a call whose
//! requests have ended. The call is cancelled instead, when it is dropped.

use std::fmt;

use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{self, Stream},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    CancellationHandle, Request, Response, Status, Streaming, client::Grpc,
    codegen::http::uri::PathAndQuery, transport::Channel,
};

use super::wire::{Received, SubCodec};

/// An open `sub` call.
pub(super) struct Call {
    replies: Replies,
    polls: mpsc::Sender<()>,
    cancel: Option<CancellationHandle>,
}

enum Replies {
    // Falco sends no headers before it has an alert to send, which may take
    // days: this state is no failure and has no time limit.
    Awaited(BoxFuture<'static, Result<Response<Streaming<Received>>, Status>>),
    Open(Box<Streaming<Received>>),
}

/// Polls on their way. While one waits to be sent, another would ask for nothing
/// more: it is dropped.
const QUEUED_POLLS: usize = 1;

impl Call {
    /// Opens the call, with the first poll.
    pub(super) fn open(mut client: Grpc<Channel>, path: PathAndQuery) -> Self {
        let (polls, requests) = mpsc::channel(QUEUED_POLLS);
        let mut request = Request::new(endless(requests));
        let cancel = Some(request.cancellation_handle());
        let reply = async move {
            client
                .ready()
                .await
                .map_err(|error| Status::from_error(error.into()))?;
            client.streaming(request, path, SubCodec).await
        };
        let call = Self {
            replies: Replies::Awaited(Box::pin(reply)),
            polls,
            cancel,
        };
        call.poll();
        call
    }

    /// Asks Falco for what it has.
    pub(super) fn poll(&self) {
        // Fails only when a poll is waiting already, or when the call is over,
        // which `next` tells.
        let _ = self.polls.try_send(());
    }

    /// What Falco sends next; none when it ended the call, without an error.
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Received>, Status> {
        loop {
            match &mut self.replies {
                Replies::Open(stream) => return stream.message().await,
                Replies::Awaited(reply) => {
                    let stream = reply.await?.into_inner();
                    self.replies = Replies::Open(Box::new(stream));
                }
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Without this the connection would stay for the sake of the requests,
        // and an open call blocks Falco's shutdown.
        if let Some(cancel) = self.cancel.take() {
            cancel.cancel();
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

fn endless(requests: mpsc::Receiver<()>) -> impl Stream<Item = ()> {
    ReceiverStream::new(requests).chain(stream::pending())
}
