//! Many filters, asked together.

mod access;
mod index;
mod part;
mod shared;

use std::{mem, sync::Arc};

use slab::Slab;

use self::{
    access::Access,
    index::Index,
    shared::{Answers, SharedTests, TestId},
};
use super::{Filter, ast::Expression, eval::Test};
use crate::alert::Alert;

/// Many filters, of which any one alert meets few: asking them costs what those
/// cost that it may meet, and not what all cost that there are.
///
/// A filter that needs one of some values, or some text within a field, is asked
/// only about alerts that have it. A comparison that several filters have is made
/// once for all of them. Patterns are left to those who ask the filter itself: what
/// one of them costs must not hold up the others.
#[derive(Debug, Default)]
pub struct FilterSet {
    members: Slab<Member>,
    index: Index,
    /// The members that are not in the index.
    others: Vec<FilterId>,
    tests: SharedTests,
    answers: Answers,
    // Kept for its memory.
    found: Vec<FilterId>,
}

/// A filter's place in a [`FilterSet`].
pub type FilterId = usize;

#[derive(Debug)]
struct Member {
    filter: Filter,
    is_indexed: bool,
    condition: Condition,
    /// The last round in which it was found.
    found: u64,
}

/// What an alert has to be asked when the index has found the filter.
#[derive(Debug)]
enum Condition {
    Tests(Expression<TestId>),
    /// Nothing: there are patterns in it.
    Left,
}

impl FilterSet {
    /// Adds `filter`. None when that would win nothing: it takes all, or only its
    /// patterns can tell.
    pub fn insert(&mut self, filter: &Filter) -> Option<FilterId> {
        let root = filter.root()?;
        let access = Access::of(root);
        let has_patterns = root.leaves().any(|test| test.matcher.has_pattern());
        let id = self.members.vacant_key();
        let is_indexed = access.is_some_and(|access| self.index.insert(&access, id));
        if !is_indexed {
            if has_patterns {
                return None;
            }
            self.others.push(id);
        }
        let condition = if has_patterns {
            Condition::Left
        } else {
            Condition::Tests(root.map(&mut |test| self.tests.share(test)))
        };
        let id = self.members.insert(Member {
            filter: filter.clone(),
            is_indexed,
            condition,
            found: 0,
        });
        Some(id)
    }

    /// Removes what was inserted as `id`.
    pub fn remove(&mut self, id: FilterId) {
        let Some(member) = self.members.try_remove(id) else {
            return;
        };
        match member.filter.root().and_then(Access::of) {
            Some(access) if member.is_indexed => self.index.remove(&access, id),
            _ => self.others.retain(|other| *other != id),
        }
        if let Condition::Tests(tests) = &member.condition {
            for test in tests.leaves() {
                self.tests.give_back(*test);
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The filters that `alert` meets, and of those with patterns also some that
    /// it does not. Each once, in no order.
    pub fn sift(&mut self, alert: &Alert) -> &[FilterId] {
        let round = self.answers.next_round(self.tests.most());
        self.found.clear();
        self.found.extend(&self.others);
        self.index.candidates(alert, &mut self.found);
        let (members, tests, answers) = (&mut self.members, &self.tests, &mut self.answers);
        self.found.retain(|id| {
            let Some(member) = members.get_mut(*id) else {
                return false;
            };
            let is_new = mem::replace(&mut member.found, round) != round;
            is_new
                && match &member.condition {
                    Condition::Left => true,
                    Condition::Tests(root) => {
                        root.is_met(&mut |id| answers.of(*id, || tests.ask(*id, alert)))
                    }
                }
        });
        &self.found
    }
}

impl Filter {
    fn root(&self) -> Option<&Expression<Arc<Test>>> {
        self.inner.root.as_ref()
    }
}

#[cfg(test)]
mod tests;
