use std::collections::HashMap;

use super::{
    FilterId,
    access::{Access, Wants},
    part::PartIndex,
};
use crate::{
    alert::Alert,
    filter::{
        ast::Transform,
        eval::{Matcher, Test},
        field::Field,
        glob::Glob,
        number::Number,
        values::Source,
    },
};

/// By what an alert has, the filters that look for it.
#[derive(Debug, Default)]
pub(super) struct Index {
    readings: HashMap<ReadingKey, Reading>,
}

/// A field as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ReadingKey {
    field: Field,
    transforms: Vec<Transform>,
    as_text: bool,
}

/// What filters look for in a field.
#[derive(Debug)]
struct Reading {
    source: Source,
    transforms: Vec<Transform>,
    texts: HashMap<String, Vec<FilterId>>,
    numbers: HashMap<Number, Vec<FilterId>>,
    /// Ids that take in what is below them.
    within: HashMap<String, Vec<FilterId>>,
    parts: PartIndex,
}

impl Index {
    /// Whether there was room for it.
    pub(super) fn insert(&mut self, access: &Access<'_>, id: FilterId) -> bool {
        let room = access.tests().all(|(_, wants)| match wants {
            Wants::Part(_) => self.part_bytes() < PartIndex::MOST_BYTES,
            Wants::Values(_) => true,
        });
        if room {
            for (test, wants) in access.tests() {
                self.reading(test).insert(&wants, id);
            }
        }
        room
    }

    pub(super) fn remove(&mut self, access: &Access<'_>, id: FilterId) {
        for (test, wants) in access.tests() {
            let reading = self.reading(test);
            reading.remove(&wants, id);
            if reading.is_empty() {
                self.readings.remove(&ReadingKey::of(test));
            }
        }
    }

    /// Adds the filters that find in `alert` something that they look for; some
    /// more than once.
    pub(super) fn candidates(&mut self, alert: &Alert, found: &mut Vec<FilterId>) {
        for reading in self.readings.values_mut() {
            reading.candidates(alert, found);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    fn reading(&mut self, test: &Test) -> &mut Reading {
        let key = ReadingKey::of(test);
        self.readings.entry(key).or_insert_with_key(Reading::new)
    }

    fn part_bytes(&self) -> usize {
        self.readings
            .values()
            .map(|reading| reading.parts.bytes())
            .sum()
    }
}

impl ReadingKey {
    fn of(test: &Test) -> Self {
        Self {
            field: test.predicate.field.clone(),
            transforms: test.transforms.clone(),
            as_text: test.source.has_tactic_names(),
        }
    }
}

impl Reading {
    fn new(key: &ReadingKey) -> Self {
        Self {
            source: Source::new(key.field.clone(), key.as_text),
            transforms: key.transforms.clone(),
            texts: HashMap::new(),
            numbers: HashMap::new(),
            within: HashMap::new(),
            parts: PartIndex::default(),
        }
    }

    fn insert(&mut self, wants: &Wants<'_>, id: FilterId) {
        match wants {
            Wants::Part(part) => self.parts.insert(part, id),
            Wants::Values(matcher) => {
                for key in keys(matcher) {
                    match key {
                        Key::Text(text) => add(&mut self.texts, text.to_owned(), id),
                        Key::Number(number) => add(&mut self.numbers, number.clone(), id),
                        Key::Within(text) => add(&mut self.within, text.to_owned(), id),
                    }
                }
            }
        }
    }

    fn remove(&mut self, wants: &Wants<'_>, id: FilterId) {
        match wants {
            Wants::Part(part) => self.parts.remove(part, id),
            Wants::Values(matcher) => {
                for key in keys(matcher) {
                    match key {
                        Key::Text(text) => take(&mut self.texts, text, id),
                        Key::Number(number) => take(&mut self.numbers, number, id),
                        Key::Within(text) => take(&mut self.within, text, id),
                    }
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.texts.is_empty()
            && self.numbers.is_empty()
            && self.within.is_empty()
            && self.parts.bytes() == 0
    }

    fn candidates(&mut self, alert: &Alert, found: &mut Vec<FilterId>) {
        let Self {
            source,
            transforms,
            texts,
            numbers,
            within,
            parts,
        } = self;
        source.read(alert).any(|value| {
            let value = transforms
                .iter()
                .fold(value, |value, transform| value.transformed(*transform));
            let text = value.text();
            found.extend(texts.get(text.as_ref()).into_iter().flatten());
            if !numbers.is_empty()
                && let Some(number) = value.number()
            {
                found.extend(numbers.get(&number).into_iter().flatten());
            }
            if !within.is_empty() {
                find_within(within, &text, found);
            }
            parts.candidates(&text, found);
            // All values are looked at.
            false
        });
    }
}

/// An id, and all that it is below: `T1059.004` and `T1059`.
fn find_within(within: &HashMap<String, Vec<FilterId>>, id: &str, found: &mut Vec<FilterId>) {
    let id = id.to_ascii_uppercase();
    let ends = id.match_indices(['.', '_']).map(|(end, _)| end);
    for end in ends.chain([id.len()]) {
        let ids = id.get(..end).and_then(|above| within.get(above));
        found.extend(ids.into_iter().flatten());
    }
}

/// A value to look up.
enum Key<'a> {
    Text(&'a str),
    Number(&'a Number),
    Within(&'a str),
}

fn keys(matcher: &Matcher) -> Vec<Key<'_>> {
    match matcher {
        Matcher::Literals(literals) => {
            let texts = literals.texts().iter().map(|text| Key::Text(text));
            texts
                .chain(literals.numbers().iter().map(Key::Number))
                .collect()
        }
        Matcher::Priorities(priorities) => priorities
            .iter()
            .map(|priority| Key::Text(priority.as_str()))
            .collect(),
        Matcher::Within(ids) => ids.iter().map(|id| Key::Within(id)).collect(),
        Matcher::Glob(Glob::Exactly(text)) => vec![Key::Text(text)],
        _ => Vec::new(),
    }
}

pub(super) fn add<K: std::hash::Hash + Eq>(
    map: &mut HashMap<K, Vec<FilterId>>,
    key: K,
    id: FilterId,
) {
    map.entry(key).or_default().push(id);
}

pub(super) fn take<K, Q>(map: &mut HashMap<K, Vec<FilterId>>, key: &Q, id: FilterId)
where
    K: std::hash::Hash + Eq + std::borrow::Borrow<Q>,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if let Some(ids) = map.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}
