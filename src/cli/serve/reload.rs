//! Another configuration for a gateway that runs: on SIGHUP, and when a file changes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::Signal,
    time::{MissedTickBehavior, interval},
};

use super::{Arguments, systemd};
use crate::{
    config::Config,
    gateway::{self, Reload},
    telemetry::Telemetry,
};

/// How often files are looked at. Polled, since what Kubernetes mounts is swapped by
/// links, and other file systems tell nobody.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Files, and what was in them.
#[derive(Debug)]
pub(super) struct Watched {
    config: Option<PathBuf>,
    others: Vec<PathBuf>,
    seen: blake3::Hash,
}

impl Watched {
    /// The configuration, if it is in a file, and those that it names.
    pub(super) fn new(path: Option<&Path>, config: &Config) -> Self {
        let mut watched = Self {
            config: path.map(Path::to_owned),
            others: gateway::files(config),
            seen: blake3::hash(b""),
        };
        watched.seen = watched.content();
        watched
    }

    /// Whether something is in them that was not when this was last asked.
    fn has_changed(&mut self) -> bool {
        let content = self.content();
        std::mem::replace(&mut self.seen, content) != content
    }

    fn content(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for path in self.config.iter().chain(&self.others) {
            // One that is not there is another content, too.
            let bytes = fs::read(path).unwrap_or_default();
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(&bytes);
        }
        hasher.finalize()
    }
}

/// What takes over what was changed.
pub(super) struct Reloads {
    pub(super) reload: Reload,
    pub(super) telemetry: Telemetry,
    pub(super) arguments: Arguments,
    pub(super) watched: Watched,
}

impl Reloads {
    /// For as long as the gateway runs.
    pub(super) async fn run(mut self, mut hangups: Signal) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_due = tokio::select! {
                _ = hangups.recv() => {
                    self.watched.has_changed();
                    true
                }
                _ = looks.tick() => self.watched.has_changed(),
            };
            if is_due {
                self.now().await;
            }
        }
    }

    async fn now(&mut self) {
        let reloading = [
            NotifyState::Reloading,
            NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Reloading),
        ];
        systemd::tell(&reloading);
        match self.take_over().await {
            Ok(()) => {}
            Err(error) => tracing::error!(
                %error,
                "the configuration was not taken over; the gateway goes on with what it has"
            ),
        }
        systemd::tell(&[NotifyState::Ready]);
    }

    async fn take_over(&mut self) -> Result<(), String> {
        let config = self.arguments.config().map_err(|error| error.to_string())?;
        self.telemetry.apply(&config.logging)?;
        let watched = Watched::new(self.arguments.config.as_deref(), &config);
        let reloaded = self.reload.apply(config).await;
        let reloaded = reloaded.map_err(|error| error.to_string())?;
        self.watched = watched;
        tracing::info!(
            ended = reloaded.ended,
            bridges = reloaded.bridges,
            "took the configuration over"
        );
        if !reloaded.at_restart.is_empty() {
            let keys = reloaded.at_restart.join(", ");
            tracing::warn!(
                keys,
                "these were changed too, and are read at the start only: restart the gateway for them"
            );
        }
        Ok(())
    }
}
