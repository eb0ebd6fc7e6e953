//! One connection to a Falco.

use std::{future::Future, io, path::Path};

use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, time::timeout};
use tonic::{
    Request,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri},
};
use tonic_prost::ProstCodec;

use super::{
    call::Call,
    config::{Address, Tls},
    failure::Failure,
    wire::Version,
};
use crate::units::Span;

/// A connection to a Falco. Cheap to clone; closed when the last clone and the
/// last call are gone.
#[derive(Debug, Clone)]
pub(super) struct Link {
    channel: Channel,
    limit: Span,
}

/// What Falco may send before the gateway has read it, per connection. All of it
/// is lost when the gateway dies: Falco takes nothing back. A larger window makes
/// nothing faster here, since Falco writes one message at a time.
const WINDOW_BYTES: u32 = 64 * 1024;

/// The largest message taken. Falco itself sets no bound.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// On a socket the host is of no use, but HTTP/2 demands a valid one, which a
/// socket's path is not.
const SOCKET_ORIGIN: &str = "http://localhost";

const VERSION: &str = "/falco.version.service/version";
const SUB: &str = "/falco.outputs.service/sub";

impl Link {
    /// Connects, within `limit`.
    pub(super) async fn connect(address: &Address, limit: Span) -> Result<Self, Failure> {
        let channel = within(limit, "the connection attempt", async {
            match address {
                Address::Socket(path) => connect_socket(path).await,
                Address::Tls(uri, tls) => {
                    let config = tls_config(tls).await?;
                    let endpoint = endpoint(uri.clone())
                        .tls_config(config)
                        .map_err(|error| Failure::setting_up_tls(&error))?;
                    Ok(endpoint.connect().await)
                }
            }
        })
        .await?
        .map_err(|error| Failure::connecting(&error, address))?;
        Ok(Self { channel, limit })
    }

    /// Asks Falco who it is, which also tells that it lives.
    pub(super) async fn version(&self) -> Result<Version, Failure> {
        const WHAT: &str = "the version service";
        let mut client = Grpc::new(self.channel.clone());
        within(self.limit, WHAT, async {
            client.ready().await.map_err(|error| {
                Failure::calling(WHAT, &tonic::Status::from_error(error.into()))
            })?;
            client
                .unary(
                    Request::new(()),
                    PathAndQuery::from_static(VERSION),
                    ProstCodec::default(),
                )
                .await
                .map_err(|status| Failure::calling(WHAT, &status))
        })
        .await
        .map(tonic::Response::into_inner)
    }

    /// Opens the call that alerts come on.
    pub(super) fn subscribe(&self) -> Call {
        let client = Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        Call::open(client, PathAndQuery::from_static(SUB))
    }
}

async fn within<T>(
    limit: Span,
    what: &'static str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit.0, work)
        .await
        .map_err(|_| Failure::Silent { what, limit })?
}

async fn connect_socket(path: &Path) -> Result<Result<Channel, tonic::transport::Error>, Failure> {
    let path = path.to_owned();
    let connector = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { Ok::<_, io::Error>(TokioIo::new(UnixStream::connect(path).await?)) }
    });
    let endpoint = endpoint(Uri::from_static(SOCKET_ORIGIN));
    Ok(endpoint.connect_with_connector(connector).await)
}

/// Without keepalive pings: Falco's gRPC library throws out who sends them more
/// often than every five minutes. The polls do their job.
fn endpoint(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        // Would ping, and would let the window grow.
        .http2_adaptive_window(false)
}

async fn tls_config(tls: &Tls) -> Result<ClientTlsConfig, Failure> {
    let ca = read_pem("ca", &tls.ca, "CERTIFICATE").await?;
    let certificate = read_pem("certificate", &tls.certificate, "CERTIFICATE").await?;
    let key = read_pem("key", &tls.key, "PRIVATE KEY").await?;
    let config = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(ca))
        .identity(Identity::from_pem(certificate, key));
    Ok(match &tls.server_name {
        Some(name) => config.domain_name(name),
        None => config,
    })
}

/// Reads a file and sees that it holds something of the wanted kind: the TLS
/// library takes a file without any authority for one that trusts nobody.
async fn read_pem(
    name: &'static str,
    path: &Path,
    wanted: &'static str,
) -> Result<String, Failure> {
    let bytes = tokio::fs::read(path).await.map_err(|error| Failure::File {
        name,
        path: path.to_owned(),
        error,
    })?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.contains(&format!("{wanted}-----")) {
        return Ok(text);
    }
    Err(Failure::NoPem {
        name,
        path: path.to_owned(),
        wanted,
    })
}
