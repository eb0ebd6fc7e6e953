//! The gRPC surface: maps protobuf to the domain and back, picks status codes,
//! and nothing else.
//!
//! One file a service. Deciding what a subscriber gets is
//! [`crate::delivery`]'s; how an alert looks on the wire is [`convert`]'s.

mod alert_service;
mod arrival;
mod authority;
mod bells;
mod body;
mod caller;
mod calls;
mod coalesce;
mod connection;
mod consume;
pub mod convert;
mod falco;
mod frames;
mod gateway_service;
mod greeting;
mod grpc;
mod ingest_service;
mod limits;
mod methods;
mod page;
mod report;
mod request;
mod server;
mod status;
mod stream_alerts;
mod subscription_service;
mod web;

#[cfg(any(test, fuzzing))]
pub(crate) use self::authority::fuzzing;
pub use self::{
    arrival::Arrival,
    falco::{Config as FalcoOutputs, Sharing},
    limits::{Limits, Refused},
    page::PageCalls,
    server::{Listener, Server, Services},
    web::Config as GrpcWeb,
};

/// What this server can do beyond the first version of the API, by name: what a
/// client may put into `required_features`.
pub const FEATURES: [&str; 5] = [
    "batching",
    "loss_notices",
    "overflow_policies",
    "source_notices",
    "views",
];
