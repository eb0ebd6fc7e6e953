//! falco-gateway: a gRPC alert gateway for Falco.
//!
//! The modules stand in the order of an alert's way:
//!
//! ```text
//! source ──► normalize ──► log ──► delivery ──► rpc ──► subscriber
//! ```

pub mod alert;
pub mod clock;
pub mod normalize;
pub mod pb;
pub mod source;
pub mod units;
