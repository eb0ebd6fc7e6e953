use super::super::{Loss, LossCause};
use crate::log::{Lost, Position};

/// So many are kept apart; then neighbours are put together.
const MOST: usize = 64;

/// What retention took before it was acknowledged, in pieces as it was found: each is
/// told, and acknowledged, for itself.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// The oldest first.
    pieces: Vec<Loss>,
    /// Retention has said what it took up to here.
    heard: Position,
    /// Alerts behind that, which were acknowledged while they were being taken: they are
    /// still in what retention will say.
    excess: u64,
}

impl Losses {
    /// None so far; whatever retention takes is behind `position`.
    pub(super) fn beginning_at(position: Position) -> Self {
        let mut losses = Self::default();
        losses.begin_at(position);
        losses
    }

    /// All of them.
    pub(super) fn pieces(&self) -> &[Loss] {
        &self.pieces
    }

    /// How many alerts they are.
    pub(super) fn count(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.lost).sum()
    }

    /// Where they end.
    pub(super) fn through(&self) -> Position {
        let last = self.pieces.last();
        last.map_or(Position::START, |piece| piece.through)
    }

    /// Takes note of what retention says, where everything up to `acknowledged` is dealt
    /// with. Whether anything of it is a loss.
    pub(super) fn add(&mut self, lost: Lost, acknowledged: Position) -> bool {
        let excess = std::mem::take(&mut self.excess);
        self.heard = lost.through;
        let loss = Loss {
            after: lost.after.max(acknowledged),
            through: lost.through,
            lost: lost.count.saturating_sub(excess),
            lower_bound: lost.lower_bound,
            cause: LossCause::Retention,
        };
        // A gap in which nothing matched is no loss.
        if acknowledged >= lost.through || loss.lost == 0 && !loss.lower_bound {
            return false;
        }
        self.pieces.push(loss);
        if self.pieces.len() > MOST {
            self.put_together();
        }
        true
    }

    /// Everything up to `position` is acknowledged: this was outstanding of it, with the
    /// number of alerts that each stands for.
    pub(super) fn acknowledge(&mut self, position: Position, done: &[(Position, u64)]) {
        for (at, weight) in done {
            let piece = self.pieces.iter_mut().find(|piece| *at <= piece.through);
            match piece.filter(|piece| piece.after < *at) {
                Some(piece) => piece.lost = piece.lost.saturating_sub(*weight),
                None if *at > self.heard => self.excess += weight,
                None => {}
            }
        }
        self.pieces.retain(|piece| piece.through > position);
        if let Some(first) = self.pieces.first_mut() {
            first.after = first.after.max(position);
        }
    }

    /// Whatever retention takes from now on is behind `position`.
    pub(super) fn begin_at(&mut self, position: Position) {
        self.heard = position;
        self.excess = 0;
    }

    /// It begins anew elsewhere.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
    }

    fn put_together(&mut self) {
        let first = self.pieces.remove(0);
        if let Some(next) = self.pieces.first_mut() {
            next.after = first.after;
            next.lost += first.lost;
            next.lower_bound |= first.lower_bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Cause;

    fn lost(after: u64, through: u64, count: u64) -> Lost {
        Lost {
            after: Position(after),
            through: Position(through),
            cause: Cause::Retention,
            count,
            lower_bound: false,
        }
    }

    fn shown(losses: &Losses) -> Vec<(u64, u64, u64)> {
        let pieces = losses.pieces().iter();
        let pieces = pieces.map(|it| (it.after.0, it.through.0, it.lost));
        pieces.collect()
    }

    fn delivered(places: std::ops::RangeInclusive<u64>) -> Vec<(Position, u64)> {
        places.map(|place| (Position(place), 1)).collect()
    }

    #[test]
    fn a_piece_goes_with_its_acknowledgement_and_the_next_stays() {
        let mut losses = Losses::default();
        assert!(losses.add(lost(0, 200, 200), Position(0)));
        assert!(losses.add(lost(200, 300, 100), Position(0)));
        losses.acknowledge(Position(200), &[(Position(200), 200)]);
        assert_eq!(shown(&losses), [(200, 300, 100)]);
        // Nothing of that is taken off what comes later.
        assert!(losses.add(lost(300, 310, 10), Position(200)));
        assert_eq!(losses.count(), 110);
    }

    #[test]
    fn what_was_acknowledged_is_not_lost_whenever_that_is_heard_of() {
        // Heard of before: 50 of it had been delivered.
        let mut losses = Losses::default();
        losses.add(lost(436, 733, 297), Position(436));
        losses.acknowledge(Position(486), &delivered(437..=486));
        assert_eq!(shown(&losses), [(486, 733, 247)]);
        // And behind.
        let mut losses = Losses::default();
        losses.begin_at(Position(436));
        losses.acknowledge(Position(486), &delivered(437..=486));
        assert!(losses.add(lost(436, 733, 297), Position(486)));
        assert_eq!(shown(&losses), [(486, 733, 247)]);
        // All of it.
        let mut losses = Losses::default();
        losses.begin_at(Position(436));
        losses.acknowledge(Position(800), &delivered(437..=800));
        assert!(!losses.add(lost(436, 733, 297), Position(800)));
    }

    #[test]
    fn many_pieces_are_put_together_and_none_is_forgotten() {
        let mut losses = Losses::default();
        for piece in 0..1000 {
            losses.add(lost(piece * 10, piece * 10 + 10, 3), Position(0));
        }
        assert_eq!((losses.pieces().len(), losses.count()), (MOST, 3000));
        assert_eq!(losses.through(), Position(10_000));
    }
}
