//! The keys of an issuer: from a file, or fetched and fetched anew.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use reqwest::Client;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::Jwt;
use crate::tls;

/// Keys are not fetched more often, whatever kids callers make up.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// How long fetching may take.
const FETCH_TIME: Duration = Duration::from_secs(10);

/// The most that is read of an answer.
const LARGEST: usize = 1 << 20;

/// An issuer's keys.
#[derive(Debug)]
pub(super) struct Keys {
    fetched: Arc<Fetched>,
    _refreshing: Option<AbortOnDropHandle<()>>,
}

#[derive(Debug)]
struct Fetched {
    name: String,
    set: ArcSwapOption<JwkSet>,
    /// None for a file, which is read when the configuration is.
    remote: Option<Remote>,
}

#[derive(Debug)]
struct Remote {
    url: String,
    client: Client,
    /// Of the one who tries; the others wait for what comes of it.
    trying: Semaphore,
    /// When it was last tried.
    tried: Mutex<Option<Instant>>,
}

impl Keys {
    pub(super) fn read(config: &Jwt) -> Result<Self, String> {
        let remote = match config.is_remote() {
            false => None,
            true => Some(Remote {
                url: config.jwks.clone(),
                client: client(config)?,
                trying: Semaphore::new(1),
                tried: Mutex::new(None),
            }),
        };
        let set = match &remote {
            Some(_) => None,
            None => Some(Arc::new(read_file(&config.jwks)?)),
        };
        let fetched = Arc::new(Fetched {
            name: config.name.clone(),
            set: ArcSwapOption::new(set),
            remote,
        });
        let refreshing = fetched.remote.is_some().then(|| {
            let refreshing = Arc::clone(&fetched).refresh(config.refresh.0);
            AbortOnDropHandle::new(tokio::spawn(refreshing))
        });
        Ok(Self {
            fetched,
            _refreshing: refreshing,
        })
    }

    /// Has what another one has, until it has fetched them itself.
    pub(super) fn take_over(&self, from: &Self) {
        if self.fetched.set.load().is_none() {
            self.fetched.set.store(from.fetched.set.load_full());
        }
    }

    /// The key called `kid`; the only one if that is none. An issuer that has begun to use
    /// another one is asked for it.
    pub(super) async fn find(&self, kid: Option<&str>) -> Found {
        match self.fetched.find(kid) {
            Found::Unknown | Found::NotYet => {}
            found @ Found::Key(_) => return found,
        }
        self.fetched.fetch().await;
        self.fetched.find(kid)
    }
}

/// What is known of a key.
#[derive(Debug)]
pub(super) enum Found {
    Key(Box<Jwk>),
    /// The issuer has none of that name.
    Unknown,
    /// No keys have been had yet.
    NotYet,
}

impl Fetched {
    fn find(&self, kid: Option<&str>) -> Found {
        let set = self.set.load();
        let Some(set) = set.as_ref() else {
            return Found::NotYet;
        };
        let key = match kid {
            Some(kid) => set.find(kid),
            None => set.keys.first().filter(|_| set.keys.len() == 1),
        };
        key.map_or(Found::Unknown, |key| Found::Key(Box::new(key.clone())))
    }

    async fn refresh(self: Arc<Self>, every: Duration) {
        loop {
            self.fetch().await;
            let is_missing = self.set.load().is_none();
            sleep(if is_missing { AT_MOST_EVERY } else { every }).await;
        }
    }

    /// Fetches them, unless that was just tried.
    async fn fetch(&self) {
        let Some(remote) = &self.remote else {
            return;
        };
        // It is never closed.
        let _trying = remote.trying.acquire().await;
        if remote.was_just_tried() {
            return;
        }
        let fetched = timeout(FETCH_TIME, remote.fetch()).await;
        match fetched.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            Ok(set) => self.set.store(Some(Arc::new(set))),
            Err(error) => tracing::warn!(
                issuer = self.name,
                url = remote.url,
                error,
                "failed to fetch the keys of an issuer of tokens; those it had stay"
            ),
        }
    }
}

impl Remote {
    /// Whether it was; if not, it is now.
    fn was_just_tried(&self) -> bool {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let was = tried.is_some_and(|tried| tried.elapsed() < AT_MOST_EVERY);
        if !was {
            *tried = Some(Instant::now());
        }
        was
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        let told = |error: reqwest::Error| error.without_url().to_string();
        let answer = self.client.get(&self.url).send().await.map_err(told)?;
        let mut answer = answer.error_for_status().map_err(told)?;
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(told)? {
            body.extend_from_slice(&piece);
            if body.len() > LARGEST {
                return Err(format!("the answer is larger than {LARGEST} bytes"));
            }
        }
        parse(&body)
    }
}

fn read_file(path: &str) -> Result<JwkSet, String> {
    let bytes = fs::read(path).map_err(|error| format!("failed to read {path}: {error}"))?;
    parse(&bytes).map_err(|error| format!("{path}: {error}"))
}

pub(super) fn parse(bytes: &[u8]) -> Result<JwkSet, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("no JSON Web Key Set: {error}"))
}

fn client(config: &Jwt) -> Result<Client, String> {
    let tls = tls::client(config.ca.as_deref()).map_err(|error| error.to_string())?;
    let builder = Client::builder()
        .user_agent(concat!("falco-gateway/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls);
    builder.build().map_err(|error| error.to_string())
}
