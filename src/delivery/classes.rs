use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Request, View, choice::Shower, class::Class};
use crate::{
    alert::Parts,
    filter::{FilterId, FilterSet},
    log::{self, Position},
};

/// Subscribers that want the same, by what they want, and who of them is told of
/// what is appended. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Classes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    registered: Mutex<Registered>,
    shower: Shower,
    // Moved only with the lock held, and read without it by every stream.
    told: AtomicU64,
}

#[derive(Debug, Default)]
struct Registered {
    classes: HashMap<Key, Weak<Class>>,
    /// The filters of the classes in `sifted`.
    filters: FilterSet,
    /// What those filters read.
    parts: Parts,
    /// Classes that are told only of what may be for them.
    sifted: HashMap<FilterId, Weak<Class>>,
    /// Classes that are told of everything.
    others: Vec<Weak<Class>>,
}

/// What makes subscribers want the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    choice: String,
    view: View,
    max_alerts: usize,
    max_bytes: usize,
}

impl Classes {
    /// No classes yet; they will be told what comes after `head`.
    pub(super) fn new(head: Position, shower: Shower) -> Self {
        Self {
            shared: Arc::new(Shared {
                shower,
                registered: Mutex::default(),
                told: AtomicU64::new(head.0),
            }),
        }
    }

    /// Everything up to here has been told to those whom it may concern.
    pub(super) fn told(&self) -> Position {
        Position(self.shared.told.load(Ordering::Acquire))
    }

    /// The class of `request`.
    pub(super) fn of(&self, request: &Request) -> Arc<Class> {
        let key = Key {
            choice: request.choice.key(),
            view: request.view,
            max_alerts: request.batching.max_alerts,
            max_bytes: request.batching.max_bytes,
        };
        let mut registered = self.lock();
        if let Some(class) = registered.classes.get(&key).and_then(Weak::upgrade) {
            return class;
        }
        // A new class is the time to forget those that nobody is in any more.
        registered.forget_left();
        registered.add(key, request, self.shared.shower.clone(), self.told())
    }

    /// Wakes all subscribers: there is something else than alerts for them.
    pub(super) fn stir_all(&self) {
        let classes: Vec<_> = self.lock().classes.values().cloned().collect();
        for class in classes.iter().filter_map(Weak::upgrade) {
            class.stir();
        }
    }

    /// Tells what was appended up to `head`, if nobody has to be asked about it;
    /// whether that is so.
    pub(super) fn tell_none(&self, head: Position) -> bool {
        let registered = self.lock();
        let none = registered.sifted.is_empty();
        if none {
            self.end_telling(registered, head, HashMap::new());
        }
        none
    }

