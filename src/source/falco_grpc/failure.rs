//! Why there is no connection, in words for whoever must act.

use std::{error::Error, io, path::PathBuf};

use tonic::{Code, Status};

use super::config::{Address, ConfigError};
use crate::units::Span;

/// Why connecting failed or a connection ended. The text is what operators read
/// in the source's status.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Nobody checked the configuration before.
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "no socket at {0}: Falco is not running, or its grpc.bind_address is another one; \
         Falco up to 0.43 makes the socket when grpc and grpc_output are enabled"
    )]
    NoSocket(String),
    #[error(
        "permission denied on {0}: Falco makes its socket for its own user only (mode 0755); \
         run the gateway as that user, change the socket's mode, or let Falco listen on TCP \
         with mutual TLS"
    )]
    Forbidden(String),
    #[error(
        "nobody listens on {0}: a Falco that was killed leaves its socket behind, and the next \
         one listens there again"
    )]
    Abandoned(String),
    #[error("failed to read tls.{name} {path}: {error}")]
    File {
        name: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    #[error("tls.{name} {path} holds no PEM {wanted}")]
    NoPem {
        name: &'static str,
        path: PathBuf,
        wanted: &'static str,
    },
    #[error(
        "{0} is an X.509 version 1 certificate, which this gateway's TLS refuses: the openssl \
         commands in Falco's documentation make such certificates, without a subject alternative \
         name; make it again as version 3 with subjectAltName"
    )]
    OldCertificate(&'static str),
    #[error("failed to set up TLS from tls.ca, tls.certificate and tls.key: {0}")]
    TlsSetup(String),
    #[error(
        "Falco refused the gateway's certificate ({0}): tls.certificate must be valid now and \
         signed by the authority in Falco's grpc.root_certs"
    )]
    ClientRefused(String),
    #[error(
        "Falco closed the connection before it answered ({0}): most often because \
         tls.certificate is not signed by the authority in Falco's grpc.root_certs"
    )]
    HungUp(String),
    #[error(
        "Falco's certificate is not trusted ({0}): it must be signed by the authority in tls.ca"
    )]
    ServerUntrusted(String),
    #[error(
        "Falco's certificate is for another name ({0}): set tls.server_name to a name that it \
         holds as subjectAltName, or make it again with the address's host"
    )]
    ServerName(String),
    #[error("failed to connect to {address}: {reason}")]
    Unreachable { address: String, reason: String },
    #[error("no answer to {what} within {limit}")]
    Silent { what: &'static str, limit: Span },
    #[error(
        "the peer has no {0}: it is not the gRPC server of a Falco from 0.24 to 0.43 \
         (Falco 0.44 removed it: use http_output)"
    )]
    NotFalco(&'static str),
    #[error("{what} failed: {reason}")]
    Call { what: &'static str, reason: String },
}

impl Failure {
    /// What an error while connecting, or of the first call, means.
    pub(super) fn connecting(error: &(dyn Error + 'static), address: &Address) -> Self {
        let reason = chain(error);
        match address {
            Address::Socket(path) => {
                let path = path.display().to_string();
                match io_kind(error) {
                    Some(io::ErrorKind::NotFound) => Self::NoSocket(path),
                    Some(io::ErrorKind::PermissionDenied) => Self::Forbidden(path),
                    Some(io::ErrorKind::ConnectionRefused) => Self::Abandoned(path),
                    _ => Self::Unreachable {
                        address: path,
                        reason,
                    },
                }
            }
            Address::Tls(uri, _) => Self::of_tls(&reason).unwrap_or_else(|| Self::Unreachable {
                address: uri.to_string(),
                reason,
            }),
        }
    }

    /// What setting up TLS from the configured files failed with.
    pub(super) fn setting_up_tls(error: &(dyn Error + 'static)) -> Self {
        let reason = chain(error);
        if reason.contains(VERSION_1) {
            return Self::OldCertificate("tls.certificate");
        }
        Self::TlsSetup(reason)
    }

    /// What the end of a call with an error means.
    pub(super) fn calling(what: &'static str, status: &Status) -> Self {
        if status.code() == Code::Unimplemented {
            return Self::NotFalco(what);
        }
        let reason = chain(status);
        Self::of_tls(&reason).unwrap_or(Self::Call { what, reason })
    }

    /// Over TLS a peer that hangs up before its first answer most likely did not
    /// like the client's certificate: Falco closes the connection then.
    pub(super) fn before_any_answer(self, address: &Address) -> Self {
        match (self, address) {
            (Self::Call { reason, .. }, Address::Tls(..)) => Self::HungUp(reason),
            (failure, _) => failure,
        }
    }

    // The errors of the TLS library reach us as texts only: on their way they
    // are wrapped in I/O errors, which hide them from `source`.
    fn of_tls(reason: &str) -> Option<Self> {
        let has = |text: &str| reason.contains(text);
        if has(VERSION_1) {
            return Some(Self::OldCertificate("Falco's certificate"));
        }
        if has("certificate not valid for name") {
            return Some(Self::ServerName(reason.to_owned()));
        }
        if has("invalid peer certificate") {
            return Some(Self::ServerUntrusted(reason.to_owned()));
        }
        has("received fatal alert").then(|| Self::ClientRefused(reason.to_owned()))
    }
}

/// The name of the TLS library's error for certificates of version 1.
const VERSION_1: &str = "UnsupportedCertVersion";

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<io::Error>().map(io::Error::kind))
}

/// An error and its causes in one line, without those that say nothing or only
/// repeat what was said before.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let part = match cause.downcast_ref::<Status>() {
            Some(status) => of_status(status),
            None => cause.to_string(),
        };
        if text.is_empty() || text == WRAPPER {
            text = part;
        } else if part != WRAPPER && !text.contains(&part) {
            text = format!("{text}: {part}");
        }
    }
    text
}

