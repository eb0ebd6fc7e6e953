//! Syslog over UDP, TCP and TLS (RFC 5426, 6587 and 5425).
//!
//! Syslog has no answers: a write that worked says that the own system has it. So after
//! each batch it is watched for a moment whether the receiver hangs up, and the batch
//! sent again if it does. What a receiver had taken from its own system, or what was on
//! its way to one that dies later, is not known; over UDP nothing is.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UdpSocket, lookup_host},
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::tls::Tls;
use crate::{
    bridge::{
        batch::Item,
        outcome::{Outcome, Trouble},
    },
    format::rfc5424,
    units::{Size, Span},
};

/// A syslog receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `udp://host:514`, `tcp://host:514` or `tls://host:6514`.
    pub address: String,
    /// What the message's text is.
    #[serde(default)]
    pub format: Text,
    /// How messages are told apart on a connection.
    #[serde(default)]
    pub framing: Framing,
    /// The facility: 16 is local0, 10 security, 13 audit.
    #[serde(default = "default_facility")]
    pub facility: u8,
    /// APP-NAME: who speaks.
    #[serde(default = "default_app_name")]
    pub app_name: String,
    /// The longest message; over UDP it must fit a datagram.
    #[serde(default = "default_limit")]
    pub max_message: Size,
    /// For how long after a batch it is watched whether the receiver hangs up.
    #[serde(default = "default_settle")]
    pub settle: Span,
    /// For `tls://`.
    #[serde(default)]
    pub tls: Tls,
}

/// What the text of a syslog message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// Structured data and the line for people.
    #[default]
    Rfc5424,
    /// CEF.
    CefSyslog,
}

/// How messages are told apart on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Each has its length before it. RFC 5425 knows nothing else.
    #[default]
    OctetCounting,
    /// Each ends with a line end.
    Newline,
}

/// The least of a message that holds what must be in it, and the most of a datagram.
const LIMITS: std::ops::RangeInclusive<u64> = 1024..=65_000;

fn default_facility() -> u8 {
    16
}

fn default_app_name() -> String {
    rfc5424::Syslog::default().app_name
}

fn default_limit() -> Size {
    Size(rfc5424::Syslog::default().limit as u64)
}

fn default_settle() -> Span {
    Span(Duration::from_millis(100))
}

/// How a receiver is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Address<'a> {
    Udp(&'a str),
    Tcp(&'a str),
    Tls(&'a str),
}

impl Config {
    pub(in crate::bridge) fn check(&self) -> Result<(), String> {
        let address = self.target()?;
        if !matches!(address, Address::Tls(_)) && self.tls != Tls::default() {
            return Err("syslog.tls is for an address that begins with tls://".to_owned());
        }
        if matches!(address, Address::Tls(_)) && self.framing == Framing::Newline {
            tracing::debug!("syslog over TLS with line ends is not RFC 5425's");
        }
        if rfc5424::Facility::new(self.facility).is_none() {
            return Err(format!(
                "syslog.facility {} is none: write 0 to 23",
                self.facility
            ));
        }
        if !LIMITS.contains(&self.max_message.0) {
            return Err("syslog.max_message must be 1KiB to 65000B".to_owned());
        }
        self.tls.check()
    }

    fn target(&self) -> Result<Address<'_>, String> {
        let (scheme, host) = self.address.split_once("://").unwrap_or_default();
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok());
        match scheme {
            "udp" if has_port => Ok(Address::Udp(host)),
            "tcp" if has_port => Ok(Address::Tcp(host)),
            "tls" if has_port => Ok(Address::Tls(host)),
            _ => Err(format!(
                "syslog.address {:?} cannot be used: write udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT",
                self.address
            )),
        }
    }

    fn message(&self, item: &Item) -> String {
        let syslog = rfc5424::Syslog {
            facility: rfc5424::Facility::new(self.facility).unwrap_or(rfc5424::Facility::LOCAL0),
            app_name: self.app_name.clone(),
            limit: usize::try_from(self.max_message.0).unwrap_or(usize::MAX),
            ..rfc5424::Syslog::default()
        };
        match self.format {
            Text::Rfc5424 => syslog.message(&item.alert),
            Text::CefSyslog => syslog.cef(&item.alert),
        }
    }

    fn framed(&self, message: &str) -> String {
        match self.framing {
            Framing::OctetCounting => format!("{} {message}", message.len()),
            Framing::Newline => format!("{message}\n"),
        }
    }
}

