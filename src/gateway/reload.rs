//! What a running gateway takes over from a configuration that was changed.

use std::path::{Path, PathBuf};

use super::sight_of;
use crate::{
    access::{Access, AccessError},
    config::{Config, SourceConfig},
    delivery::Subscriptions,
    tls::{self, Acceptor, TlsError},
};

/// Gives a running gateway another configuration.
#[derive(Debug)]
pub struct Reload {
    /// As it is now.
    pub(super) config: Config,
    pub(super) access: Access,
    pub(super) subscriptions: Subscriptions,
    pub(super) acceptors: Vec<Acceptor>,
    pub(super) bridges: super::bridges::Running,
}

/// What became of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// How many calls and streams ended, since they were granted something else.
    pub ended: usize,
    /// How many bridges were begun, or begun anew.
    pub bridges: usize,
    /// The keys that were changed and are read at the start only.
    pub at_restart: Vec<&'static str>,
}

/// Why a configuration was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// Certificates. Those of other listeners may have been taken over.
    #[error("certificates: {0}")]
    Tls(#[from] TlsError),
    /// Who may see and do what.
    #[error("access: {0}")]
    Access(#[from] AccessError),
}

impl Reload {
    /// Takes over from `config`, which must have been checked, what can be: access,
    /// certificates and bridges.
    ///
    /// # Errors
    /// When a file that it names is no good. What was not taken over stays as it was.
    pub async fn apply(&mut self, config: Config) -> Result<Reloaded, ReloadError> {
        for acceptor in &self.acceptors {
            acceptor.reload()?;
        }
        let ended = self.access.reload(&config.access)?;
        let policy = self.access.policy();
        self.subscriptions.show(|key| sight_of(&policy, key)).await;
        let bridges = self.bridges.change_to(&config.bridges);
        let at_restart = differing(&self.config, &config);
        self.config.access = config.access;
        self.config.bridges = config.bridges;
        Ok(Reloaded {
            ended,
            bridges,
            at_restart,
        })
    }
}

/// The keys that differ, of those that are read at the start only.
fn differing(one: &Config, other: &Config) -> Vec<&'static str> {
    let all = [
        ("listen", one.listen != other.listen),
        (
            "allow_plaintext_off_loopback",
            one.allow_plaintext_off_loopback != other.allow_plaintext_off_loopback,
        ),
        ("data_dir", one.data_dir != other.data_dir),
        ("intake", one.intake != other.intake),
        ("log", one.log != other.log),
        ("delivery", one.delivery != other.delivery),
        ("limits", one.limits != other.limits),
        ("falco_outputs", one.falco_outputs != other.falco_outputs),
        ("grpc_web", one.grpc_web != other.grpc_web),
        ("operations", one.operations != other.operations),
        ("sources", one.sources != other.sources),
        ("traces", one.traces != other.traces),
    ];
    let differing = all.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(key, _)| key).collect()
}

/// The files that a gateway with `config` reads, and reads again when they change.
pub fn files(config: &Config) -> Vec<PathBuf> {
    let listeners = config
        .listen
        .iter()
        .filter_map(|listen| listen.tls.as_ref());
    let http = config.sources.iter().filter_map(SourceConfig::tls);
    let tls = listeners.chain(http).chain(&config.operations.tls);
    let access = &config.access;
    let tokens = access.tokens.iter().map(|token| token.file.as_path());
    let jwks = access.jwt.iter().map(|jwt| Path::new(&jwt.jwks));
    let authorities = access.jwt.iter().filter_map(|jwt| jwt.ca.as_deref());
    tls.flat_map(tls::Config::files)
        .chain(tokens)
        .chain(jwks)
        .chain(authorities)
        .map(Path::to_owned)
        .collect()
}
