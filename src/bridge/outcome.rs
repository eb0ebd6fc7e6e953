//! What comes of sending alerts to a target.

use std::time::Duration;

/// What came of sending alerts to a target.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The target has all of them. With its answer, for people.
    Delivered(String),
    /// It says what became of each, in their order.
    Each(Vec<Verdict>),
    /// It has a part of them, does not say which, and refuses the rest, whenever it is
    /// sent.
    Partly(String),
    /// It refuses something that is in them, whenever it is sent.
    Refused(String),
    /// It may take them another time.
    Again(Trouble),
}

impl Outcome {
    /// Whether it ended in trouble, perhaps in the middle of something.
    pub(super) fn is_trouble(&self) -> bool {
        match self {
            Self::Again(_) => true,
            Self::Each(verdicts) => verdicts.iter().any(|it| matches!(it, Verdict::Again(_))),
            Self::Delivered(_) | Self::Partly(_) | Self::Refused(_) => false,
        }
    }

    /// What the target said to alerts that it took all of.
    pub(super) fn answer(&self) -> String {
        match self {
            Self::Delivered(answer) => answer.clone(),
            Self::Each(_) | Self::Partly(_) | Self::Refused(_) | Self::Again(_) => String::new(),
        }
    }
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
    /// It has not looked at it.
    Untried,
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
