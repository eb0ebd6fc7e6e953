use std::{fs, path::Path, sync::OnceLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::FutureExt as _;
use ring::signature::Ed25519KeyPair;
use serde_json::Value;

use super::{
    jwks,
    jwt::Issuers,
    tokens::{self, SHORTEST},
    *,
};
use crate::units::Span;

/// Keys of an issuer, a token that anybody could make up, and the claims of one that the
/// issuer signed: nobody else gets in, and the issuer's only for whom and while he says.
pub fn jwt(input: &[u8]) {
    if let Ok(set) = jwks::parse(input) {
        assert!(set.keys.len() <= input.len());
        for key in &set.keys {
            let _ = jsonwebtoken::DecodingKey::from_jwk(key);
        }
    }
    let made_up = String::from_utf8_lossy(input);
    for token in [
        made_up.as_ref(),
        &format!("{HEADER}.{made_up}"),
        &format!("{made_up}.{}", encoded(input)),
    ] {
        assert!(identified(token).is_none(), "{token}");
    }
    let said = format!("{HEADER}.{}", encoded(input));
    let token = format!("{said}.{}", encoded(key().sign(said.as_bytes()).as_ref()));
    if let Some(credentials) = identified(&token) {
        let claims: Value = serde_json::from_slice(input).unwrap_or_default();
        is_said_by(&claims, &credentials);
    }
}

/// The text of a file of tokens: each word of it that is taken is long enough, and what is
/// told of those that are not gives none away.
pub fn tokens(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    match tokens::words(text) {
        Ok(words) => {
            assert!(!words.is_empty());
            for word in words {
                assert!(word.len() >= SHORTEST && !word.contains([' ', '\t', '\n', '\r']));
                assert!(text.lines().any(|line| line.trim() == word));
            }
        }
        Err(told) => {
            let mut words = text.split_whitespace();
            let given_away = words.find(|word| word.len() >= SHORTEST && told.contains(word));
            assert_eq!(given_away, None);
        }
    }
}

fn identified(token: &str) -> Option<Credentials> {
    static ISSUERS: OnceLock<Issuers> = OnceLock::new();
    let identified = ISSUERS.get_or_init(issuers).identify(token, clock::now());
    // Keys from a file are there: it waits for nothing.
    identified.now_or_never().and_then(Result::ok)
}

fn is_said_by(claims: &Value, credentials: &Credentials) {
    let Identity::Jwt { issuer, subject } = &credentials.identity else {
        panic!("{credentials:?} is not of a token");
    };
    assert_eq!(
        (issuer.as_str(), Some(subject.as_str())),
        ("fuzz", claims.get("sub").and_then(Value::as_str))
    );
    assert_eq!(claims.get("iss").and_then(Value::as_str), Some(ISSUER));
    let audience = claims.get("aud");
    let is_for_us = |it: &Value| it.as_str() == Some(AUDIENCE);
    assert!(audience.is_some_and(
        |it| is_for_us(it) || it.as_array().is_some_and(|all| all.iter().any(is_for_us))
    ));
    assert!(credentials.expires > Some(clock::now()));
}

fn issuers() -> Issuers {
    let read = || -> Result<Issuers, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let jwks = folder.path().join("jwks.json");
        fs::write(&jwks, KEYS)?;
        Ok(Issuers::read(&[config(&jwks)])?)
    };
    read().unwrap_or_else(|error| panic!("no issuer to be asked: {error}"))
}

fn config(jwks: &Path) -> Jwt {
    Jwt {
        name: "fuzz".to_owned(),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        jwks: jwks.display().to_string(),
        refresh: Span(Duration::from_secs(600)),
        leeway: Span(Duration::ZERO),
        ca: None,
    }
}

fn key() -> &'static Ed25519KeyPair {
    static KEY: OnceLock<Ed25519KeyPair> = OnceLock::new();
    KEY.get_or_init(|| {
        let seed = URL_SAFE_NO_PAD.decode(SEED).unwrap_or_default();
        let key = Ed25519KeyPair::from_seed_unchecked(&seed);
        key.unwrap_or_else(|error| panic!("{error}"))
    })
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "falco-gateway";

/// `{"alg":"EdDSA"}`
const HEADER: &str = "eyJhbGciOiJFZERTQSJ9";

/// The key of RFC 8037, appendix A, of which everybody knows the secret part.
const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwaaPJHcHGo"}]}"#;
const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
