//! falco-gateway: a gRPC alert gateway for Falco.
//!
//! An alert's way through the modules, each of which says in its own words what
//! it promises:
//!
//! ```text
//! source ──► normalize ──► log ──► delivery ──► rpc ──► subscriber
//!   (onto the intake)  ingest, the one writer    filter
//! ```
//!
//! [`alert`] is what travels, and [`format`](mod@format) what it becomes for others. [`gateway`] puts the stages together from a
//! [`config`], and [`cli`] is the command line around them. [`client`] is a
//! subscriber's side.

pub mod access;
pub mod alert;
mod backoff;
pub mod bridge;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod filter;
pub mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gateway;
pub mod ingest;
pub mod json;
pub mod log;
pub mod normalize;
pub mod pb;
pub mod policy;
pub mod report;
pub mod rpc;
pub mod source;
pub mod state;
pub mod telemetry;
pub mod tls;
pub mod trace;
pub mod units;
pub mod web;
