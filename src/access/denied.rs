use std::time::Duration;

use crate::policy::Right;

/// Why somebody may not do what he asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nothing was shown, and nobody is let in for that.
    #[error(
        "this gateway must know who you are: send `authorization: Bearer TOKEN`, or come with a client certificate"
    )]
    TokenMissing,
    /// The token has expired.
    #[error("the token has expired: get a new one")]
    TokenExpired,
    /// The token is no good.
    #[error("the token is refused: {0}")]
    TokenInvalid(String),
    /// The keys that tokens are checked with are not there.
    #[error("tokens cannot be checked now: the keys of the issuer {0:?} have not been had yet")]
    KeysMissing(String),
    /// The identity is in no grant.
    #[error("no grant of this gateway is for {0:?}: its operator can add it to `access.grants`")]
    NoGrant(String),
    /// The grant has not that right.
    #[error("the grant {grant:?} does not allow to {right}")]
    NoRight {
        /// Which grant.
        grant: String,
        /// Which right.
        right: Right,
    },
    /// It became another while the call began.
    #[error("the policy of this gateway has just changed: try again")]
    PolicyChanged,
    /// Too many calls.
    #[error("more calls than the grant allows, which is {limit} a second")]
    Rate {
        /// How many are allowed.
        limit: u32,
        /// When another one is.
        wait: Duration,
    },
    /// Too many streams.
    #[error("{0} streams are open, and the grant allows no more")]
    Streams(usize),
}

impl Denied {
    /// Every reason there is.
    pub(super) const REASONS: [&str; 8] = [
        "TOKEN_MISSING",
        "TOKEN_EXPIRED",
        "TOKEN_INVALID",
        "NOT_READY",
        "SCOPE_DENIED",
        "POLICY_CHANGED",
        "RATE_QUOTA",
        "STREAM_QUOTA",
    ];

    /// In a word, for counting and for the audit log: what the API calls it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TokenMissing => "TOKEN_MISSING",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::TokenInvalid(_) => "TOKEN_INVALID",
            Self::KeysMissing(_) => "NOT_READY",
            Self::NoGrant(_) | Self::NoRight { .. } => "SCOPE_DENIED",
            Self::PolicyChanged => "POLICY_CHANGED",
            Self::Rate { .. } => "RATE_QUOTA",
            Self::Streams(_) => "STREAM_QUOTA",
        }
    }
}
