use std::{fmt, path::PathBuf};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, value::MapAccessDeserializer},
};

/// Where the gRPC services listen. In the file an address alone, or an address
/// with the files for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `host:port` or `unix:///path`.
    pub address: String,
    /// The files for TLS; without them, the listener speaks plaintext.
    pub tls: Option<Tls>,
}

/// The files of a listener's TLS, all PEM. They are read at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The gateway's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// The authority of the clients: who has no certificate of it is refused.
    /// Without it, everyone may connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WithTls {
    address: String,
    tls: Tls,
}

impl Listen {
    /// Without TLS.
    pub fn plaintext(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            tls: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.address.starts_with("unix://") && self.tls.is_some() {
            return Err("a unix socket needs no TLS: remove tls".to_owned());
        }
        Ok(())
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.tls {
            None => self.address.serialize(serializer),
            Some(tls) => WithTls {
                address: self.address.clone(),
                tls: tls.clone(),
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Listen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or a map of address and tls")
            }

            fn visit_str<E: de::Error>(self, address: &str) -> Result<Listen, E> {
                Ok(Listen::plaintext(address))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listen, A::Error> {
                let WithTls { address, tls } =
                    WithTls::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Listen {
                    address,
                    tls: Some(tls),
                })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
