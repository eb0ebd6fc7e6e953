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
    HeaderMap, HeaderName, Uri, Version,
    header::{HOST, ORIGIN},
};

use crate::access::{Access, Peer};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What proxies add to what they pass on,
const PROXIES: [&str; 3] = ["forwarded", "x-real-ip", "via"];

/// and what else of theirs begins so.
const PREFIXES: [&str; 2] = ["x-forwarded-", "x-envoy-"];

/// Whom the page is for.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// Names under which the page is opened, in small letters.
    pub(super) hosts: Vec<String>,
    /// What the listener speaks.
    pub(super) tls: bool,
    /// Everybody who gets in has shown a certificate.
    pub(super) asks_everybody: bool,
    /// Without grants everybody on this machine may call anyway, by a listener for gRPC.
    pub(super) is_open_here: bool,
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
    pub(super) fn admit(&self, peer: &Peer, asked: &Asked<'_>) -> Result<(), Refusal> {
        let host = host(asked)?;
        let name = without_port(host);
        let is_configured = self.hosts.iter().any(|it| it.eq_ignore_ascii_case(name));
        let is_here = is_on_this_machine(peer) && !is_passed_on(asked) && !is_configured;
        let is_asked = match self.access.is_open() {
            // Nobody is asked who he is.
            true => self.asks_everybody || self.is_open_here && is_here,
            // Tokens do not cross a network in the clear, and who is nobody is not let in from
            // there: unless a proxy is said to stand before.
            false => self.tls || is_here || is_configured,
        };
        if !is_asked {
            return Err(Refusal::Remote);
        }
        if !is_configured && !is_nobody_elses(name) {
            return Err(Refusal::Host(host.to_owned()));
        }
        for origin in asked.headers.get_all(ORIGIN) {
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
    pub(super) fn admit_call(&self, peer: &Peer, asked: &Asked<'_>) -> Result<(), Refusal> {
        self.admit(peer, asked)?;
        match asked.headers.get(SEC_FETCH_SITE) {
            Some(site) if site != "same-origin" => Err(Refusal::Origin("another site".to_owned())),
            _ => Ok(()),
        }
    }
}

/// What a request says of itself.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) version: Version,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote => f.write_str(
                "the page is not shown to who comes so: without access.grants it is for the gateway's \
                 own machine, and only where a listener for gRPC is open to that, too; with them, for \
                 those who come by TLS, from that machine, or under a name of operations.hosts, as a \
                 proxy passes it on. Set access.grants and operations.tls, ask for certificates with \
                 that, or come by `ssh -L` or `kubectl port-forward`",
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

/// Whether a proxy says that it passes on what another sent, or speaks as browsers do not.
fn is_passed_on(asked: &Asked<'_>) -> bool {
    let of_proxies = |name: &HeaderName| {
        let name = name.as_str();
        PROXIES.contains(&name) || PREFIXES.iter().any(|it| name.starts_with(it))
    };
    asked.version < Version::HTTP_11 || asked.headers.keys().any(of_proxies)
}

/// The one host that the request is for.
fn host<'a>(asked: &Asked<'a>) -> Result<&'a str, Refusal> {
    let mut named = asked.headers.get_all(HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else {
        return Err(Refusal::Host(String::new()));
    };
    let host = host.to_str().map_err(|_| Refusal::Host("?".to_owned()))?;
    match asked.uri.authority() {
        Some(other) if other.as_str() != host => Err(Refusal::Host(other.to_string())),
        _ => Ok(host),
    }
}

/// A host without its port; nothing where what follows is no port.
fn without_port(host: &str) -> &str {
    let end = host
        .find(']')
        .map_or_else(|| host.find(':'), |at| Some(at + 1));
    let (name, port) = host
        .split_at_checked(end.unwrap_or(host.len()))
        .unwrap_or_default();
    let digits = port.strip_prefix(':').unwrap_or(port);
    let is_port = port.is_empty() || port != digits && digits.bytes().all(|it| it.is_ascii_digit());
    if is_port { name } else { "" }
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

    /// Whether somebody who comes from `address`, for `host`, is let in.
    fn admitted(
        (grants, asks_everybody, is_open_here): (&str, bool, bool),
        address: &str,
        host: &str,
        (version, more): (Version, &[(&'static str, &str)]),
    ) -> Result<(), Refusal> {
        let config = serde_saphyr::from_str(grants).unwrap();
        let door = Door {
            hosts: vec!["alerts.example.com".to_owned()],
            tls: asks_everybody,
            asks_everybody,
            is_open_here,
            access: Access::new(&config).unwrap(),
        };
        let mut headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
        for (name, value) in more {
            headers.insert(*name, value.parse().unwrap());
        }
        let peer = Peer::tcp(Some(address.parse().unwrap()));
        let uri = Uri::from_static("/");
        let asked = Asked {
            version,
            uri: &uri,
            headers: &headers,
        };
        door.admit(&peer, &asked)
    }

    const PLAIN: (Version, &[(&str, &str)]) = (Version::HTTP_11, &[]);
    const NO_GRANTS: (&str, bool, bool) = ("{}", false, true);
    const GRANTS: (&str, bool, bool) = ("grants: []", false, true);

    #[tokio::test]
    async fn who_is_elsewhere_is_asked_who_he_is_or_shown_nothing() {
        let host = "10.0.0.1:2810";
        for here in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(admitted(NO_GRANTS, here, host, PLAIN), Ok(()));
            assert_eq!(admitted(GRANTS, here, host, PLAIN), Ok(()));
            // Where sockets are all that others have, their permissions count.
            let sockets = ("{}", false, false);
            assert_eq!(admitted(sockets, here, host, PLAIN), Err(Refusal::Remote));
        }
        // The latter is a service mesh, with what somebody sent.
        for elsewhere in ["10.0.0.9:1", "[fd00::9]:1", "127.0.0.6:1"] {
            let refused = Err(Refusal::Remote);
            assert_eq!(admitted(NO_GRANTS, elsewhere, host, PLAIN), refused);
            assert_eq!(admitted(GRANTS, elsewhere, host, PLAIN), refused);
            for asking in [("{}", true, true), ("grants: []", true, true)] {
                assert_eq!(
                    admitted(asking, elsewhere, host, PLAIN),
                    Ok(()),
                    "{elsewhere}"
                );
            }
        }
    }

    #[tokio::test]
    async fn what_a_proxy_passes_on_is_not_of_this_machine() {
        let here = "127.0.0.1:1";
        for (host, how) in [
            ("127.0.0.1:2810", (Version::HTTP_10, &[][..])),
            (
                "127.0.0.1:2810",
                (Version::HTTP_11, &[("x-forwarded-for", "10.0.0.9")][..]),
            ),
            (
                "localhost",
                (Version::HTTP_11, &[("x-forwarded-host", "a.example")][..]),
            ),
            ("localhost", (Version::HTTP_11, &[("via", "1.1 a")][..])),
            ("alerts.example.com", (Version::HTTP_11, &[][..])),
        ] {
            let refused = Err(Refusal::Remote);
            assert_eq!(
                admitted(NO_GRANTS, here, host, how),
                refused,
                "{host} {how:?}"
            );
        }
        // With grants it is the proxy that a name of the configuration is of.
        for from in [here, "10.0.0.9:1"] {
            assert_eq!(admitted(GRANTS, from, "alerts.example.com", PLAIN), Ok(()));
        }
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
        for none in [":2810", "[::1]evil.com", "127.0.0.1:1@evil.com", "a:b:1"] {
            assert_eq!(without_port(none), "", "{none}");
        }
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
