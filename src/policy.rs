//! Who may see and do what.
//!
//! ```text
//! identity ──policy──► grant ──► sight: scope, then redaction
//!                            └─► rights, views, history, quotas
//! ```
//!
//! A policy is a list of grants, and the first that names an identity is its grant: what
//! somebody gets is found by reading from the top. Who is in none gets nothing. A pure
//! matter: no clock, no I/O. What is shown of an alert is decided in one place,
//! [`Sight`], before any filter of a subscriber sees it.

mod config;
mod grant;
mod identity;
mod name;
mod pattern;
mod redaction;
mod sight;

use std::{collections::BTreeSet, sync::Arc};

pub use self::{
    config::{Config, Quota},
    grant::{Grant, Right},
    identity::Identity,
    name::{LONGEST_NAME, is_name},
    pattern::Pattern,
    redaction::Redaction,
    sight::Sight,
};

/// Grants, in their order.
#[derive(Debug, Clone)]
pub struct Policy {
    grants: Arc<[Arc<Grant>]>,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct PolicyError {
    /// Which grant, and which key of it.
    pub at: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Policy {
    /// Everybody who gets through to the gateway may see and do everything.
    pub fn open() -> Self {
        Self {
            grants: Arc::new([Arc::new(Grant::everything())]),
        }
    }

    /// Reads the grants of a configuration.
    ///
    /// # Errors
    /// When one of them cannot be meant.
    pub fn new(configs: &[Config]) -> Result<Self, PolicyError> {
        let mut names = BTreeSet::new();
        let mut grants = Vec::with_capacity(configs.len());
        for (index, config) in configs.iter().enumerate() {
            let at = format!("grants[{index}] ({:?})", config.name);
            if !names.insert(&config.name) {
                let problem = "the name is taken: every grant needs one of its own".to_owned();
                return Err(PolicyError { at, problem });
            }
            let grant = config.read().map_err(|(key, problem)| PolicyError {
                at: format!("{at}.{key}"),
                problem,
            })?;
            grants.push(Arc::new(grant));
        }
        Ok(Self {
            grants: grants.into(),
        })
    }

    /// The grant of `identity`; none denies everything.
    pub fn grant(&self, identity: &Identity) -> Option<&Arc<Grant>> {
        let granted = self.granted_to(&identity.to_string());
        granted.map(|(_, grant)| grant)
    }

    /// The grant of the identity that is written `identity`, with its place in the list.
    pub fn granted_to(&self, identity: &str) -> Option<(usize, &Arc<Grant>)> {
        let mut grants = self.grants.iter().enumerate();
        grants.find(|(_, grant)| grant.is_for(identity))
    }

    /// All grants, in their order.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter().map(Arc::as_ref)
    }

    /// The grant called `name`.
    pub fn named(&self, name: &str) -> Option<&Arc<Grant>> {
        self.grants.iter().find(|grant| grant.name == name)
    }
}

#[cfg(test)]
mod tests;
