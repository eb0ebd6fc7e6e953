//! Who can go on in the next turn of a connection.
//!
//! A connection and its calls wake one another all the time. Were it the runtime
//! that they wake, each would be a turn of its own; so they ring here, and the
//! runtime is told only while nobody looks.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake},
};

use futures_util::task::AtomicWaker;

/// What those who have rung are known by.
pub(super) type Key = usize;

/// Those who have rung, and the task to wake for that.
#[derive(Debug, Default)]
pub(super) struct Bells {
    rung: Mutex<Vec<Key>>,
    // None during a turn.
    task: AtomicWaker,
}

/// Rings for one that can go on.
#[derive(Debug)]
pub(super) struct Bell {
    key: Key,
    has_rung: AtomicBool,
    bells: Arc<Bells>,
}

impl Bells {
    /// From now on the task need not be woken.
    pub(super) fn begin_turn(&self) {
        drop(self.task.take());
    }

    /// Those who have rung since the last time, in that order, in place of what
    /// `rung` holds.
    pub(super) fn collect(&self, rung: &mut Vec<Key>) {
        rung.clear();
        mem::swap(rung, &mut *self.lock());
    }

    /// Whether any has rung since the last time.
    pub(super) fn have_rung(&self) -> bool {
        !self.lock().is_empty()
    }

    /// From now on the task is woken; at once when any has rung.
    pub(super) fn end_turn(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
        if self.have_rung() {
            self.task.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Key>> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    /// The bell of `key`, which has rung already.
    pub(super) fn rung(key: Key, bells: &Arc<Bells>) -> Arc<Self> {
        let bell = Arc::new(Self {
            key,
            has_rung: AtomicBool::new(false),
            bells: Arc::clone(bells),
        });
        bell.wake_by_ref();
        bell
    }

    /// Lets it ring again. To be done before what it rings for is looked at, or a
    /// ring in between is missed.
    pub(super) fn reset(&self) {
        self.has_rung.store(false, Ordering::Release);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.has_rung.swap(true, Ordering::AcqRel) {
            self.bells.lock().push(self.key);
            self.bells.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, task::Waker};

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_the_first_ring_between_turns_wakes_the_task() {
        let task = Arc::<Task>::default();
        let waker = Waker::from(Arc::clone(&task));
        let cx = Context::from_waker(&waker);
        let woken = || task.0.load(Ordering::Relaxed);
        let bells = Arc::<Bells>::default();
        let [one, two] = [1, 2].map(|key| Bell::rung(key, &bells));
        let mut rung = Vec::new();

        bells.begin_turn();
        bells.collect(&mut rung);
        assert_eq!(rung, [1, 2]);
        one.reset();
        two.reset();
        bells.end_turn(&cx);
        assert_eq!(woken(), 0);

        two.wake_by_ref();
        one.wake_by_ref();
        two.wake_by_ref();
        assert_eq!(woken(), 1);
        bells.begin_turn();
        bells.collect(&mut rung);
        assert_eq!(rung, [2, 1]);
    }

    #[test]
    fn who_rings_during_a_turn_has_another_one() {
        let task = Arc::<Task>::default();
        let waker = Waker::from(Arc::clone(&task));
        let cx = Context::from_waker(&waker);
        let bells = Arc::<Bells>::default();
        let bell = Bell::rung(0, &bells);
        bells.end_turn(&cx);
        bells.begin_turn();
        bells.collect(&mut Vec::new());
        bell.reset();
        let woken = task.0.load(Ordering::Relaxed);
        bell.wake_by_ref();
        assert_eq!(task.0.load(Ordering::Relaxed), woken);
        bells.end_turn(&cx);
        assert_eq!(task.0.load(Ordering::Relaxed), woken + 1);
    }
}
