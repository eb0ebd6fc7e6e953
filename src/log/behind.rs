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

/// How many of a batch witnesses want.
#[derive(Debug, Default)]
pub(super) struct Early(Vec<(Witness, u64)>);

impl Early {
    pub(super) fn count(witnesses: Vec<Witness>, items: &[Item]) -> Self {
        let count = |witness: Witness| {
            let wanted = items.iter().filter(|item| match item {
                Item::Alert(entry) => entry.alert().is_some_and(|alert| witness.wants(alert)),
                Item::Lost(_) => false,
            });
            let wanted = wanted.count() as u64;
            (witness, wanted)
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

    /// Of what was appended after `after` to the segment at `base`, the witness
    /// wants so many.
    pub(super) fn count_early(&mut self, early: &Early, base: Position, after: Position) {
        for (witness, count) in &early.0 {
            let Some(group) = self.0.get_mut(&witness.name().cloned()) else {
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
