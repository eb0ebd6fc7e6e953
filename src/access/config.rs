use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    policy::{self, PolicyError},
    units::Span,
};

/// Who may see and do what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Tokens that are in files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Token>,
    /// Those whose signed tokens are taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jwt: Vec<Jwt>,
    /// What is granted to whom: the first that names an identity is its grant, and who is
    /// in none gets nothing. Unset, everybody who gets through may do everything.
    pub grants: Option<Vec<policy::Config>>,
}

/// A token for a small set-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Whose it is: `token:NAME` in grants.
    pub name: String,
    /// The file that has it, or several, each on a line of its own: all are taken, so that
    /// one can be replaced without a gap.
    pub file: PathBuf,
}

/// An issuer of signed tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// What grants call it: `jwt:NAME:SUBJECT`.
    pub name: String,
    /// What its tokens say in `iss`.
    pub issuer: String,
    /// What they must say in `aud`.
    pub audience: String,
    /// Its keys, as a JSON Web Key Set: a file, or `https://…`.
    pub jwks: String,
    /// How often keys are fetched anew from a URL.
    #[serde(default = "ten_minutes")]
    pub refresh: Span,
    /// How far its clock and ours may be apart.
    #[serde(default = "one_minute")]
    pub leeway: Span,
    /// Authorities for the URL, besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

fn ten_minutes() -> Span {
    Span(Duration::from_secs(600))
}

fn one_minute() -> Span {
    Span(Duration::from_secs(60))
}

/// What is wrong with the configuration of the access, or with what it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// A grant.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A token.
    #[error("tokens ({name:?}): {problem}")]
    Token {
        /// Whose.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An issuer.
    #[error("jwt ({name:?}): {problem}")]
    Jwt {
        /// Which.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Credentials are configured, and nothing is granted to them.
    #[error(
        "tokens and jwt are of no use without `grants`: whoever gets through may do everything; say what is granted to whom"
    )]
    NoGrants,
}

impl Config {
    /// Checks the values. Reads no file.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn check(&self) -> Result<(), AccessError> {
        let Some(grants) = &self.grants else {
            let is_used = self.tokens.is_empty() && self.jwt.is_empty();
            return if is_used {
                Ok(())
            } else {
                Err(AccessError::NoGrants)
            };
        };
        policy::Policy::new(grants)?;
        for token in &self.tokens {
            let problem = |problem: &str| AccessError::Token {
                name: token.name.clone(),
                problem: problem.to_owned(),
            };
            if token.name.is_empty() {
                return Err(problem("the name is empty"));
            }
            if self
                .tokens
                .iter()
                .filter(|it| it.name == token.name)
                .count()
                > 1
            {
                return Err(problem(
                    "the name is taken: put all tokens of one owner in one file",
                ));
            }
        }
        for jwt in &self.jwt {
            jwt.check().map_err(|problem| AccessError::Jwt {
                name: jwt.name.clone(),
                problem,
            })?;
        }
        let mut names: Vec<_> = self.jwt.iter().map(|jwt| &jwt.name).collect();
        names.sort_unstable();
        if let Some([name, _]) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(AccessError::Jwt {
                name: (*name).clone(),
                problem: "the name is taken: every issuer needs one of its own".to_owned(),
            });
        }
        Ok(())
    }
}

impl Jwt {
    /// Whether its keys are fetched, and not read from a file.
    pub(super) fn is_remote(&self) -> bool {
        self.jwks.starts_with("https://") || self.jwks.starts_with("http://")
    }

    fn check(&self) -> Result<(), String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if self.name.is_empty() || !self.name.bytes().all(is_plain) {
            return Err("the name must be letters, digits and \"-\"".to_owned());
        }
        if self.issuer.is_empty() || self.audience.is_empty() {
            return Err(
                "issuer and audience must be set: a token for somebody else is none for \
                        this gateway"
                    .to_owned(),
            );
        }
        if self.jwks.starts_with("http://") && !is_loopback(&self.jwks) {
            return Err(
                "jwks must be https: whoever could change the keys on the way could be \
                        anybody"
                    .to_owned(),
            );
        }
        if self.leeway.0 > Duration::from_secs(600) {
            return Err("leeway must be at most 10m".to_owned());
        }
        if self.refresh.0 < Duration::from_secs(1) {
            return Err("refresh must be at least 1s".to_owned());
        }
        Ok(())
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.trim_start_matches("http://");
    let hosts = ["localhost", "127.0.0.1", "[::1]"];
    hosts.iter().any(|it| {
        let rest = host.strip_prefix(it);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}
