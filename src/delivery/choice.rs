use std::sync::Arc;

use bytes::Bytes;

use crate::{
    alert::{Alert, Parts},
    filter::Filter,
    log::{Entry, Log, Witness},
    policy::Sight,
};

/// Writes an alert as subscribers get it.
pub type Encode = fn(&Alert) -> Bytes;

/// What a subscriber wants of what it sees.
///
/// The one place where it is decided what is shown to whom, and in this order: the scope
/// of its sight, the redaction, its own filter. So the filter is asked about what it is
/// shown, and cannot be used to find out what is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    filter: Filter,
    sight: Sight,
    /// What it reads of alerts as they are in the log.
    parts: Parts,
}

/// What an entry is to a subscriber.
#[derive(Debug)]
pub(super) enum Chosen {
    /// It is for it, as this.
    Yes(Arc<Entry>),
    /// It is not.
    No,
    /// It is no alert to this version of the gateway, and cannot be asked about.
    Unknown,
}

/// What shows entries.
#[derive(Debug, Clone)]
pub(super) struct Shower {
    pub(super) log: Log,
    pub(super) encode: Encode,
}

impl Choice {
    /// What `filter` wants of what is in `sight`.
    pub fn new(filter: Filter, sight: Sight) -> Self {
        let parts = match sight.redaction().is_empty() {
            true => {
                let mut parts = filter.parts().clone();
                parts.merge(sight.scope().parts());
                parts
            }
            false => Parts::all(),
        };
        Self {
            filter,
            sight,
            parts,
        }
    }

    /// Everything in `sight`.
    pub fn all_of(sight: Sight) -> Self {
        Self::new(Filter::all(), sight)
    }

    /// The subscriber's own filter.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What it sees.
    pub fn sight(&self) -> &Sight {
        &self.sight
    }

    /// Whether it sees everything, and so may know what is counted over everything.
    pub fn sees_all(&self) -> bool {
        self.sight.is_all()
    }

    /// Equal for those who get the same.
    pub(super) fn key(&self) -> String {
        match self.sight.key() {
            "" => self.filter.canonical().to_owned(),
            // No filter has it.
            sight => format!("{sight}\u{1f}{}", self.filter.canonical()),
        }
    }

    /// A filter of alerts as they are in the log, which takes at least all that is wanted.
    pub(super) fn sifted_by(&self) -> &Filter {
        let is_asked_of_the_log = self.sight.redaction().is_empty();
        if is_asked_of_the_log && !self.filter.takes_all() {
            &self.filter
        } else {
            self.sight.scope()
        }
    }

    /// What the log is to count for it.
    pub(super) fn witness(&self) -> Witness {
        if self.filter.takes_all() && self.sight.scope().takes_all() {
            return Witness::of_all();
        }
        let choice = self.clone();
        Witness::new(self.key(), self.parts.clone(), move |alert| {
            choice.wants(alert)
        })
    }

    /// Whether `alert`, as it is in the log, is seen and wanted.
    pub fn wants(&self, alert: &Alert) -> bool {
        // What nobody asks about need not be made.
        if self.filter.takes_all() {
            return self.sight.scope().matches(alert);
        }
        let seen = self.sight.see(alert);
        seen.is_some_and(|seen| self.filter.matches(&seen))
    }
}

impl Shower {
    /// What `entry` is to a subscriber with `choice`.
    pub(super) fn show(&self, entry: &Arc<Entry>, choice: &Choice) -> Chosen {
        let (scope, redaction) = (choice.sight.scope(), choice.sight.redaction());
        if redaction.is_empty() {
            if choice.filter.takes_all() && scope.takes_all() {
                return Chosen::Yes(Arc::clone(entry));
            }
            let asked = entry.ask(&choice.parts, |alert| choice.wants(alert));
            return match asked {
                None => Chosen::Unknown,
                Some(false) => Chosen::No,
                Some(true) => Chosen::Yes(Arc::clone(entry)),
            };
        }
        match entry.ask(scope.parts(), |alert| scope.matches(alert)) {
            None => return Chosen::Unknown,
            Some(false) => return Chosen::No,
            Some(true) => {}
        }
        let Some(alert) = entry.alert() else {
            return Chosen::Unknown;
        };
        let mut shown = redaction.apply(alert);
        if !choice.filter.matches(&shown) {
            return Chosen::No;
        }
        shown.id = self.log.seal_id(shown.id);
        let encoded = (self.encode)(&shown);
        Chosen::Yes(Arc::new(entry.shown_as(shown, encoded)))
    }
}
