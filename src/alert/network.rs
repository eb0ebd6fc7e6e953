use serde::Serialize;

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Network {
    /// `fd.l4proto`: `tcp`, `udp`, …
    pub transport: String,
    /// `fd.type` of a socket: `ipv4`, `ipv6`, `unix`.
    pub family: String,
    /// `fd.lip`, `fd.lport`.
    pub local: Option<Endpoint>,
    /// `fd.rip`, `fd.rport`.
    pub remote: Option<Endpoint>,
    /// `fd.cip`, `fd.cport`, `fd.cip.name`; else the left end of `fd.name`.
    pub client: Option<Endpoint>,
    /// `fd.sip`, `fd.sport`, `fd.sip.name`; else the right end of `fd.name`.
    pub server: Option<Endpoint>,
    /// `fd.name` of a socket, such as `10.0.0.1:4242->10.0.0.2:443`.
    pub connection: String,
}

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Endpoint {
    /// The address as Falco wrote it.
    pub ip: String,
    /// The port.
    pub port: Option<u16>,
    /// The resolved name.
    pub name: String,
}
