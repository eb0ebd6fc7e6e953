//! What of gRPC's framing is done here: a stream whose messages are made once and
//! sent to many, without tonic's copy for each.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body, Frame};
use prost::Message;
use tonic::{Code, Status, codec::Streaming};
use tonic_prost::ProstDecoder;

/// What precedes a message: not compressed, and its length.
const PREFIX: usize = 5;

/// The largest request for a stream.
const LARGEST_REQUEST: usize = 64 << 10;

/// `message` as it is on the wire.
pub(super) fn message(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // The buffer has the room, and grows if it has not.
    let _ = message.encode(&mut bytes);
    bytes.freeze()
}

/// The messages of a request.
pub(super) fn messages<M>(body: tonic::body::Body) -> Streaming<M>
where
    M: Message + Default + Send + 'static,
{
    let decoder = ProstDecoder::<M>::default();
    Streaming::new_request(decoder, body, None, Some(LARGEST_REQUEST))
}

/// Reads the one message of a request.
pub(super) async fn read<M>(body: tonic::body::Body) -> Result<M, Status>
where
    M: Message + Default + Send + 'static,
{
    messages(body)
        .message()
        .await?
        .ok_or_else(|| Status::new(Code::Internal, "the request has no message"))
}

/// The answer that streams `messages`, each as [`message`] made it.
pub(super) fn streaming<S>(messages: S) -> http::Response<tonic::body::Body>
where
    S: Stream<Item = Result<Bytes, Status>> + Send + 'static,
{
    let mut response = http::Response::new(tonic::body::Body::new(Messages {
        messages: Some(Box::pin(messages)),
    }));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// The body of an answer, with the status at its end.
struct Messages<S> {
    messages: Option<Pin<Box<S>>>,
}

impl<S> Body for Messages<S>
where
    S: Stream<Item = Result<Bytes, Status>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(messages) = &mut self.messages else {
            return Poll::Ready(None);
        };
        let status = match messages.as_mut().poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(message))) => return Poll::Ready(Some(Ok(Frame::data(message)))),
            Poll::Ready(Some(Err(status))) => status,
            Poll::Ready(None) => Status::ok(""),
        };
        self.messages = None;
        let mut trailers = HeaderMap::new();
        let added = status.add_header(&mut trailers);
        Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.messages.is_none()
    }
}
