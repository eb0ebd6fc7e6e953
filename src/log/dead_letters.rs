use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;

use crate::alert::Origin;

/// How much of a refused document is kept.
const KEPT_BYTES: usize = 64 << 10;

/// How much memory all kept documents may take; the oldest go first.
const BUDGET_BYTES: usize = 4 << 20;

/// How many are kept at most, however small.
const BUDGET_LETTERS: usize = 1000;

/// The newest documents that were refused, with why. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct DeadLetters {
    shared: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    letters: VecDeque<DeadLetter>,
    bytes: usize,
    total: u64,
}

/// A document that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// When.
    pub time: Timestamp,
    /// From where.
    pub origin: Origin,
    /// The reason's name.
    pub reason: &'static str,
    /// What was wrong, for people.
    pub message: String,
    /// The document as it came, its first 64 KiB.
    pub raw: Bytes,
    /// Its whole length in bytes.
    pub raw_length: usize,
}

impl DeadLetter {
    /// A letter of `document`, which is cut if need be.
    pub fn new(
        time: Timestamp,
        origin: Origin,
        reason: &'static str,
        message: String,
        document: &Bytes,
    ) -> Self {
        // Copied, since a slice would keep the whole body of many documents.
        let kept = document.get(..KEPT_BYTES).unwrap_or(document);
        Self {
            time,
            origin,
            reason,
            message,
            raw: Bytes::copy_from_slice(kept),
            raw_length: document.len(),
        }
    }
}

impl DeadLetters {
    /// Keeps a letter; the oldest go when there are too many.
    pub fn record(&self, letter: DeadLetter) {
        let mut kept = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        kept.total += 1;
        kept.bytes += letter.raw.len();
        kept.letters.push_back(letter);
        while kept.bytes > BUDGET_BYTES || kept.letters.len() > BUDGET_LETTERS {
            let Some(oldest) = kept.letters.pop_front() else {
                return;
            };
            kept.bytes -= oldest.raw.len();
        }
    }

    /// The newest `limit` letters, the newest first.
    pub fn newest(&self, limit: usize) -> Vec<DeadLetter> {
        let kept = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        kept.letters.iter().rev().take(limit).cloned().collect()
    }

    /// All that were ever recorded.
    pub fn total(&self) -> u64 {
        self.shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Transport;

    fn letter(size: usize) -> DeadLetter {
        DeadLetter::new(
            Timestamp::UNIX_EPOCH,
            Origin::new("test", Transport::Http),
            "INVALID_JSON",
            String::new(),
            &Bytes::from(vec![b'x'; size]),
        )
    }

    #[test]
    fn the_record_is_bounded_and_still_counts_all() {
        let letters = DeadLetters::default();
        for _ in 0..BUDGET_LETTERS + 10 {
            letters.record(letter(1));
        }
        assert_eq!(letters.newest(usize::MAX).len(), BUDGET_LETTERS);
        for _ in 0..100 {
            letters.record(letter(KEPT_BYTES + 1));
        }
        let kept = letters.newest(usize::MAX);
        assert_eq!(kept.len(), BUDGET_BYTES / KEPT_BYTES);
        assert_eq!(kept[0].raw_length, KEPT_BYTES + 1);
        assert_eq!(letters.total(), BUDGET_LETTERS as u64 + 110);
    }
}
