//! What comes of sending alerts to a target.

use std::time::Duration;

/// What came of sending alerts to a target.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The target has all of them. With its answer, for people.
    Delivered(String),
    /// It says what became of each, in their order.
    Each(Vec<Verdict>),
    /// It refuses something that is in them, whenever it is sent.
    Refused(String),
    /// It may take them another time.
    Again(Trouble),
}

/// What became of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The target has it.
    Delivered,
    /// It does not take it, whenever it is sent.
    Refused(String),
    /// It may take it another time.
    Again(Trouble),
}

/// Why nothing was delivered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// For people.
    pub(super) why: String,
    /// The target asks not to be tried again before so long.
    pub(super) pause: Option<Duration>,
}

impl Trouble {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            pause: None,
        }
    }
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Self {
        Self::Again(trouble)
    }
}

/// An answer as people are shown it: on one line, and not longer than need be.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 500;
    let text = text.trim();
    let mut shown: String = text
        .chars()
        .take(MOST)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push_str(" ...");
    }
    shown
}
