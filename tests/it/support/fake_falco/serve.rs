use std::convert::Infallible;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
    server::conn::http2::Builder,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{outputs::Outputs, sub};

pub(super) enum Listener {
    Socket(UnixListener),
    Tls(TcpListener, TlsAcceptor),
}

enum Accepted {
    Socket(UnixStream),
    Tls(TcpStream, TlsAcceptor),
}

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

impl Listener {
    async fn accept(&self) -> Accepted {
        match self {
            Self::Socket(listener) => Accepted::Socket(listener.accept().await.unwrap().0),
            Self::Tls(listener, acceptor) => {
                Accepted::Tls(listener.accept().await.unwrap().0, acceptor.clone())
            }
        }
    }
}

/// Serves until the shutdown, and then until every call is over.
pub(super) async fn serve(
    listener: Listener,
    outputs: Outputs,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let stops = stopping.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(connection(accepted, outputs.clone(), stops.clone()));
            }
            _ = stopping.wait_for(|stopping| *stopping) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(accepted: Accepted, outputs: Outputs, stopping: watch::Receiver<bool>) {
    match accepted {
        Accepted::Socket(stream) => http2(stream, outputs, stopping).await,
        Accepted::Tls(stream, acceptor) => {
            // A client without a good certificate gets no further.
            if let Ok(stream) = acceptor.accept(stream).await {
                http2(stream, outputs, stopping).await;
            }
        }
    }
}

async fn http2(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    outputs: Outputs,
    mut stopping: watch::Receiver<bool>,
) {
    let stops = stopping.clone();
    let service = service_fn(move |request| answer(request, outputs.clone(), stops.clone()));
    let connection = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer(
    request: Request<Incoming>,
    outputs: Outputs,
    stopping: watch::Receiver<bool>,
) -> Result<Response<Body>, Infallible> {
    outputs.thawed().await;
    Ok(match request.uri().path() {
        "/falco.outputs.service/sub" => sub::answer(request.into_body(), outputs, stopping).await,
        "/falco.version.service/version" => {
            outputs.update(|state| state.versions += 1);
            let frames = [message(&version()), trailers()].map(Ok);
            response(StreamBody::new(stream::iter(frames)).boxed_unsync())
        }
        _ => status_only("12"),
    })
}

/// Version 0.43.1 with engine 0.58.0.
fn version() -> Bytes {
    let mut message = Vec::new();
    prost::encoding::string::encode(1, &"0.43.1".to_owned(), &mut message);
    prost::encoding::string::encode(11, &"0.58.0".to_owned(), &mut message);
    message.into()
}

/// An answer of a status and nothing else.
pub(super) fn status_only(status: &'static str) -> Response<Body> {
    let mut response = response(Empty::new().boxed_unsync());
    response
        .headers_mut()
        .insert("grpc-status", HeaderValue::from_static(status));
    response
}

pub(super) fn response(body: Body) -> Response<Body> {
    Response::builder()
        .header(CONTENT_TYPE, "application/grpc")
        .body(body)
        .unwrap()
}

/// A message in gRPC's framing: not compressed, and its length.
pub(super) fn message(message: &[u8]) -> Frame<Bytes> {
    let mut data = BytesMut::with_capacity(message.len() + 5);
    data.put_u8(0);
    data.put_u32(u32::try_from(message.len()).unwrap());
    data.put_slice(message);
    Frame::data(data.freeze())
}

/// The end of a call with status OK.
pub(super) fn trailers() -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    Frame::trailers(trailers)
}
