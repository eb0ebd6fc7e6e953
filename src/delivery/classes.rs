use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::{Request, View, class::Class};
use crate::{
    alert::Parts,
    filter::{FilterId, FilterSet},
    log::{self, Position},
};

/// Subscribers that want the same, by what they want, and who of them is told of
/// what is appended. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    shared: Arc<Mutex<Registered>>,
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
    /// Everything up to here has been told.
    told: Position,
}

/// What makes subscribers want the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    filter: String,
    view: View,
    max_alerts: usize,
    max_bytes: usize,
}

impl Classes {
    /// What comes after `head` will be told.
    pub(super) fn begin(&self, head: Position) {
        self.lock().told = head;
    }

    /// The class of `request`.
    pub(super) fn of(&self, request: &Request) -> Arc<Class> {
        let key = Key {
            filter: request.filter.canonical().to_owned(),
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
        registered.add(key, request)
    }

    /// Wakes all subscribers: there is something else than alerts for them.
    pub(super) fn stir_all(&self) {
        let classes: Vec<_> = self.lock().classes.values().cloned().collect();
        for class in classes.iter().filter_map(Weak::upgrade) {
            class.stir();
        }
    }

    /// Tells what was appended up to `head`, if nobody has to be asked about it;
    /// whether that is so. `told` is called before anyone is woken, here and below.
    pub(super) fn tell_none(&self, head: Position, told: impl FnOnce(Position)) -> bool {
        let registered = self.lock();
        let none = registered.sifted.is_empty();
        if none {
            end_telling(registered, head, told, HashMap::new());
        }
        none
    }

    /// Tells what was appended next.
    pub(super) fn tell(&self, entries: &[Arc<log::Entry>], told: impl FnOnce(Position)) {
        let mut registered = self.lock();
        let mut woken = HashMap::new();
        let told_before = registered.told;
        // Who reads them may have had to go back.
        for entry in entries.iter().filter(|it| it.position > told_before) {
            registered.tell(entry, &mut woken);
        }
        if let Some(last) = entries.last() {
            let through = last.position;
            end_telling(registered, through, told, woken);
        }
    }

    /// Tells that something up to and with `through` cannot be read.
    pub(super) fn tell_lost(&self, through: Position, told: impl FnOnce(Position)) {
        let registered = self.lock();
        let mut woken = HashMap::new();
        if through > registered.told {
            registered.tell_all(through, &mut woken);
        }
        end_telling(registered, through, told, woken);
    }

    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn add(&mut self, key: Key, request: &Request) -> Arc<Class> {
        let id = self.filters.insert(&request.filter);
        let class = Arc::new(Class::new(request, id.map(|_| self.told)));
        let weak = Arc::downgrade(&class);
        match id {
            Some(id) => {
                self.parts.merge(request.filter.parts());
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

fn end_telling(
    mut registered: MutexGuard<'_, Registered>,
    through: Position,
    told: impl FnOnce(Position),
    woken: HashMap<FilterId, Arc<Class>>,
) {
    if through <= registered.told {
        return;
    }
    registered.told = through;
    told(through);
    let others: Vec<_> = registered.others.iter().filter_map(Weak::upgrade).collect();
    drop(registered);
    for class in woken.into_values().chain(others) {
        class.stir();
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
            tests::{of_rule, request},
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

    #[test]
    fn what_was_told_is_not_told_again() {
        let classes = Classes::default();
        classes.begin(Position(10));
        let class = classes.of(&Request {
            filter: of_rule("a"),
            ..request(Start::Latest)
        });
        classes.tell(&entries(8..=12), |told| assert_eq!(told, Position(12)));
        let version = class.version();
        classes.tell(&entries(7..=12), |told| panic!("told back to {told}"));
        classes.tell_lost(Position(9), |told| panic!("told back to {told}"));
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

    #[test]
    fn who_comes_in_between_is_told_what_comes_after() {
        let classes = Classes::default();
        classes.begin(Position(0));
        classes.tell_none(Position(5), |told| assert_eq!(told, Position(5)));
        let class = classes.of(&Request {
            filter: of_rule("a"),
            ..request(Start::Latest)
        });
        assert!(!classes.tell_none(Position(6), |told| panic!("told {told}")));
        classes.tell(&entries(6..=6), |_| {});
        assert_eq!(class.ahead(Position(4), Position(6)), Ahead::Unknown);
        let ahead = Ahead::Places {
            places: vec![Position(6)],
            through: Position(6),
        };
        assert_eq!(class.ahead(Position(5), Position(6)), ahead);
    }
}
