//! A subscriber's side of a gateway: an [`AlertStream`] that resumes by itself.
//!
//! ```no_run
//! use falco_gateway::{client::{self, AlertStream, Event}, pb::StreamAlertsRequest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let channel = client::endpoint("http://127.0.0.1:5060")?.connect_lazy();
//! let request = StreamAlertsRequest { filter: "priority >= error".into(), ..Default::default() };
//! let mut stream = AlertStream::new(channel, request);
//! while let Some(event) = stream.next().await {
//!     match event? {
//!         Event::Alert { alert, cursor } => println!("{} {cursor}", alert.rule),
//!         Event::Loss { notice, .. } => eprintln!("{} alerts lost", notice.lost),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Clients for other languages are in `clients/`; what they all promise is in the
//! README there.

mod calls;
mod connection;
mod consumer;
mod error;
mod event;
mod stream;

use std::time::Duration;

use tonic::transport::Endpoint;

pub use self::{
    connection::{Connection, TokenFile},
    consumer::{Consumed, Consumer},
    error::Error,
    event::Event,
    stream::AlertStream,
};

/// After how long without a frame a connection is tried, and for how long.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// The gateway at `url`, `http://host:port` or, with a `tls_config` of yours,
/// `https://host:port`. Its connections ping: a call after one that fell silent goes
/// over the same connection, which may be as dead.
///
/// # Errors
/// When `url` is none.
pub fn endpoint(url: impl Into<String>) -> Result<Endpoint, tonic::transport::Error> {
    Ok(tuned(Endpoint::from_shared(url.into())?))
}

/// With what a stream needs of its connection.
pub(crate) fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .tcp_nodelay(true)
}
