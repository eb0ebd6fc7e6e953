use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, value::MapAccessDeserializer},
};

use crate::tls;

/// Where the gRPC services listen. In the file an address alone, or an address
/// with the files for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `host:port` or `unix:///path`.
    pub address: String,
    /// The files for TLS; without them, the listener speaks plaintext.
    pub tls: Option<tls::Config>,
    /// Who may use a unix socket.
    pub socket: Socket,
}

/// Who may use a unix socket: its user, and
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Socket {
    /// those whom these permissions admit,
    pub mode: Option<Mode>,
    /// and this group, by name or number. Without a mode it may read and write.
    pub group: Option<String>,
}

/// The permissions of a file, as `chmod` takes them: `"0660"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(pub u32);

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_octal = text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
        u32::from_str_radix(&text, 8)
            .ok()
            .filter(|mode| is_octal && *mode <= 0o777)
            .map(Self)
            .ok_or_else(|| {
                format!("{text:?} is no mode: write it as chmod takes it, in quotes: \"0660\"")
            })
    }
}

impl From<Mode> for String {
    fn from(Mode(mode): Mode) -> Self {
        format!("{mode:04o}")
    }
}

impl Socket {
    /// The permissions that hold: the socket's own user, and its group if one is named.
    pub fn permissions(&self) -> Mode {
        self.mode
            .unwrap_or(Mode(if self.group.is_some() { 0o660 } else { 0o600 }))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WithOptions {
    address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<tls::Config>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
}

impl Listen {
    /// Whether everybody on this machine may connect, and is asked for no certificate.
    pub fn takes_everybody_here(&self) -> bool {
        let asks = self.tls.as_ref().is_some_and(tls::Config::asks_everybody);
        !asks && !self.address.starts_with("unix:")
    }

    /// Without TLS.
    pub fn plaintext(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            tls: None,
            socket: Socket::default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let path = self.address.strip_prefix("unix://");
        if path.is_some() && self.tls.is_some() {
            return Err("a unix socket needs no TLS: remove tls".to_owned());
        }
        if path.is_some_and(|path| !path.starts_with('/') || path.ends_with('/')) {
            return Err("write the whole path of the socket: unix:///run/a.sock".to_owned());
        }
        if path.is_none() && !self.address.contains(':') {
            return Err("is neither host:port nor unix:///path".to_owned());
        }
        if self.socket.permissions().0 & 0o600 != 0o600 {
            return Err(
                "the socket's own user must be able to use it: mode 0600 or more".to_owned(),
            );
        }
        if self.socket.group.as_deref().is_some_and(is_no_group) {
            return Err("group must be a group's name or number".to_owned());
        }
        if path.is_none() && self.socket != Socket::default() {
            return Err("mode and group are for unix sockets: remove them".to_owned());
        }
        Ok(())
    }
}

/// The highest number stands for no group, and would leave the socket as it is.
fn is_no_group(group: &str) -> bool {
    group.trim().is_empty() || group.starts_with('-') || group.parse() == Ok(u32::MAX)
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::plaintext(&self.address) {
            return self.address.serialize(serializer);
        }
        let listen = self.clone();
        WithOptions {
            address: listen.address,
            tls: listen.tls,
            mode: listen.socket.mode,
            group: listen.socket.group,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Listen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an address, or a map of address and tls, or of address, mode and group",
                )
            }

            fn visit_str<E: de::Error>(self, address: &str) -> Result<Listen, E> {
                Ok(Listen::plaintext(address))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listen, A::Error> {
                let options = WithOptions::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Listen {
                    address: options.address,
                    tls: options.tls,
                    socket: Socket {
                        mode: options.mode,
                        group: options.group,
                    },
                })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
