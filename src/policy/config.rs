use std::{collections::BTreeSet, num::NonZeroU32};

use serde::{Deserialize, Serialize};

use super::{Grant, Identity, LONGEST_NAME, Pattern, Redaction, Right, Sight, is_name};
use crate::{
    alert::View,
    filter::{Filter, MAX_PREDICATES},
    units::Span,
};

/// A grant, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name.
    pub name: String,
    /// Whose it is: identities, in which `*` stands for anything.
    pub to: Vec<String>,
    /// What they may do.
    pub may: BTreeSet<Right>,
    /// A filter: other alerts are not there for them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Fields that are not there for them, in which `*` stands for anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redact: Vec<String>,
    /// How much of an alert they may have. Unset, all that the redaction leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<BTreeSet<View>>,
    /// How far back they may read. Unset, as far as the log goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Span>,
    /// How much each of them may take.
    #[serde(default, skip_serializing_if = "Quota::is_default")]
    pub quota: Quota,
}

/// How much one identity may take; what is unset has no bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Streams open at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<usize>,
    /// Durable subscriptions, of all who hold the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<usize>,
    /// Calls in a second, on the average of a few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<NonZeroU32>,
    /// Comparisons in a filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_predicates: Option<usize>,
}

impl Quota {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Config {
    /// Reads it; what is wrong comes with the key.
    pub(super) fn read(&self) -> Result<Grant, (&'static str, String)> {
        check_name(&self.name).map_err(|problem| ("name", problem))?;
        if self.to.is_empty() {
            return Err(("to", "is empty: a grant is somebody's".to_owned()));
        }
        for pattern in &self.to {
            check_identity(pattern).map_err(|problem| ("to", problem))?;
        }
        let scope = Filter::parse(&self.scope)
            .map_err(|problem| ("scope", format!("at byte {}: {problem}", problem.position)))?;
        let redaction = Redaction::new(&self.redact).map_err(|problem| ("redact", problem))?;
        if self
            .quota
            .filter_predicates
            .is_some_and(|most| most > MAX_PREDICATES)
        {
            let problem =
                format!("filter_predicates: at most {MAX_PREDICATES} are allowed to anybody");
            return Err(("quota", problem));
        }
        Ok(Grant {
            name: self.name.clone(),
            to: self.to.iter().map(Pattern::new).collect(),
            may: self.may.clone(),
            views: self.views(&redaction)?,
            sight: Sight::new(scope, redaction),
            history: self.history.map(|span| span.0),
            quota: self.quota,
        })
    }

    fn views(&self, redaction: &Redaction) -> Result<BTreeSet<View>, (&'static str, String)> {
        let mut all = BTreeSet::from([View::Basic, View::Full]);
        if redaction.is_empty() {
            all.insert(View::Raw);
        }
        match &self.views {
            None => Ok(all),
            Some(views) if views.is_empty() => Err((
                "views",
                "is empty: name basic, full or raw, or leave it out".to_owned(),
            )),
            Some(views) if !views.is_subset(&all) => Err((
                "views",
                "has raw, the document as it came, which shows what `redact` hides".to_owned(),
            )),
            Some(views) => Ok(views.clone()),
        }
    }
}

/// A grant's name is part of the names of its subscriptions.
fn check_name(name: &str) -> Result<(), String> {
    if is_name(name) {
        return Ok(());
    }
    Err(format!(
        "{name:?} is no name: write 1 to {LONGEST_NAME} of a to z, 0 to 9 and \"-\", a letter first"
    ))
}

fn check_identity(pattern: &str) -> Result<(), String> {
    let begins = |prefix: &&str| match pattern.split_once('*') {
        // What comes before the star may end within the prefix.
        Some((head, _)) => head.starts_with(*prefix) || prefix.starts_with(head),
        None => pattern.starts_with(*prefix) && pattern.len() >= prefix.len(),
    };
    if Identity::PREFIXES.iter().any(begins) {
        return Ok(());
    }
    let kinds = "spiffe://DOMAIN/PATH, cert:COMMON-NAME, jwt:ISSUER:SUBJECT, token:NAME, \
                 unix:USER or anonymous";
    Err(format!(
        "{pattern:?} can be nobody: write {kinds}, with * for any run of characters"
    ))
}
