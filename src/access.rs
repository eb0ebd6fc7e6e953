//! Who calls, and what of it is granted: identities from credentials, and their sessions.
//!
//! ```text
//! certificate, token, socket ──► identity ──policy──► session ──► call
//!                                                       └─ ends when the grant does
//! ```
//!
//! Every call has a session, which holds the grant that it goes by. When the policy is
//! another, or the credentials expire, the sessions that this concerns end, and with them
//! what goes on under them. Everything is decided anew then, so nobody keeps what he has
//! lost.

mod audit;
mod config;
mod denied;
mod jwks;
mod jwt;
mod peer;
mod session;
mod tokens;
mod usage;

use std::sync::Arc;

use arc_swap::ArcSwap;

use self::{
    audit::Denials,
    jwt::Issuers,
    session::{Credentials, Proof, Sessions},
    tokens::Tokens,
    usage::Users,
};
pub use self::{
    audit::TARGET as AUDIT_TARGET,
    config::{AccessError, Config, Jwt, Token},
    denied::Denied,
    peer::Peer,
    session::{End, Session},
};
use crate::{
    clock,
    policy::{Grant, Identity, Policy, Right},
};

/// Lets callers in. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Access {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rules: ArcSwap<Rules>,
    sessions: Sessions,
    users: Users,
    denials: Denials,
}

/// What is configured.
#[derive(Debug)]
struct Rules {
    policy: Policy,
    tokens: Tokens,
    issuers: Issuers,
    /// Everybody may do everything.
    is_open: bool,
}

impl Rules {
    fn read(config: &Config) -> Result<Self, AccessError> {
        let policy = match &config.grants {
            None => Policy::open(),
            Some(grants) => Policy::new(grants)?,
        };
        Ok(Self {
            policy,
            tokens: Tokens::read(&config.tokens)?,
            issuers: Issuers::read(&config.jwt)?,
            is_open: config.grants.is_none(),
        })
    }

    /// Whether these credentials are still good, and for the same as `grant` is.
    fn still_grant(&self, credentials: &Credentials, grant: &Grant) -> bool {
        let is_proven = match &credentials.proof {
            Proof::Peer => true,
            Proof::Token(hash) => self.tokens.owner(hash).is_some(),
            Proof::Jwt(issuer) => self.issuers.has(issuer),
        };
        let granted = self.policy.grant(&credentials.identity);
        let is_same = granted.is_some_and(|it| it.allows_same_as(grant));
        credentials.identity == Identity::Gateway || is_proven && is_same
    }
}

impl Access {
    /// Access as `config` says. Reads the files that it names. To be called on a runtime,
    /// where keys that come from elsewhere are fetched.
    ///
    /// # Errors
    /// When a file cannot be read, or something cannot be meant.
    pub fn new(config: &Config) -> Result<Self, AccessError> {
        Ok(Self {
            shared: Arc::new(Shared {
                rules: ArcSwap::from_pointee(Rules::read(config)?),
                sessions: Sessions::default(),
                users: Users::default(),
                denials: Denials::default(),
            }),
        })
    }

    /// Goes by `config` from now on. Sessions that it has no more, or that get something
    /// else by it, end; the others go on. Returns how many ended.
    ///
    /// # Errors
    /// As with [`Self::new`]; then everything stays as it was.
    pub fn reload(&self, config: &Config) -> Result<usize, AccessError> {
        let rules = Rules::read(config)?;
        rules
            .issuers
            .keep_keys_of(&self.shared.rules.load().issuers);
        let rules = Arc::new(rules);
        self.shared.rules.store(Arc::clone(&rules));
        let ended = self
            .shared
            .sessions
            .end_those(|credentials, grant| !rules.still_grant(credentials, grant));
        audit::policy_changed(config.grants.as_deref().map_or(0, <[_]>::len), ended);
        Ok(ended)
    }

    /// What is granted to whom.
    pub fn policy(&self) -> Policy {
        self.shared.rules.load().policy.clone()
    }

    /// How many calls were denied, by why.
    pub fn denied(&self) -> Vec<(&'static str, u64)> {
        self.shared.denials.counts()
    }

