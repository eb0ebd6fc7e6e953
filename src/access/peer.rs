use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::session::{Credentials, Proof};
use crate::policy::Identity;

/// Who is at the other end of a connection, as far as that tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    address: String,
    /// None where it has none that others could not have, too.
    ip: Option<IpAddr>,
    identity: Identity,
    expires: Option<Timestamp>,
}

impl Peer {
    /// Somebody who came over TCP, and showed nothing.
    pub fn tcp(address: Option<SocketAddr>) -> Self {
        Self {
            address: address.map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
            ip: address.map(|address| address.ip()),
            identity: Identity::Anonymous,
            expires: None,
        }
    }

    /// Somebody who came over TLS, and showed `certificate`, in DER, which was found to be
    /// of an authority that is trusted.
    pub fn tls(address: Option<SocketAddr>, certificate: Option<&[u8]>) -> Self {
        let plain = Self::tcp(address);
        let parsed = certificate.map(X509Certificate::from_der);
        let Some(Ok((_, certificate))) = parsed else {
            return plain;
        };
        let expires = certificate.validity().not_after.timestamp();
        Self {
            identity: of_certificate(&certificate),
            expires: Timestamp::from_second(expires).ok(),
            ..plain
        }
    }

    /// A process on this machine, of `user`.
    pub fn unix(user: String) -> Self {
        Self {
            address: "unix socket".to_owned(),
            ip: None,
            identity: Identity::Unix(user),
            expires: None,
        }
    }

    /// This process.
    pub fn gateway() -> Self {
        Self {
            address: "this process".to_owned(),
            ip: None,
            identity: Identity::Gateway,
            expires: None,
        }
    }

    /// His address on the network.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Where he is.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn is_gateway(&self) -> bool {
        self.identity == Identity::Gateway
    }

    pub(super) fn credentials(&self) -> Credentials {
        Credentials {
            identity: self.identity.clone(),
            proof: Proof::Peer,
            expires: self.expires,
        }
    }
}

/// The SPIFFE id, or the common name, or the first name of a host. A certificate with a
/// SPIFFE id has no other URI, by the standard (X.509-SVID, section 2); one that has is
/// nobody's.
fn of_certificate(certificate: &X509Certificate<'_>) -> Identity {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice());
    let names = names.unwrap_or_default();
    let uris: Vec<&str> = names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect();
    match uris.as_slice() {
        [uri] if is_spiffe(uri) => return Identity::Spiffe((*uri).to_owned()),
        uris if uris.iter().any(|uri| uri.starts_with("spiffe:")) => return Identity::Anonymous,
        _ => {}
    }
    let common_name = certificate.subject().iter_common_name().next();
    let common_name = common_name.and_then(|name| name.as_str().ok());
    let host = || {
        names.iter().find_map(|name| match name {
            GeneralName::DNSName(host) => Some(*host),
            _ => None,
        })
    };
    common_name
        .or_else(host)
        .map_or(Identity::Anonymous, |name| {
            Identity::Certificate(name.to_owned())
        })
}

fn is_spiffe(uri: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    uri.strip_prefix("spiffe://")
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(plain))
}
