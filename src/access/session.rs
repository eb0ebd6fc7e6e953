use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use slab::Slab;
use tokio_util::sync::CancellationToken;

use super::{Denied, usage::Usage};
use crate::{
    clock,
    policy::{Grant, Identity},
};

/// Who somebody is, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) identity: Identity,
    pub(super) proof: Proof,
    pub(super) expires: Option<Timestamp>,
}

/// How it is known who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// By the connection.
    Peer,
    /// By the token with this hash.
    Token(blake3::Hash),
    /// By a token that this issuer signed.
    Jwt(String),
}

/// Somebody's call, and the grant it goes by. Dropping it is the call's end.
#[derive(Debug)]
pub struct Session {
    open: Arc<Open>,
    all: Sessions,
    key: usize,
}

#[derive(Debug)]
struct Open {
    credentials: Credentials,
    grant: Arc<Grant>,
    usage: Arc<Usage>,
    is_stream: AtomicBool,
    changed: CancellationToken,
}

/// Why a session ends while its call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What it was granted is another now, or nothing.
    PolicyChanged,
    /// Its credentials have expired.
    Expired,
}

/// All open sessions.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    open: Arc<Mutex<Slab<Arc<Open>>>>,
}

impl Sessions {
    pub(super) fn begin(
        &self,
        credentials: Credentials,
        grant: Arc<Grant>,
        usage: Arc<Usage>,
    ) -> Session {
        let open = Arc::new(Open {
            credentials,
            grant,
            usage,
            is_stream: AtomicBool::new(false),
            changed: CancellationToken::new(),
        });
        let key = self.lock().insert(Arc::clone(&open));
        Session {
            open,
            all: self.clone(),
            key,
        }
    }

    /// Ends those that `is_over` says it of, and returns how many.
    pub(super) fn end_those(&self, is_over: impl Fn(&Credentials, &Grant) -> bool) -> usize {
        let all: Vec<_> = {
            let open = self.lock();
            open.iter().map(|(_, open)| Arc::clone(open)).collect()
        };
        let ended = all
            .iter()
            .filter(|open| is_over(&open.credentials, &open.grant));
        ended.map(|open| open.changed.cancel()).count()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.open.credentials.identity
    }

    /// What it is granted.
    pub fn grant(&self) -> &Grant {
        &self.open.grant
    }

    /// When the credentials expire.
    pub fn expires(&self) -> Option<Timestamp> {
        self.open.credentials.expires
    }

    /// Nothing that was received before this may be read now; none if all may.
    pub fn since(&self) -> Option<Timestamp> {
        let history = self.grant().history?;
        // As far back as there are times is all.
        clock::now().checked_sub(history).ok()
    }

    /// It is a stream from now on, of which there may be only so many.
    ///
    /// # Errors
    /// When there are as many already.
    pub fn begin_stream(&self) -> Result<(), Denied> {
        self.open.usage.begin_stream(self.grant().quota.streams)?;
        self.open.is_stream.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until it is over, and says why. A call that goes on then must end.
    pub async fn over(&self) -> End {
        let Some(expires) = self.expires() else {
            self.open.changed.cancelled().await;
            return End::PolicyChanged;
        };
        // In a box: most credentials do not expire, and every stream would have room for it.
        let expired = Box::pin(async move {
            // Again and again, for the clock may be set.
            loop {
                let left = expires.duration_since(clock::now());
                if left.is_negative() || left.is_zero() {
                    return;
                }
                let left = Duration::try_from(left).unwrap_or_default();
                tokio::time::sleep(left.min(Duration::from_secs(60))).await;
            }
        });
        tokio::select! {
            biased;
            () = self.open.changed.cancelled() => End::PolicyChanged,
            () = expired => End::Expired,
        }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.open.credentials
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if all.try_remove(self.key).is_some() && self.open.is_stream.load(Ordering::Relaxed) {
            self.open.usage.end_stream();
        }
    }
}
