use std::{collections::BTreeMap, sync::Arc};

use super::reader::Witness;

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
}

/// What a group had missed when a reader joined it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined {
    missed: u64,
    uncounted: u64,
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