    /// How many calls and streams are open.
    pub fn sessions(&self) -> usize {
        self.shared.sessions.len()
    }

    /// Lets somebody make the call `method`, who came as `peer` and showed
    /// `authorization`, the header's value. One of `rights` is what the call needs; if
    /// there are none, whoever has any grant may.
    ///
    /// # Errors
    /// When he may not.
    pub async fn enter(
        &self,
        peer: &Peer,
        authorization: Option<&[u8]>,
        method: &str,
        rights: &[Right],
    ) -> Result<Session, Denied> {
        let entered = self.try_enter(peer, authorization, rights).await;
        match &entered {
            Err((identity, denied)) => {
                let denials = &self.shared.denials;
                denials.tell(peer, identity.as_ref(), method, denied);
            }
            Ok(session) if !self.is_open() => audit::entered(peer, session, method),
            Ok(_) => {}
        }
        entered.map_err(|(_, denied)| denied)
    }

    async fn try_enter(
        &self,
        peer: &Peer,
        authorization: Option<&[u8]>,
        rights: &[Right],
    ) -> Result<Session, (Option<Identity>, Denied)> {
        let credentials = self
            .identify(peer, authorization)
            .await
            .map_err(|denied| (None, denied))?;
        let granted = self.granted(&credentials, rights);
        granted.map_err(|denied| (Some(credentials.identity), denied))
    }

    fn granted(&self, credentials: &Credentials, rights: &[Right]) -> Result<Session, Denied> {
        let identity = &credentials.identity;
        let grant = self.grant(identity)?;
        let is_allowed = rights.is_empty() || rights.iter().any(|right| grant.may(*right));
        if let (false, Some(right)) = (is_allowed, rights.first()) {
            return Err(Denied::NoRight {
                grant: grant.name.clone(),
                right: *right,
            });
        }
        let usage = self.shared.users.of(identity);
        usage.count_call(grant.quota.calls_per_second)?;
        let session = self
            .shared
            .sessions
            .begin(credentials.clone(), grant, usage);
        // The policy may have become another meanwhile, and has not seen it.
        let rules = self.shared.rules.load();
        if rules.still_grant(session.credentials(), session.grant()) {
            Ok(session)
        } else {
            Err(Denied::PolicyChanged)
        }
    }

    fn grant(&self, identity: &Identity) -> Result<Arc<Grant>, Denied> {
        if *identity == Identity::Gateway {
            return Ok(Arc::new(Grant::everything()));
        }
        let rules = self.shared.rules.load();
        match rules.policy.grant(identity) {
            Some(grant) => Ok(Arc::clone(grant)),
            None if *identity == Identity::Anonymous => Err(Denied::TokenMissing),
            None => Err(Denied::NoGrant(identity.to_string())),
        }
    }

    /// Who it is. Who shows a token is who that says, whatever else there is, or nobody.
    async fn identify(
        &self,
        peer: &Peer,
        authorization: Option<&[u8]>,
    ) -> Result<Credentials, Denied> {
        let Some(authorization) = authorization.filter(|_| !peer.is_gateway()) else {
            return Ok(peer.credentials());
        };
        let rules = self.shared.rules.load_full();
        // Without a policy, a proxy's credentials are nobody's business.
        if rules.is_open {
            return Ok(peer.credentials());
        }
        let token = bearer(authorization).ok_or(Denied::TokenInvalid(
            "the header `authorization` must be `Bearer TOKEN`".to_owned(),
        ))?;
        let hash = blake3::hash(token.as_bytes());
        if let Some(owner) = rules.tokens.owner(&hash) {
            return Ok(Credentials {
                identity: Identity::Token(owner.to_owned()),
                proof: Proof::Token(hash),
                expires: None,
            });
        }
        // In a box: fetching keys is large, and every call would have room for it.
        Box::pin(rules.issuers.identify(token, clock::now())).await
    }

    /// Whether nothing is configured, and everybody may do everything.
    pub fn is_open(&self) -> bool {
        self.shared.rules.load().is_open
    }
}

fn bearer(authorization: &[u8]) -> Option<&str> {
    let (scheme, token) = str::from_utf8(authorization).ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;
