//! Falco's own gRPC API, as Falco had it up to 0.43, served from the log: for the
//! clients that Falco 0.44 left without a server.
//!
//! What they expect was measured on them and is more than the API says. They ask
//! again and again, or never; they take a stream that ends for an error; some open
//! one after what they wait for has happened. So alerts are pushed as soon as a
//! stream opens, requests are read and mean nothing, a stream ends only with the
//! gateway, and a new one begins a little in the past.

mod config;
mod outputs;
mod queue;
mod response;
mod shared;
mod version;

pub use self::config::{Config, Sharing};
pub(super) use self::{
    outputs::{Given, Outputs},
    version::Versions,
};
