//! One subscription to a Falco, over any number of connections.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    config::{Address, Config},
    failure::Failure,
    link::Link,
    liveness::Liveness,
    reader::{End, Reader},
    rhythm::Rhythm,
    wire::Version,
};
use crate::{
    backoff::Backoff,
    clock,
    source::{Intake, SourceHandle, SourceState},
};

/// Connects, reads, and connects again.
#[derive(Debug)]
pub(super) struct Subscriber {
    config: Config,
    address: Address,
    intake: Intake,
    source: SourceHandle,
    shutdown: CancellationToken,
    backoff: Backoff,
    // What was logged since the last good connection: each reason once.
    told: BTreeSet<String>,
}

struct Session {
    end: End,
    good: bool,
}

/// A connection that lived so long was a good one, even if nothing came.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// After Falco ended the call: it is about to be back.
const RECONNECT_SOON: Duration = Duration::from_millis(200);

/// Reasons remembered as told.
const MAX_TOLD: usize = 32;

impl Subscriber {
    pub(super) fn new(
        config: Config,
        address: Address,
        intake: Intake,
        source: SourceHandle,
        shutdown: CancellationToken,
    ) -> Self {
        let backoff = Backoff::new(config.max_backoff.0);
        Self {
            config,
            address,
            intake,
            source,
            shutdown,
            backoff,
            told: BTreeSet::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let shutdown = self.shutdown.clone();
        loop {
            let session = self.session().await;
            if session.good {
                self.backoff.reset();
                self.told.clear();
            }
            let Some(pause) = self.pause_after(session.end) else {
                return;
            };
            if shutdown.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// One connection, from its attempt to its end.
    async fn session(&mut self) -> Session {
        let shutdown = self.shutdown.clone();
        let bad = |end| Session { end, good: false };
        let (link, version) = match shutdown.run_until_cancelled(self.connect()).await {
            None => return bad(End::Stopped),
            Some(Err(failure)) => return bad(End::Failed(failure)),
            Some(Ok(connected)) => connected,
        };
        let call = link.subscribe();
        self.connected(&version);
        let began = Instant::now();
        let mut reader = Reader::new(
            call,
            Liveness::new(link, self.config.liveness_interval),
            Rhythm::new(self.config.poll_interval.0, began),
            (self.intake.clone(), self.source.clone()),
            shutdown,
        );
        let end = reader.run().await;
        Session {
            end,
            good: reader.has_delivered() || began.elapsed() >= GOOD_AFTER,
        }
    }

    async fn connect(&self) -> Result<(Link, Version), Failure> {
        let link = Link::connect(&self.address, self.config.timeout).await?;
        let version = link
            .version()
            .await
            .map_err(|failure| failure.before_any_answer(&self.address))?;
        Ok((link, version))
    }

    fn connected(&mut self, version: &Version) {
        let detail = version.to_string();
        self.source
            .enter(SourceState::Connected, &*detail, clock::now());
        if self.is_news(&detail) {
            info!(source.id = %self.source.origin().source_id, falco.version = %version.version, "subscribed to Falco");
        }
    }

    /// Tells how the connection ended, and how long to wait for the next one;
    /// none when there is to be no next one.
    fn pause_after(&mut self, end: End) -> Option<Duration> {
        match end {
            End::Stopped => None,
            End::ByFalco => {
                self.disconnected("Falco ended the call: it shuts down or starts anew");
                Some(RECONNECT_SOON.mul_f64(1.0 + fastrand::f64()))
            }
            End::Failed(failure) => {
                self.disconnected(&failure.to_string());
                Some(self.backoff.next(fastrand::f64()))
            }
        }
    }

    fn disconnected(&mut self, reason: &str) {
        self.source
            .enter(SourceState::Disconnected, reason, clock::now());
        if self.is_news(reason) {
            warn!(source.id = %self.source.origin().source_id, reason, "no subscription to Falco; the gateway keeps trying");
        }
    }

    fn is_news(&mut self, text: &str) -> bool {
        if self.told.len() >= MAX_TOLD {
            self.told.clear();
        }
        self.told.insert(text.to_owned())
    }
}
