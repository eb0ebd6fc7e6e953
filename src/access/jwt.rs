//! Signed tokens: RFC 7519, with keys by RFC 7517.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;

use super::{
    AccessError, Denied, Jwt,
    jwks::{Found, Keys},
    session::{Credentials, Proof},
};
use crate::policy::Identity;

/// Those whose verifier cannot sign: a secret that is shared would make the gateway an
/// issuer.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Those whose tokens are taken.
#[derive(Debug)]
pub(super) struct Issuers {
    all: Vec<Issuer>,
}

#[derive(Debug)]
struct Issuer {
    config: Jwt,
    keys: Keys,
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
}

/// What is read before it is known whether it is true.
#[derive(Debug, Deserialize)]
struct Said {
    iss: String,
}

impl Issuers {
    pub(super) fn read(configs: &[Jwt]) -> Result<Self, AccessError> {
        let issuer = |config: &Jwt| {
            let keys = Keys::read(config).map_err(|problem| AccessError::Jwt {
                name: config.name.clone(),
                problem,
            });
            keys.map(|keys| Issuer {
                config: config.clone(),
                keys,
            })
        };
        Ok(Self {
            all: configs.iter().map(issuer).collect::<Result<_, _>>()?,
        })
    }

    /// Whether there is one called `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all.iter().any(|issuer| issuer.config.name == name)
    }

    /// Those that were there before go on with the keys they had.
    pub(super) fn keep_keys_of(&self, before: &Self) {
        for issuer in &self.all {
            let same = before
                .all
                .iter()
                .find(|it| it.config.jwks == issuer.config.jwks);
            if let Some(same) = same.filter(|_| issuer.config.is_remote()) {
                issuer.keys.take_over(&same.keys);
            }
        }
    }

    /// Whose `token` is.
    pub(super) async fn identify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Credentials, Denied> {
        let invalid = |told: &str| Denied::TokenInvalid(told.to_owned());
        let said = read_said(token).ok_or_else(|| invalid("it is not known here"))?;
        let issuer = self.all.iter().find(|it| it.config.issuer == said.iss);
        let issuer = issuer.ok_or_else(|| invalid("its issuer is not known here"))?;
        issuer.identify(token, now).await
    }
}

impl Issuer {
    async fn identify(&self, token: &str, now: Timestamp) -> Result<Credentials, Denied> {
        let invalid = |told: String| Denied::TokenInvalid(told);
        let header = decode_header(token).map_err(|error| invalid(error.to_string()))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(invalid(format!(
                "its algorithm {:?} is not taken",
                header.alg
            )));
        }
        let key = match self.keys.find(header.kid.as_deref()).await {
            Found::Key(key) => key,
            Found::Unknown => return Err(invalid("its issuer has no such key".to_owned())),
            Found::NotYet => return Err(Denied::KeysMissing(self.config.name.clone())),
        };
        let key = DecodingKey::from_jwk(&key).map_err(|error| invalid(error.to_string()))?;
        let claims = decode::<Claims>(token, &key, &self.validation(header.alg));
        let claims = claims.map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Denied::TokenExpired,
            _ => invalid(error.to_string()),
        })?;
        let expires = claims.claims.exp.saturating_add(self.leeway());
        let expires = Timestamp::from_second(expires).unwrap_or(Timestamp::MAX);
        // It is looked at again, for how late it is may be told to this process.
        if expires <= now {
            return Err(Denied::TokenExpired);
        }
        Ok(Credentials {
            identity: Identity::Jwt {
                issuer: self.config.name.clone(),
                subject: claims.claims.sub,
            },
            proof: Proof::Jwt(self.config.name.clone()),
            expires: Some(expires),
        })
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[&self.config.audience]);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = self.config.leeway.0.as_secs();
        validation
    }

    fn leeway(&self) -> i64 {
        i64::try_from(self.config.leeway.0.as_secs()).unwrap_or_default()
    }
}

fn read_said(token: &str) -> Option<Said> {
    let (_, rest) = token.split_once('.')?;
    let (payload, _) = rest.split_once('.')?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&payload).ok()
}
