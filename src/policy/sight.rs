use std::{borrow::Cow, fmt, sync::Arc};

use super::Redaction;
use crate::{alert::Alert, filter::Filter};

/// What somebody sees of the log: which alerts, and what of them. Cheap to clone.
#[derive(Clone)]
pub struct Sight {
    inner: Arc<Inner>,
}

struct Inner {
    scope: Filter,
    redaction: Redaction,
    key: String,
}

impl Sight {
    /// Everything.
    pub fn all() -> Self {
        Self::new(Filter::all(), Redaction::default())
    }

    /// The alerts of `scope`, without what is redacted.
    pub fn new(scope: Filter, redaction: Redaction) -> Self {
        // Neither a filter's normal text nor a pattern of a configuration has control
        // characters of its own in a place where they would be read as these.
        let mut key = scope.canonical().to_owned();
        for pattern in redaction.patterns() {
            key.push('\u{1e}');
            key.push_str(&pattern.len().to_string());
            key.push(':');
            key.push_str(pattern);
        }
        Self {
            inner: Arc::new(Inner {
                scope,
                redaction,
                key,
            }),
        }
    }

    /// Whether it is everything.
    pub fn is_all(&self) -> bool {
        self.inner.scope.takes_all() && self.inner.redaction.is_empty()
    }

    /// `alert` as it is seen; none if it is not.
    pub fn see<'a>(&self, alert: &'a Alert) -> Option<Cow<'a, Alert>> {
        if !self.scope().matches(alert) {
            return None;
        }
        Some(match self.redaction().is_empty() {
            true => Cow::Borrowed(alert),
            false => Cow::Owned(self.redaction().apply(alert)),
        })
    }

    /// Which alerts.
    pub fn scope(&self) -> &Filter {
        &self.inner.scope
    }

    /// What of them is hidden.
    pub fn redaction(&self) -> &Redaction {
        &self.inner.redaction
    }

    /// Equal for those who see the same; empty for those who see everything.
    pub fn key(&self) -> &str {
        &self.inner.key
    }
}

impl PartialEq for Sight {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Sight {}

impl fmt::Debug for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sight")
            .field("scope", &self.scope())
            .field("redaction", &self.redaction())
            .finish()
    }
}
