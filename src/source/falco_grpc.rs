//! Subscribes to a Falco's own gRPC outputs service, which Falco has up to 0.43.
//!
//! That service is one queue from which each alert is taken once: whoever polls
//! gets what is queued, and Falco forgets it. There is no acknowledgement and no
//! replay. From this all of the following comes:
//!
//! ```text
//!   connect ─► version ─► sub ─► poll ──► read ──► append ─┐
//!      ▲                         ▲                         │
//!      │ backoff                 └── after all is in the log
//!      └──── the call ends, fails, or Falco is silent
//! ```
//!
//! - It polls for ever, also while nothing comes: an open call without polls gets
//!   no alerts, and makes Falco's shutdown and hot restart hang.
//! - It appends before it reads on, and lets Falco send little ahead: what is lost
//!   when the gateway is killed is bounded by that, some 150 KiB.
//! - It never ends the request stream, sends no keepalive pings, and puts no time
//!   limit on Falco's first sign on the call: Falco answers the first never, the
//!   second with an end of the connection, and gives the third only with an alert.
//! - It cannot bring back what Falco throws away: one alert per shutdown or hot
//!   restart, and what was on the wire when a connection broke.

mod batch;
mod call;
mod config;
mod failure;
mod link;
mod liveness;
mod reader;
mod rhythm;
mod subscriber;
mod wire;

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

pub use self::config::{Config, ConfigError, Tls};
#[cfg(any(test, fuzzing))]
pub(crate) use self::wire::fuzzing;

use self::subscriber::Subscriber;
use crate::{
    clock,
    source::{Intake, SourceHandle, SourceState},
};

/// How long after the shutdown's begin a call is cancelled, whatever is still
/// being read or appended.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// Subscribes to the configured Falco, and again whenever that ends, until the
/// shutdown or the intake's end.
pub async fn run(
    config: Config,
    intake: Intake,
    source: SourceHandle,
    shutdown: CancellationToken,
) {
    let checked = config.check().and_then(|()| config.parse_address());
    let address = match checked {
        Ok(address) => address,
        Err(mistake) => {
            error!(source.id = %source.origin().source_id, error = %mistake, "no subscription to Falco");
            source.enter(SourceState::Disconnected, mistake.to_string(), clock::now());
            return shutdown.cancelled().await;
        }
    };
    let id = source.origin().source_id.clone();
    let subscriber = Subscriber::new(config, address, intake, source, shutdown.clone());
    tokio::select! {
        () = subscriber.run() => {}
        () = limit(&shutdown) => {
            warn!(source.id = %id, "cancelled a subscription that did not end in time");
        }
    }
}

async fn limit(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(SHUTDOWN_LIMIT).await;
}
