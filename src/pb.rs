//! The generated protobuf code of `proto/`, and what is written by hand beside
//! it: [`AlertRecord`], which keeps its alert encoded.

use bytes::Bytes;
use prost::{DecodeError, Message};

pub use generated::*;

/// An alert and its place in the log, with the alert still encoded.
///
/// On the wire this is `falcogateway.v1.AlertRecord`: a message field and a
/// bytes field look the same there. Kept so, an alert is encoded once for all
/// its readers, and a reader that only forwards it never decodes it.
#[derive(Clone, PartialEq, Message)]
pub struct AlertRecord {
    /// The position of this alert.
    #[prost(string, tag = "1")]
    pub cursor: String,
    /// The encoded [`Alert`].
    #[prost(bytes = "bytes", tag = "2")]
    pub alert: Bytes,
}

impl AlertRecord {
    /// Decodes the alert.
    ///
    /// # Errors
    /// When the peer sent something that is no [`Alert`].
    pub fn decode_alert(&self) -> Result<Alert, DecodeError> {
        Alert::decode(self.alert.clone())
    }
}

/// The descriptors of all services, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/falcogateway.bin"));

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    non_camel_case_types,
    clippy::pedantic,
    clippy::restriction,
    clippy::nursery,
    clippy::perf,
    reason = "generated code is not ours to polish"
)]
mod generated {
    tonic::include_proto!("falcogateway.v1");

    /// The services' traits. `StreamAlerts` is not among them: see
    /// [`crate::rpc`].
    pub mod server {
        include!(concat!(env!("OUT_DIR"), "/server/falcogateway.v1.rs"));

        /// Of Falco's own API.
        pub mod falco {
            pub mod outputs {
                include!(concat!(env!("OUT_DIR"), "/server/falco.outputs.rs"));
            }
            pub mod version {
                include!(concat!(env!("OUT_DIR"), "/server/falco.version.rs"));
            }
        }
    }

    /// Falco's own API, up to Falco 0.43.
    pub mod falco {
        pub mod outputs {
            tonic::include_proto!("falco.outputs");
        }
        pub mod schema {
            tonic::include_proto!("falco.schema");
        }
        pub mod version {
            tonic::include_proto!("falco.version");
        }
    }
}
