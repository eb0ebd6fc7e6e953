use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{
    Position,
    entry::Item,
    reader::Witness,
    segment::{Extent, Segment},
};

/// So many groups are counted for while alerts are appended and still at hand;
/// for others they are read again when retention takes them.
const COUNTED_EARLY: usize = 64;

/// Readers that retention has left behind, by what they want. However many want
/// the same, it is counted once what they miss.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<Option<Arc<str>>, Group>);

/// Readers that want the same.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) witness: Witness,
    members: usize,
    /// What a member missed that was there from the beginning.
    missed: u64,
    /// How often not all could be counted.
    uncounted: u64,
    /// It is about to be said how many more were missed.
    pub(super) is_being_counted: bool,
    /// Since after which position everything appended is in `early`.
    counted_from: Option<Position>,
    /// By the base of a segment, how many alerts of it are wanted.
    early: VecDeque<(Position, u64)>,
}

/// What a group had missed when a reader joined it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined {
    missed: u64,
    uncounted: u64,
}

/// How many of a batch witnesses want, by their names.
#[derive(Debug, Default)]
pub(super) struct Early(BTreeMap<Option<Arc<str>>, u64>);

impl Early {
    pub(super) fn count(witnesses: Vec<Witness>, items: &[Item]) -> Self {
        let count = |witness: Witness| {
            let wanted = items.iter().filter(|item| match item {
                Item::Alert(entry) => entry.alert().is_some_and(|alert| witness.wants(alert)),
                Item::Lost(_) => false,
            });
            (witness.name().cloned(), wanted.count() as u64)
        };
        Self(witnesses.into_iter().map(count).collect())
    }
}

impl Group {
    /// What is missed of `segment`, if it was counted when it was appended.
    pub(super) fn take_early(&mut self, segment: &Segment) -> Option<Missed> {
        let base = segment.base();
        while self.early.front().is_some_and(|(it, _)| *it < base) {
            self.early.pop_front();
        }
        let is_whole = self.counted_from.is_some_and(|from| from <= base);
        let (_, count) = self.early.pop_front_if(|(it, _)| *it == base)?;
        is_whole.then(|| Missed::of(count, &segment.extent))
    }
}

impl Missed {
    /// Of a segment with so many wanted alerts: nobody knows what a notice in it
    /// stands for.
    fn of(count: u64, extent: &Extent) -> Self {
        Self {
            count,
            lower_bound: !extent.notices.is_empty(),
        }
    }
}

/// How many alerts were missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) count: u64,
    /// `count` is a lower bound.
    pub(super) lower_bound: bool,
}

impl Missed {
    pub(super) fn add(&mut self, more: Self) {
        self.count += more.count;
        self.lower_bound |= more.lower_bound;
    }
}

impl Groups {
    pub(super) fn join(&mut self, witness: &Witness) -> Joined {
        let group = self
            .0
            .entry(witness.name().cloned())
            .or_insert_with(|| Group {
                witness: witness.clone(),
                members: 0,
                missed: 0,
                uncounted: 0,
                is_being_counted: false,
                counted_from: None,
                early: VecDeque::new(),
            });
        group.members += 1;
        Joined {
            missed: group.missed,
            uncounted: group.uncounted,
        }
    }

    /// What the group missed since the reader joined it.
    pub(super) fn leave(&mut self, witness: &Witness, joined: Joined) -> Missed {
        let name = witness.name().cloned();
        let Some(group) = self.0.get_mut(&name) else {
            return Missed::default();
        };
        let missed = Missed {
            count: group.missed - joined.missed,
            lower_bound: group.uncounted > joined.uncounted,
        };
        group.members -= 1;
        if group.members == 0 {
            self.0.remove(&name);
        }
        missed
    }

    pub(super) fn is_being_counted(&self, witness: &Witness) -> bool {
        let name = witness.name().cloned();
        self.0
            .get(&name)
            .is_some_and(|group| group.is_being_counted)
    }

    /// The witnesses to ask about what is being appended.
    pub(super) fn witnesses(&self) -> Vec<Witness> {
        let groups = self
            .0
            .values()
            .filter(|group| group.witness.name().is_some());
        let witnesses = groups.map(|group| group.witness.clone());
        witnesses.take(COUNTED_EARLY).collect()
    }

    /// Of what was appended after `after` to the segment at `base`, witnesses want
    /// so many. A group that was not asked has missed a batch, and begins anew.
    pub(super) fn count_early(&mut self, early: &Early, base: Position, after: Position) {
        for (name, group) in &mut self.0 {
            let Some(count) = early.0.get(name) else {
                group.counted_from = None;
                group.early.clear();
                continue;
            };
            group.counted_from.get_or_insert(after);
            match group.early.back_mut() {
                Some((segment, sum)) if *segment == base => *sum += count,
                _ => group.early.push_back((base, *count)),
            }
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.0.values_mut()
    }

    /// All members missed so many more.
    pub(super) fn miss(&mut self, witness: &Witness, missed: Missed) {
        if let Some(group) = self.0.get_mut(&witness.name().cloned()) {
            group.missed += missed.count;
            group.uncounted += u64::from(missed.lower_bound);
            group.is_being_counted = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::Parts,
        log::{
            Incarnation,
            format::SegmentHeader,
            segment::SegmentFile,
            testing::{entry, in_log},
        },
    };

    fn wants_all(name: &str) -> Witness {
        Witness::new(name, Parts::default(), |_| true)
    }

    /// Appends so many alerts after `after` to the segment at 0.
    fn append(groups: &mut Groups, count: usize, after: u64) {
        let alert = || Item::Alert(Arc::new(in_log(entry("a"))));
        let items: Vec<_> = (0..count).map(|_| alert()).collect();
        let early = Early::count(groups.witnesses(), &items);
        groups.count_early(&early, Position(0), Position(after));
    }

    fn segment() -> Segment {
        let header = SegmentHeader {
            salt: 0,
            incarnation: Incarnation(1),
            base: Position(0),
            latest: 0,
            notices: 0,
        };
        Segment {
            file: Arc::new(SegmentFile::new(std::path::Path::new(""), header)),
            extent: Extent::new(&header),
            is_sealed: true,
        }
    }

    #[test]
    fn a_group_that_was_not_asked_about_a_batch_is_not_whole() {
        let mut groups = Groups::default();
        groups.join(&wants_all("z"));
        append(&mut groups, 2, 0);
        // So many others that it is no longer among those that are asked.
        let others: Vec<_> = (0..COUNTED_EARLY)
            .map(|it| wants_all(&format!("a{it:03}")))
            .collect();
        let joined: Vec<_> = others.iter().map(|witness| groups.join(witness)).collect();
        append(&mut groups, 3, 2);
        for (witness, joined) in others.iter().zip(joined).skip(1) {
            groups.leave(witness, joined);
        }
        append(&mut groups, 4, 5);
        let counted: Vec<_> = groups
            .iter_mut()
            .map(|it| it.take_early(&segment()))
            .collect();
        assert_eq!(counted, [None, None]);
    }

    #[test]
    fn a_group_that_was_always_asked_is_counted() {
        let mut groups = Groups::default();
        groups.join(&wants_all("z"));
        append(&mut groups, 2, 0);
        append(&mut groups, 3, 2);
        let counted: Vec<_> = groups
            .iter_mut()
            .map(|it| it.take_early(&segment()))
            .collect();
        let missed = Missed {
            count: 5,
            lower_bound: false,
        };
        assert_eq!(counted, [Some(missed)]);
    }
}
