/// A value as Falco typed it.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// JSON null: Falco could not extract the field.
    Null,
    /// Text. `<NA>`, the text form of null, stays text: which of the two it was
    /// is a fact about the sender.
    String(String),
    /// An integer of the i64 range.
    Int(i64),
    /// An integer above the i64 range, within u64.
    Uint(u64),
    /// A number with a fraction or an exponent.
    Double(f64),
    /// A truth value.
    Bool(bool),
    /// A list.
    List(Vec<Self>),
    /// A number that no 64-bit type holds exactly, as it was written.
    Number(String),
    /// A nested object too deep to flatten, as JSON text.
    Json(String),
}

impl FieldValue {
    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether there is no value: null, or `<NA>`, which stands for null in
    /// Falco's text forms and, by accident, in some of its JSON.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Null) || self.as_str() == Some("<NA>")
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<i64> for FieldValue {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// Fields by key, in the keys' order.
///
/// Keys are verbatim and flat: `proc.aname[2]`, `evt.arg.flags`, also with
/// spaces or without dots.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields {
    // Sorted by key, no key twice: smaller and faster to build than a tree map
    // for the twenty fields that an alert has.
    sorted: Vec<(String, FieldValue)>,
}

impl Fields {
    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&FieldValue> {
        self.position(key)
            .ok()
            .and_then(|index| self.sorted.get(index))
            .map(|(_, value)| value)
    }

    /// Sets `key`, and returns the value that it replaced.
    pub fn insert(&mut self, key: String, value: FieldValue) -> Option<FieldValue> {
        match self.position(&key) {
            Ok(index) => self
                .sorted
                .get_mut(index)
                .map(|(_, old)| std::mem::replace(old, value)),
            Err(index) => {
                self.sorted.insert(index, (key, value));
                None
            }
        }
    }

    /// All fields, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &FieldValue)> {
        self.sorted.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The fields whose key starts with `prefix`, by key.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a FieldValue)> {
        let start = self
            .sorted
            .partition_point(|(key, _)| key.as_str() < prefix);
        self.sorted
            .iter()
            .skip(start)
            .map(|(key, value)| (key.as_str(), value))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.sorted
            .binary_search_by(|(candidate, _)| candidate.as_str().cmp(key))
    }
}

impl FromIterator<(String, FieldValue)> for Fields {
    /// The last of equal keys wins, as in most JSON parsers.
    fn from_iter<I: IntoIterator<Item = (String, FieldValue)>>(pairs: I) -> Self {
        let mut sorted: Vec<_> = pairs.into_iter().collect();
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        // `dedup_by` keeps the first of a run and hands over (later, earlier).
        sorted.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Self { sorted }
    }
}

impl IntoIterator for Fields {
    type Item = (String, FieldValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.sorted.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, i64)]) -> Fields {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), FieldValue::Int(*value)))
            .collect()
    }

    #[test]
    fn the_last_of_equal_keys_wins_however_they_arrive() {
        let collected = fields(&[("b", 1), ("a", 2), ("b", 3), ("b", 4)]);
        let mut inserted = Fields::default();
        for (key, value) in [("b", 1), ("a", 2), ("b", 3), ("b", 4)] {
            inserted.insert(key.to_owned(), FieldValue::Int(value));
        }
        assert_eq!(collected, inserted);
        assert_eq!(collected.get("b"), Some(&FieldValue::Int(4)));
        assert_eq!(collected.len(), 2);
    }

    #[test]
    fn a_prefix_finds_its_family_only() {
        let all = fields(&[
            ("evt.arg.x", 1),
            ("evt.args", 2),
            ("evt.arg.y", 3),
            ("fd", 4),
        ]);
        let found: Vec<_> = all.with_prefix("evt.arg.").map(|(key, _)| key).collect();
        assert_eq!(found, ["evt.arg.x", "evt.arg.y"]);
    }
}
