//! Who the page is shown to, and whose scripts may call.
//!
//! A browser lets any page call a machine that it can reach, and takes two addresses for
//! one *origin* when they have one name. So a page of `evil.example.com` whose name comes
//! to lead to 127.0.0.1 (DNS rebinding) is "the gateway's own" to the browser. It cannot
//! hide that name, though: it is in `Host`. Only names that nobody else can give to an
//! address are taken: the address itself, `localhost`, and those that the configuration
//! lists.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use axum::http::{
    HeaderMap, HeaderName, Uri,
    header::{HOST, ORIGIN},
};

use crate::access::{Access, Peer};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What proxies add to what they pass on.
const PROXIES: [HeaderName; 4] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("via"),
];

/// Whom the page is for.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// Names under which the page is opened, in small letters.
    pub(super) hosts: Vec<String>,
    /// What the listener speaks.
    pub(super) tls: bool,
    /// Everybody who gets in has shown a certificate.
    pub(super) asks_everybody: bool,
    /// Whether there are grants.
    pub(super) access: Access,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody would ask who he is.
    Remote,
    /// The name that he came by may be another page's.
    Host(String),
    /// His page is not the gateway's.
    Origin(String),
}

impl Door {
    /// Lets a request in, or not.
    pub(super) fn admit(&self, peer: &Peer, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let is_here = is_on_this_machine(peer) && !is_passed_on(headers);
        if self.access.is_open() && !self.asks_everybody && !is_here {
            return Err(Refusal::Remote);
        }
        let host = host(uri, headers)?;
        let name = without_port(host);
        let is_configured = self.hosts.iter().any(|it| it.eq_ignore_ascii_case(name));
        if !is_configured && !is_nobody_elses(name) {
            return Err(Refusal::Host(host.to_owned()));
        }
        for origin in headers.get_all(ORIGIN) {
            let origin = origin.to_str().unwrap_or("?");
            // Before a listener without TLS there may be a proxy with it.
            let is_ours = is_origin(origin, "https://", host) && (self.tls || is_configured)
                || is_origin(origin, "http://", host) && !self.tls;
            if !is_ours {
                return Err(Refusal::Origin(origin.to_owned()));
            }
        }
        Ok(())
    }

    /// Lets a call in, or not: those of others' scripts are none, whatever they say of
    /// themselves.
    pub(super) fn admit_call(
        &self,
        peer: &Peer,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        self.admit(peer, uri, headers)?;
        match headers.get(SEC_FETCH_SITE) {
            Some(site) if site != "same-origin" => Err(Refusal::Origin("another site".to_owned())),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote => f.write_str(
                "the page is shown on the gateway's own machine only, since there are no \
                 access.grants and everybody else would see everything. Set access.grants (behind \
                 a proxy that asks who comes, one to: [anonymous] will do), or ask for \
                 certificates with operations.tls, or come by `ssh -L` or `kubectl port-forward`",
            ),
            Self::Host(host) => write!(
                f,
                "the page is not opened under the name {:?}, which could lead anywhere: add it to \
                 operations.hosts, or open the page by the address or as localhost",
                without_port(host)
            ),
            Self::Origin(origin) => write!(
                f,
                "pages of {origin:?} may not call here: only the gateway's own page may. Behind a \
                 proxy, pass the header Host on as it came, and name that host in operations.hosts"
            ),
        }
    }
}

/// Exactly those: to a service mesh other loopback addresses are where it comes from with
/// what others sent.
fn is_on_this_machine(peer: &Peer) -> bool {
    let here = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    peer.ip()
        .is_some_and(|ip| here.contains(&ip.to_canonical()))
}

/// Whether a proxy says that it passes on what another sent.
fn is_passed_on(headers: &HeaderMap) -> bool {
    PROXIES.iter().any(|name| headers.contains_key(name))
}

/// The one host that the request is for.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
    let mut named = headers.get_all(HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else {
        return Err(Refusal::Host(String::new()));
    };
    let host = host.to_str().map_err(|_| Refusal::Host("?".to_owned()))?;
    match uri.authority() {
        Some(other) if other.as_str() != host => Err(Refusal::Host(other.to_string())),
        _ => Ok(host),
    }
}

fn without_port(host: &str) -> &str {
    match host.find(']') {
        Some(end) => host.get(..=end).unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Whether no name server has a say in where `name` leads.
fn is_nobody_elses(name: &str) -> bool {
    let v6 = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match v6 {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok(),
    }
}

fn is_origin(origin: &str, scheme: &str, host: &str) -> bool {
    let named = origin.strip_prefix(scheme);
    named.is_some_and(|named| named.eq_ignore_ascii_case(host))
}

/// Whether `name` can be in `operations.hosts`.
pub(super) fn is_host_name(name: &str) -> bool {
    let known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    !name.is_empty() && name.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_elsewhere_is_asked_who_he_is_or_shown_nothing() {
        let mut headers = HeaderMap::from_iter([(HOST, "10.0.0.1:2810".parse().unwrap())]);
        let admitted = |grants: &str, asks_everybody, address: &str, headers: &HeaderMap| {
            let config = serde_saphyr::from_str(grants).unwrap();
            let door = Door {
                hosts: Vec::new(),
                tls: asks_everybody,
                asks_everybody,
                access: Access::new(&config).unwrap(),
            };
            let peer = Peer::tcp(Some(address.parse().unwrap()));
            door.admit(&peer, &Uri::from_static("/"), headers)
        };
        for here in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(admitted("{}", false, here, &headers), Ok(()));
        }
        // The latter is a service mesh, with what somebody sent.
        for elsewhere in ["10.0.0.9:1", "[fd00::9]:1", "127.0.0.6:1"] {
            let refused = admitted("{}", false, elsewhere, &headers);
            assert_eq!(refused, Err(Refusal::Remote), "{elsewhere}");
            assert_eq!(admitted("{}", true, elsewhere, &headers), Ok(()));
            assert_eq!(admitted("grants: []", false, elsewhere, &headers), Ok(()));
        }
        headers.insert("x-forwarded-for", "10.0.0.9".parse().unwrap());
        let refused = admitted("{}", false, "127.0.0.1:1", &headers);
        assert_eq!(refused, Err(Refusal::Remote));
    }

    #[test]
    fn a_name_is_told_from_an_address() {
        for ours in ["127.0.0.1", "localhost", "LocalHost", "[::1]", "10.1.2.3"] {
            assert!(is_nobody_elses(ours), "{ours}");
        }
        for others in [
            "",
            "evil.example.com",
            "127.0.0.1.nip.io",
            "localhost.evil.example",
            "[::1",
            "::1",
            "2130706433",
        ] {
            assert!(!is_nobody_elses(others), "{others}");
        }
    }

    #[test]
    fn a_port_is_no_part_of_the_name() {
        assert_eq!(without_port("a.example:80"), "a.example");
        assert_eq!(without_port("[::1]:2810"), "[::1]");
        assert_eq!(without_port("localhost"), "localhost");
        assert_eq!(without_port(":2810"), "");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(is_origin("http://a:1", "http://", "a:1"));
        for other in [
            "https://a:1",
            "http://a",
            "http://a:1/",
            "null",
            "http://a:12",
        ] {
            assert!(!is_origin(other, "http://", "a:1"), "{other}");
        }
    }
}