    /// Tells what was appended next. What has been told is left out: who reads it may
    /// have had to go back.
    pub(super) fn tell(&self, entries: &[Arc<log::Entry>]) {
        let mut registered = self.lock();
        let told = self.told();
        let mut woken = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.position > told) {
            registered.tell(entry, &mut woken);
        }
        let through = entries.last().map_or(told, |last| last.position);
        self.end_telling(registered, through, woken);
    }

    /// Tells that something up to and with `through` cannot be read.
    pub(super) fn tell_lost(&self, through: Position) {
        let registered = self.lock();
        let mut woken = HashMap::new();
        if through > self.told() {
            registered.tell_all(through, &mut woken);
        }
        self.end_telling(registered, through, woken);
    }

    fn end_telling(
        &self,
        registered: MutexGuard<'_, Registered>,
        through: Position,
        woken: HashMap<FilterId, Arc<Class>>,
    ) {
        if through <= self.told() {
            return;
        }
        // Before anyone is woken, who would else sleep on.
        self.shared.told.store(through.0, Ordering::Release);
        let others: Vec<_> = registered.others.iter().filter_map(Weak::upgrade).collect();
        drop(registered);
        for class in woken.into_values().chain(others) {
            class.stir();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registered> {
        let registered = self.shared.registered.lock();
        registered.unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let registered = self.lock();
        let kinds = registered.sifted.len() + registered.others.len();
        assert_eq!(registered.classes.len(), kinds);
        kinds
    }
}

impl Registered {
    fn add(&mut self, key: Key, request: &Request, shower: Shower, told: Position) -> Arc<Class> {
        let sifted_by = request.choice.sifted_by();
        let id = self.filters.insert(sifted_by);
        let class = Arc::new(Class::new(request, shower, id.map(|_| told)));
        let weak = Arc::downgrade(&class);
        match id {
            Some(id) => {
                self.parts.merge(sifted_by.parts());
                self.sifted.insert(id, Weak::clone(&weak));
            }
            None => self.others.push(Weak::clone(&weak)),
        }
        self.classes.insert(key, weak);
        class
    }

    fn forget_left(&mut self) {
        self.classes.retain(|_, class| class.strong_count() > 0);
        self.others.retain(|class| class.strong_count() > 0);
        let filters = &mut self.filters;
        self.sifted.retain(|id, class| {
            let is_left = class.strong_count() == 0;
            if is_left {
                filters.remove(*id);
            }
            !is_left
        });
        if self.sifted.is_empty() {
            self.parts = Parts::default();
        }
    }

    fn tell(&mut self, entry: &log::Entry, woken: &mut HashMap<FilterId, Arc<Class>>) {
        let (filters, sifted) = (&mut self.filters, &self.sifted);
        let asked = entry.ask(&self.parts, |alert| {
            for id in filters.sift(alert) {
                tell_one(*id, sifted, entry.position, woken);
            }
        });
        if asked.is_none() {
            self.tell_all(entry.position, woken);
        }
    }

    fn tell_all(&self, position: Position, woken: &mut HashMap<FilterId, Arc<Class>>) {
        for id in self.sifted.keys() {
            tell_one(*id, &self.sifted, position, woken);
        }
    }
}

fn tell_one(
    id: FilterId,
    sifted: &HashMap<FilterId, Weak<Class>>,
    position: Position,
    woken: &mut HashMap<FilterId, Arc<Class>>,
) {
    let class = match woken.entry(id) {
        Entry::Occupied(found) => found.into_mut(),
        Entry::Vacant(place) => match sifted.get(&id).and_then(Weak::upgrade) {
            Some(class) => place.insert(class),
            // Everybody has left it.
            None => return,
        },
    };
    class.expect(position);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delivery::{
            Start,
            class::Ahead,
            tests::{Bench, of_rule, request},
        },
        log::testing::{entry, in_log},
    };

    fn entries(positions: std::ops::RangeInclusive<u64>) -> Vec<Arc<log::Entry>> {
        let at = |position| {
            let mut entry = in_log(entry("a"));
            entry.position = Position(position);
            Arc::new(entry)
        };
        positions.map(at).collect()
    }

    #[tokio::test]
    async fn what_was_told_is_not_told_again() {
        let bench = Bench::new();
        let classes = Classes::new(Position(10), bench.delivery.shower);
        let class = classes.of(&Request {
            choice: of_rule("a"),
            ..request(Start::Latest)
        });
        classes.tell(&entries(8..=12));
        assert_eq!(classes.told(), Position(12));
        let version = class.version();
        classes.tell(&entries(7..=12));
        assert_eq!(classes.told(), Position(12));
        classes.tell_lost(Position(9));
        assert_eq!(classes.told(), Position(12));
        assert_eq!(class.version(), version);
        let ahead = Ahead::Places {
            places: vec![Position(11), Position(12)],
            through: Position(12),
        };
        assert_eq!(class.ahead(Position(10), Position(12)), ahead);
        assert_eq!(class.ahead(Position(9), Position(12)), Ahead::Unknown);
        assert_eq!(
            class.ahead(Position(12), Position(12)),
            Ahead::Nothing(Position(12))
        );
    }

    #[tokio::test]
    async fn who_comes_in_between_is_told_what_comes_after() {
        let bench = Bench::new();
        let classes = Classes::new(Position(0), bench.delivery.shower);
        assert!(classes.tell_none(Position(5)));
        assert_eq!(classes.told(), Position(5));
        let class = classes.of(&Request {
            choice: of_rule("a"),
            ..request(Start::Latest)
        });
        assert!(!classes.tell_none(Position(6)));
        assert_eq!(classes.told(), Position(5));
        classes.tell(&entries(6..=6));
        assert_eq!(class.ahead(Position(4), Position(6)), Ahead::Unknown);
        let ahead = Ahead::Places {
            places: vec![Position(6)],
            through: Position(6),
        };
        assert_eq!(class.ahead(Position(5), Position(6)), ahead);
    }
}
