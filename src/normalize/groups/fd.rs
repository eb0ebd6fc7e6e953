//! The file or the connection behind a file descriptor: `fd.*` is about either.

use super::{lookup::Lookup, unless_empty};
use crate::alert::{Endpoint, File, Network};

pub(super) fn read_file(fields: Lookup<'_>) -> Option<File> {
    if !fields.has("fd.") && !fields.has("fs.path.") {
        return None;
    }
    let mut file = File {
        path: fields.text("fs.path.name"),
        target_path: fields.text("fs.path.target"),
        ..File::default()
    };
    if Kind::of(fields) == Kind::File {
        let name = fields.text("fd.name");
        if !name.is_empty() {
            file.path = name;
        }
        file.directory = fields.text("fd.directory");
        file.name = fields.text("fd.filename");
        file.inode = fields.integer("fd.ino");
        file.kind = fields.text("fd.type");
    }
    unless_empty(file)
}

pub(super) fn read_network(fields: Lookup<'_>) -> Option<Network> {
    if Kind::of(fields) != Kind::Network {
        return None;
    }
    let connection = fields.text("fd.name");
    let (client, server) = ends(&connection).unzip();
    unless_empty(Network {
        transport: fields.text("fd.l4proto"),
        family: fields.text("fd.type"),
        local: endpoint(fields, ["fd.lip", "fd.lport", "fd.lip.name"]),
        remote: endpoint(fields, ["fd.rip", "fd.rport", "fd.rip.name"]),
        client: endpoint(fields, ["fd.cip", "fd.cport", "fd.cip.name"]).or(client),
        server: endpoint(fields, ["fd.sip", "fd.sport", "fd.sip.name"]).or(server),
        connection,
    })
}

/// What a file descriptor is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Network,
    /// A pipe, a timer, …, or unknown.
    Other,
}

impl Kind {
    fn of(fields: Lookup<'_>) -> Self {
        match fields.str("fd.type") {
            "file" | "directory" | "memfd" => Self::File,
            "ipv4" | "ipv6" | "unix" | "netlink" => Self::Network,
            "" => Self::by_name(fields),
            _ => Self::Other,
        }
    }

    /// Most rules do not print the type, but a name tells: paths are absolute,
    /// connections have two ends.
    fn by_name(fields: Lookup<'_>) -> Self {
        let name = fields.str("fd.name");
        let socket_fields = ["fd.l4proto", "fd.lport", "fd.rport", "fd.sip", "fd.cip"];
        if ends(name).is_some() || socket_fields.iter().any(|key| fields.value(key).is_some()) {
            Self::Network
        } else if name.starts_with('/') || fields.value("fd.filename").is_some() {
            Self::File
        } else {
            Self::Other
        }
    }
}

fn endpoint(fields: Lookup<'_>, [ip, port, name]: [&str; 3]) -> Option<Endpoint> {
    unless_empty(Endpoint {
        ip: fields.text(ip),
        port: fields.port(port),
        name: fields.text(name),
    })
}

/// Client and server of a connection's name: `10.0.0.1:4242->10.0.0.2:443`, in
/// IPv6 `::1:4242->::1:443`.
fn ends(name: &str) -> Option<(Endpoint, Endpoint)> {
    let (client, server) = name.split_once("->")?;
    Some((end(client)?, end(server)?))
}

fn end(text: &str) -> Option<Endpoint> {
    let (ip, port) = text.rsplit_once(':')?;
    ip.parse::<std::net::IpAddr>().ok()?;
    Some(Endpoint {
        ip: ip.to_owned(),
        port: Some(port.parse().ok()?),
        name: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::normalize::groups::tests::groups;

    #[test]
    fn a_path_is_a_file_with_or_without_its_type() {
        for json in [
            r#"{"fd.name": "/etc/shadow", "fd.filename": "shadow", "fd.directory": "/etc"}"#,
            r#"{"fd.name": "/etc/shadow", "fd.filename": "shadow", "fd.directory": "/etc",
                "fd.type": "file", "fd.l4proto": "<NA>"}"#,
        ] {
            let groups = groups(json);
            let file = groups.file.unwrap();
            assert_eq!(
                (
                    file.path.as_str(),
                    file.directory.as_str(),
                    file.name.as_str()
                ),
                ("/etc/shadow", "/etc", "shadow")
            );
            assert_eq!(groups.network, None);
        }
    }

    #[test]
    fn a_connection_is_a_network_with_or_without_its_type() {
        for kind in ["", r#""fd.type": "ipv6","#] {
            let groups = groups(&format!(
                r#"{{{kind} "fd.name": "::1:41996->::1:9090", "fd.rport": 9090}}"#
            ));
            let network = groups.network.unwrap();
            assert_eq!(groups.file, None);
            let client = network.client.unwrap();
            assert_eq!((client.ip.as_str(), client.port), ("::1", Some(41996)));
            assert_eq!(network.server.unwrap().port, Some(9090));
            assert_eq!(network.remote.unwrap().port, Some(9090));
            assert_eq!(network.local, None);
        }
    }

    #[test]
    fn explicit_ends_win_over_the_name() {
        let network = groups(
            r#"{"fd.type": "ipv4", "fd.name": "10.0.0.1:1->10.0.0.2:2",
                "fd.sip": "203.0.113.9", "fd.sport": "443", "fd.sip.name": "example.com"}"#,
        )
        .network
        .unwrap();
        let server = network.server.unwrap();
        assert_eq!(
            (server.ip.as_str(), server.port, server.name.as_str()),
            ("203.0.113.9", Some(443), "example.com")
        );
        assert_eq!(network.client.unwrap().ip, "10.0.0.1");
    }

    #[test]
    fn pipes_are_neither_and_link_targets_are_kept() {
        let groups = groups(
            r#"{"fd.type": "pipe", "fd.name": "x", "fs.path.name": "/a", "fs.path.target": "/b"}"#,
        );
        assert_eq!(groups.network, None);
        let file = groups.file.unwrap();
        assert_eq!(
            (file.path.as_str(), file.target_path.as_str()),
            ("/a", "/b")
        );
        assert_eq!(file.kind, "");
    }
}
