use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Pattern, Quota, Sight};
use crate::alert::View;

/// What identities of a kind may see and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its name: that of its holders' subscriptions, too.
    pub name: String,
    /// Whose it is.
    pub to: Vec<Pattern>,
    /// What its holders may do.
    pub may: BTreeSet<Right>,
    /// What they see of the log.
    pub sight: Sight,
    /// How much of an alert they may have.
    pub views: BTreeSet<View>,
    /// How far back they may read; none as far as the log goes.
    pub history: Option<Duration>,
    /// How much they may take, each of them.
    pub quota: Quota,
}

/// Something that a grant allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Stream and list alerts.
    Read,
    /// Have durable subscriptions.
    Consume,
    /// Put alerts into the log.
    Publish,
    /// See the gateway itself: all streams and subscriptions, dead letters, bridges.
    Admin,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Consume, Self::Publish, Self::Admin];

    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Consume => "consume",
            Self::Publish => "publish",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Grant {
    /// Of those who may see and do everything.
    pub fn everything() -> Self {
        Self {
            name: String::new(),
            to: vec![Pattern::new("*")],
            may: Right::ALL.into(),
            sight: Sight::all(),
            views: [View::Basic, View::Full, View::Raw].into(),
            history: None,
            quota: Quota::default(),
        }
    }

    /// Whether it names the identity that is written `name`.
    pub fn is_for(&self, name: &str) -> bool {
        self.to.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether its holders may do that.
    pub fn may(&self, right: Right) -> bool {
        self.may.contains(&right)
    }

    /// Whether its holders see everything: what is counted over all alerts tells them
    /// nothing that they could not count themselves.
    pub fn sees_all(&self) -> bool {
        self.sight.is_all()
    }

    /// Whether its holders may know what is counted over all alerts.
    pub fn sees_counts(&self) -> bool {
        self.sees_all() || self.may(Right::Admin)
    }

    /// Whether who goes by this one may see and do the same by `other`. What he may take
    /// of it may differ.
    pub fn allows_same_as(&self, other: &Self) -> bool {
        self.name == other.name
            && self.may == other.may
            && self.sight == other.sight
            && self.views == other.views
            && self.history == other.history
    }

    /// Whose subscriptions its holders have: the gateway's own for those who may do and
    /// see everything there is of them, else those of this grant.
    pub fn owner(&self) -> &str {
        if self.may(Right::Admin) && self.sees_all() {
            ""
        } else {
            &self.name
        }
    }

    /// The view that is meant by who asks for none: the largest that is not the document
    /// as it came, if that may be had.
    pub fn usual_view(&self) -> View {
        let usual = self.views.iter().rev().find(|view| **view != View::Raw);
        usual.or(self.views.first()).copied().unwrap_or(View::Basic)
    }
}