pub(super) fn preview(config: &Config, item: &Item) -> String {
    let message = config.message(item);
    match config.target() {
        Ok(Address::Udp(_)) => message,
        _ => config.framed(&message).trim_end().to_owned(),
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

/// A receiver that is connected to.
pub(in crate::bridge) struct Syslog {
    config: Config,
    connection: Connection,
}

enum Connection {
    Datagrams(UdpSocket),
    Stream(Box<dyn Stream>),
}

impl std::fmt::Debug for Syslog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Syslog")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Syslog {
    pub(super) async fn connect(config: &Config) -> Result<Self, Trouble> {
        let failed = |error: io::Error| {
            Trouble::new(format!("failed to connect to {}: {error}", config.address))
        };
        let connection = match config.target().map_err(Trouble::new)? {
            Address::Udp(host) => Connection::Datagrams(udp(host).await.map_err(failed)?),
            Address::Tcp(host) => Connection::Stream(Box::new(tcp(host).await.map_err(failed)?)),
            Address::Tls(host) => {
                let connector = TlsConnector::from(Arc::new(config.tls.client()?));
                let name = server_name(host, &config.tls)?;
                let stream = tcp(host).await.map_err(failed)?;
                let stream = connector.connect(name, stream).await.map_err(failed)?;
                Connection::Stream(Box::new(stream))
            }
        };
        Ok(Self {
            config: config.clone(),
            connection,
        })
    }

    pub(super) async fn send(&mut self, items: &[Item]) -> Outcome {
        let messages = items.iter().map(|item| self.config.message(item));
        let sent = match &mut self.connection {
            Connection::Datagrams(socket) => datagrams(socket, messages).await,
            Connection::Stream(stream) => {
                let all: String = messages.map(|it| self.config.framed(&it)).collect();
                write(stream, &all, self.config.settle.0).await
            }
        };
        match sent {
            Ok(()) => Outcome::Delivered("sent; syslog has no answers".to_owned()),
            Err(error) => {
                let address = &self.config.address;
                Trouble::new(format!("failed to send to {address}: {error}")).into()
            }
        }
    }
}

async fn udp(host: &str) -> io::Result<UdpSocket> {
    let address = lookup_host(host).await?.next();
    let address: SocketAddr = address.ok_or(io::ErrorKind::NotFound)?;
    let any = if address.is_ipv6() {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

async fn tcp(host: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn server_name(host: &str, tls: &Tls) -> Result<ServerName<'static>, Trouble> {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = tls.server_name.as_deref().unwrap_or(host);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(name.to_owned())
        .map_err(|_| Trouble::new(format!("{name:?} is no name that a certificate can have")))
}

async fn datagrams(socket: &UdpSocket, messages: impl Iterator<Item = String>) -> io::Result<()> {
    for message in messages {
        socket.send(message.as_bytes()).await?;
    }
    Ok(())
}

/// Writes, and watches for so long whether the receiver hangs up.
async fn write(stream: &mut Box<dyn Stream>, text: &str, settle: Duration) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await?;
    let until = Instant::now() + settle;
    let mut said = [0; 1024];
    // A receiver has nothing to say; what it says is not for us.
    while let Ok(read) = timeout_at(until, stream.read(&mut said)).await {
        if read? == 0 {
            return Err(io::Error::other("the receiver hung up"));
        }
    }
    Ok(())
}
