use std::{collections::HashMap, sync::Arc};

use slab::Slab;

use crate::{
    alert::Alert,
    filter::{eval::Test, predicate::Predicate},
};

/// The comparisons of all filters, each once.
#[derive(Debug, Default)]
pub(super) struct SharedTests {
    tests: Slab<SharedTest>,
    by_predicate: HashMap<Predicate, TestId>,
}

pub(super) type TestId = usize;

#[derive(Debug)]
struct SharedTest {
    test: Arc<Test>,
    users: usize,
}

/// What was answered in this round.
#[derive(Debug, Default)]
pub(super) struct Answers {
    round: u64,
    /// By test: the round in which it was asked last, and what came of it.
    answers: Vec<(u64, bool)>,
}

impl SharedTests {
    /// `test`, or the one like it that is there already.
    pub(super) fn share(&mut self, test: &Arc<Test>) -> TestId {
        if let Some(id) = self.by_predicate.get(&test.predicate)
            && let Some(shared) = self.tests.get_mut(*id)
        {
            shared.users += 1;
            return *id;
        }
        let id = self.tests.insert(SharedTest {
            test: Arc::clone(test),
            users: 1,
        });
        self.by_predicate.insert(test.predicate.clone(), id);
        id
    }

    /// One filter less uses it.
    pub(super) fn give_back(&mut self, id: TestId) {
        let Some(shared) = self.tests.get_mut(id) else {
            return;
        };
        shared.users -= 1;
        if shared.users == 0 {
            let shared = self.tests.remove(id);
            self.by_predicate.remove(&shared.test.predicate);
        }
    }

    pub(super) fn ask(&self, id: TestId, alert: &Alert) -> bool {
        self.tests
            .get(id)
            .is_some_and(|shared| shared.test.holds(alert))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.tests.len(), self.by_predicate.len());
        self.tests.len()
    }

    /// More than any [`TestId`].
    pub(super) fn most(&self) -> usize {
        self.tests.capacity()
    }
}

impl Answers {
    /// Forgets all answers; the number of the new round. There may be questions up
    /// to `most`.
    pub(super) fn next_round(&mut self, most: usize) -> u64 {
        self.round += 1;
        self.answers
            .resize(most.max(self.answers.len()), (0, false));
        self.round
    }

    /// The answer to the question `id`; `ask` is for the first who wants to know.
    pub(super) fn of(&mut self, id: TestId, ask: impl FnOnce() -> bool) -> bool {
        let Some((round, answer)) = self.answers.get_mut(id) else {
            return ask();
        };
        if *round != self.round {
            (*round, *answer) = (self.round, ask());
        }
        *answer
    }
}
