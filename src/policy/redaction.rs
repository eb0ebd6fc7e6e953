use super::Pattern;
use crate::{
    alert::{Alert, Fields},
    normalize::project,
};

/// The one part of the envelope that can be hidden; the others say what an alert is.
const HOSTNAME: &str = "hostname";

/// The parts that are made of fields.
const TEXTS: [&str; 2] = ["output", "message"];

/// Fields that are not there.
///
/// Whoever is shown a redacted alert, and whatever asks it about a field, finds it as if
/// the document had never had the field: filters, typed groups and all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redaction {
    hidden: Vec<Pattern>,
}

impl Redaction {
    /// Hides what `patterns` match.
    ///
    /// # Errors
    /// When one of them is a part of every alert.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        const NEEDED: [&str; 5] = ["rule", "priority", "source", "tags", "kind"];
        for pattern in patterns {
            if pattern.is_empty() {
                return Err("a field's name is empty".to_owned());
            }
            if NEEDED.contains(&pattern.as_str()) {
                let told = format!(
                    "{pattern:?} says what an alert is and cannot be hidden: keep such alerts out \
                     by `scope`"
                );
                return Err(told);
            }
        }
        Ok(Self {
            hidden: patterns.iter().map(Pattern::new).collect(),
        })
    }

    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.hidden.is_empty()
    }

    /// What is hidden, as it was written.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.hidden.iter().map(Pattern::as_str)
    }

    /// Whether the field `key` is hidden.
    pub fn hides(&self, key: &str) -> bool {
        self.hidden.iter().any(|pattern| pattern.matches(key))
    }

    /// `alert` without what is hidden. The texts for people are made of the fields, of
    /// all of them as far as can be known, so they go, too, and the document as it came.
    pub fn apply(&self, alert: &Alert) -> Alert {
        let mut shown = alert.clone();
        shown.output_fields = self.left_of(&alert.output_fields);
        shown.extra = self.left_of(&alert.extra);
        shown.remarks.retain(|remark| {
            let field = remark.field.as_str();
            !TEXTS.contains(&field) && !self.hides(field)
        });
        shown.output.clear();
        shown.message.clear();
        shown.raw.clear();
        // Alerts that came together have one, and so have an alert and what is shown of it.
        shown.trace = None;
        if self.hides(HOSTNAME) {
            shown.hostname.clear();
        }
        project(&mut shown);
        shown
    }

    fn left_of(&self, fields: &Fields) -> Fields {
        let left = fields.iter().filter(|(key, _)| !self.hides(key));
        left.map(|(key, value)| (key.to_owned(), value.clone()))
            .collect()
    }
}
