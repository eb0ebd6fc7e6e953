use std::collections::HashMap;

use aho_corasick::AhoCorasick;

use super::{
    FilterId,
    index::{add, take},
};

/// Filters by a text that they look for within a field, all found in one pass.
#[derive(Debug, Default)]
pub(super) struct PartIndex {
    filters: HashMap<String, Vec<FilterId>>,
    bytes: usize,
    /// None after a change.
    automaton: Option<Automaton>,
}

#[derive(Debug)]
struct Automaton {
    automaton: AhoCorasick,
    /// By their numbers.
    parts: Vec<String>,
}

impl PartIndex {
    /// How much text the automata of a set may be made for: they are made anew
    /// when a filter with a new part comes or goes.
    pub(super) const MOST_BYTES: usize = 64 << 10;

    /// So much of a part is looked for, in bytes.
    const LONGEST: usize = 32;

    pub(super) fn insert(&mut self, part: &str, id: FilterId) {
        let part = beginning(part);
        if !self.filters.contains_key(part) {
            self.bytes += part.len();
            self.automaton = None;
        }
        add(&mut self.filters, part.to_owned(), id);
    }

    pub(super) fn remove(&mut self, part: &str, id: FilterId) {
        let part = beginning(part);
        // A filter may look for it twice.
        let was_there = self.filters.contains_key(part);
        take(&mut self.filters, part, id);
        if was_there && !self.filters.contains_key(part) {
            self.bytes -= part.len();
            self.automaton = None;
        }
    }

    /// The length of all parts.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the filters whose part is in `text`; some more than once.
    pub(super) fn candidates(&mut self, text: &str, found: &mut Vec<FilterId>) {
        if self.filters.is_empty() {
            return;
        }
        if self.automaton.is_none() {
            self.automaton = Automaton::new(self.filters.keys().cloned().collect());
        }
        let Some(Automaton { automaton, parts }) = &self.automaton else {
            // It could not be made, so each filter is asked.
            found.extend(self.filters.values().flatten());
            return;
        };
        for hit in automaton.find_overlapping_iter(text) {
            let part = parts.get(hit.pattern().as_usize());
            let filters = part.and_then(|part| self.filters.get(part));
            found.extend(filters.into_iter().flatten());
        }
    }
}

impl Automaton {
    fn new(parts: Vec<String>) -> Option<Self> {
        let automaton = AhoCorasick::new(&parts).ok()?;
        Some(Self { automaton, parts })
    }
}

fn beginning(part: &str) -> &str {
    let end = part.floor_char_boundary(PartIndex::LONGEST);
    part.get(..end).unwrap_or(part)
}
