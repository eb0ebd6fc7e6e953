//! falco-gateway: a gRPC alert gateway for Falco.
//!
//! The modules stand in the order of an alert's way:
//!
//! ```text
//! source ──► normalize ──► log ──► delivery ──► rpc ──► subscriber
//! ```

pub mod alert;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod filter;
pub mod gateway;
pub mod ingest;
pub mod log;
pub mod normalize;
pub mod pb;
pub mod rpc;
pub mod source;
pub mod units;