/// What tonic says before the cause.
const WRAPPER: &str = "transport error";

fn of_status(status: &Status) -> String {
    match status.code() {
        Code::Unknown => status.message().to_owned(),
        code => format!("{code:?}: {}", status.message()),
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> Address {
        Address::Socket("/run/falco/falco.sock".into())
    }

    fn told(kind: io::ErrorKind) -> String {
        Failure::connecting(&io::Error::from(kind), &socket()).to_string()
    }

    #[test]
    fn the_state_of_the_socket_is_told_in_words() {
        assert!(told(io::ErrorKind::NotFound).starts_with("no socket at /run/falco/falco.sock"));
        let forbidden = told(io::ErrorKind::PermissionDenied);
        assert!(forbidden.contains("mode 0755"), "{forbidden}");
        assert!(told(io::ErrorKind::ConnectionRefused).contains("leaves its socket behind"));
        assert!(told(io::ErrorKind::BrokenPipe).contains("broken pipe"));
    }

    #[test]
    fn the_words_of_the_tls_library_find_their_meaning() {
        let told = |text: &str| Failure::calling("sub", &Status::unknown(text)).to_string();
        let old = told("invalid peer certificate: Other(OtherError(UnsupportedCertVersion))");
        assert!(
            old.contains("version 1") && old.contains("subjectAltName"),
            "{old}"
        );
        assert!(told("invalid peer certificate: UnknownIssuer").contains("tls.ca"));
        let name = told("invalid peer certificate: certificate not valid for name \"a\"");
        assert!(name.contains("tls.server_name"), "{name}");
        assert!(told("received fatal alert: UnknownCA").contains("grpc.root_certs"));
        assert!(told("reset").contains("sub failed"), "{}", told("reset"));
    }

    #[test]
    fn a_server_without_the_service_is_no_falco() {
        let failure = Failure::calling("outputs service", &Status::unimplemented(""));
        assert!(failure.to_string().contains("0.44 removed it"));
    }
}
