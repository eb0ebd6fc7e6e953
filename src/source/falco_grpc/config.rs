//! What an operator says about a Falco to subscribe to, checked before anything
//! is opened.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tonic::transport::Uri;

use crate::units::Span;

/// A Falco whose gRPC outputs service is subscribed to.
///
/// Falco's own `grpc_output` must be enabled, and nobody else may subscribe: the
/// outputs service gives each alert to one subscriber only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Config {
    /// `unix:///run/falco/falco.sock` or `https://host:5060`.
    pub address: String,
    /// The three files of mutual TLS, for an `https` address.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// How often Falco is asked for alerts while there are none. This is the
    /// latency of the first alert after a quiet time, and what Falco's shutdown
    /// and hot restart wait for.
    #[serde(default = "default_poll_interval")]
    pub poll_interval: Span,
    /// After how long a silence Falco is asked whether it still lives.
    #[serde(default = "default_liveness_interval")]
    pub liveness_interval: Span,
    /// How long connecting and an answer about liveness may take.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// The longest pause between two tries to connect.
    #[serde(default = "default_max_backoff")]
    pub max_backoff: Span,
}

/// The files of mutual TLS, all PEM. They are read again for each connection, so
/// that renewed ones are taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Tls {
    /// The authority that signed Falco's certificate.
    pub ca: PathBuf,
    /// The gateway's certificate, signed by the authority that Falco trusts.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// The name in Falco's certificate, where it is not the address's host.
    #[serde(default)]
    pub server_name: Option<String>,
}

/// A mistake in a [`Config`], for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The address is of no known kind.
    #[error(
        "address {0:?} is neither a unix socket nor a mutual TLS address: write \
         unix:///run/falco/falco.sock or https://host:5060"
    )]
    UnknownScheme(String),
    /// Plain TCP.
    #[error(
        "address {0:?} is plain TCP, which Falco does not offer: its gRPC server on TCP demands \
         mutual TLS; write https:// and set tls, or use the unix socket"
    )]
    PlainTcp(String),
    /// A socket's path that depends on the working directory.
    #[error("address {0:?} needs an absolute path: write unix:///run/falco/falco.sock")]
    RelativeSocket(String),
    /// An `https` address that is no host and port.
    #[error("address {0:?} is not a host and a port: write https://host:5060, without a path")]
    NoHostAndPort(String),
    /// `https` without the files for it.
    #[error(
        "address {0:?} needs tls: Falco's gRPC server on TCP demands a client certificate; set \
         tls.ca, tls.certificate and tls.key"
    )]
    TlsMissing(String),
    /// Files for TLS that would never be read.
    #[error("tls is set, but {0:?} is a unix socket, where Falco speaks no TLS: remove tls")]
    TlsOnSocket(String),
    /// A file without a name.
    #[error("tls.{0} is empty: write the path of a PEM file")]
    EmptyPath(&'static str),
    /// A server name that no certificate can hold.
    #[error("tls.server_name {0:?} is no host name or IP address")]
    ServerName(String),
    /// A length of time of zero.
    #[error("{0} is zero: write a duration such as {1}")]
    ZeroSpan(&'static str, &'static str),
    /// Polls so rare that Falco cannot be stopped.
    #[error(
        "poll_interval {0} is too long: Falco's shutdown and hot restart wait for the next poll, \
         so at most {MAX_POLL_INTERVAL} is taken; 200ms is a good value"
    )]
    RarePolls(Span),
}

/// Where Falco listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Socket(PathBuf),
    Tls(Uri, Tls),
}

const MAX_POLL_INTERVAL: Span = Span(Duration::from_secs(10));

impl Config {
    /// A configuration with everything but the address left at its default.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            tls: None,
            poll_interval: default_poll_interval(),
            liveness_interval: default_liveness_interval(),
            timeout: default_timeout(),
            max_backoff: default_max_backoff(),
        }
    }

    /// Finds every mistake that can be seen without looking at the machine.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.parse_address()?;
        for (name, span, example) in [
            ("poll_interval", self.poll_interval, "200ms"),
            ("liveness_interval", self.liveness_interval, "30s"),
            ("timeout", self.timeout, "10s"),
            ("max_backoff", self.max_backoff, "15s"),
        ] {
            if span.0.is_zero() {
                return Err(ConfigError::ZeroSpan(name, example));
            }
        }
        if self.poll_interval > MAX_POLL_INTERVAL {
            return Err(ConfigError::RarePolls(self.poll_interval));
        }
        Ok(())
    }

    pub(super) fn parse_address(&self) -> Result<Address, ConfigError> {
        let address = || self.address.clone();
        if let Some(path) = self.address.strip_prefix("unix:") {
            let path = Path::new(path.strip_prefix("//").unwrap_or(path));
            if !path.is_absolute() || path.file_name().is_none() {
                return Err(ConfigError::RelativeSocket(address()));
            }
            return match self.tls {
                Some(_) => Err(ConfigError::TlsOnSocket(address())),
                None => Ok(Address::Socket(path.to_owned())),
            };
        }
        if self.address.starts_with("http://") {
            return Err(ConfigError::PlainTcp(address()));
        }
        if !self.address.starts_with("https://") {
            return Err(ConfigError::UnknownScheme(address()));
        }
        let uri = host_and_port(&self.address)?;
        let tls = self
            .tls
            .clone()
            .ok_or_else(|| ConfigError::TlsMissing(address()))?;
        tls.check()?;
        Ok(Address::Tls(uri, tls))
    }
}

impl Tls {
    fn check(&self) -> Result<(), ConfigError> {
        for (name, path) in [
            ("ca", &self.ca),
            ("certificate", &self.certificate),
            ("key", &self.key),
        ] {
            if path.as_os_str().is_empty() {
                return Err(ConfigError::EmptyPath(name));
            }
        }
        match &self.server_name {
            Some(name) if !is_host(name) => Err(ConfigError::ServerName(name.clone())),
            _ => Ok(()),
        }
    }
}

fn host_and_port(address: &str) -> Result<Uri, ConfigError> {
    let error = || ConfigError::NoHostAndPort(address.to_owned());
    let uri: Uri = address.parse().map_err(|_| error())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let has_user = uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'));
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    if !has_host || uri.port_u16().is_none() || path != "/" || has_user {
        return Err(error());
    }
    Ok(uri)
}

fn is_host(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok()
        || (!name.is_empty()
            && name.len() <= 253
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            }))
}

fn default_poll_interval() -> Span {
    Span(Duration::from_millis(200))
}

fn default_liveness_interval() -> Span {
    Span(Duration::from_secs(30))
}

fn default_timeout() -> Span {
    Span(Duration::from_secs(10))
}

fn default_max_backoff() -> Span {
    Span(Duration::from_secs(15))
}

#[cfg(test)]
mod tests;
