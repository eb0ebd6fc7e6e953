use super::{Loss, LossCause};
use crate::log::{Lost, Position};

/// A stretch of the log that is counted instead of delivered.
#[derive(Debug)]
pub(super) struct Skip {
    after: Position,
    pub(super) through: Position,
    lost: u64,
    lower_bound: bool,
}

impl Skip {
    pub(super) fn new(after: Position, through: Position) -> Self {
        Self {
            after,
            through,
            lost: 0,
            lower_bound: false,
        }
    }

    /// So many alerts in it match.
    pub(super) fn count(&mut self, alerts: u64) {
        self.lost += alerts;
    }

    /// These would have been lost anyway.
    pub(super) fn pass_over(&mut self, lost: &Lost) {
        self.lost += lost.count;
        self.lower_bound |= lost.lower_bound;
    }

    /// What is said of it when it has been passed, at `position`.
    pub(super) fn told_at(&self, position: Position) -> Loss {
        Loss {
            after: self.after,
            through: position,
            lost: self.lost,
            lower_bound: self.lower_bound,
            cause: LossCause::SkippedByPolicy,
        }
    }
}
