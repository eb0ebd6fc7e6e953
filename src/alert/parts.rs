use std::collections::BTreeSet;

use super::Fields;

/// A part of an [`super::Alert`] that can be left out where nobody reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `rule`
    Rule,
    /// `source`
    Source,
    /// `hostname`
    Hostname,
    /// `tags`
    Tags,
    /// `output`
    Output,
    /// `message`
    Message,
    /// `attack`
    Attack,
    /// `compliance`
    Compliance,
    /// `maturity`
    Maturity,
}

/// What somebody reads of alerts: some parts, and fields by their keys. The rest
/// of an alert need not be made for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    parts: u16,
    keys: BTreeSet<String>,
    /// All there are, whatever the others say.
    all: bool,
}

impl Parts {
    /// Reads everything.
    pub fn all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// Reads `part` too.
    pub fn add(&mut self, part: Part) {
        self.parts |= 1 << part as u16;
    }

    /// Reads the output field `key` too, or what stands for it in a typed group.
    pub fn add_key(&mut self, key: &str) {
        if !self.keys.contains(key) {
            self.keys.insert(key.to_owned());
        }
    }

    /// Reads what `other` reads too.
    pub fn merge(&mut self, other: &Self) {
        self.parts |= other.parts;
        self.all |= other.all;
        for key in &other.keys {
            self.add_key(key);
        }
    }

    /// Whether `part` is read.
    pub fn has(&self, part: Part) -> bool {
        self.all || self.parts & (1 << part as u16) != 0
    }

    /// Whether the output field `key` is read.
    pub fn has_key(&self, key: &str) -> bool {
        self.all || self.keys.contains(key)
    }

    /// Whether a field that is read is not among `fields`, and the typed groups
    /// have to tell.
    pub fn are_missing_in(&self, fields: &Fields) -> bool {
        let is_missing = |key: &String| fields.get(key).is_none_or(super::FieldValue::is_absent);
        self.all || self.keys.iter().any(is_missing)
    }
}
