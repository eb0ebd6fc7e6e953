//! Lets the oldest segments go, and tells who had not read them what they
//! missed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Decode, Position, Tools,
    behind::Missed,
    block::Block,
    entry::Item,
    format::nanoseconds,
    reader::{ReaderId, Witness},
    segment::{BlockSpan, Segment},
    shared::{Shared, State},
};
use crate::alert::{Alert, Parts};

/// How often the age is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Works until `end`.
pub(super) async fn run(
    shared: Arc<Shared>,
    max_age: Duration,
    tools: Tools,
    end: CancellationToken,
) {
    let retention = Retention {
        shared,
        max_age,
        decode: tools.decode,
    };
    while !end.is_cancelled() {
        while !end.is_cancelled()
            && let Some(doomed) = retention.doom_oldest((tools.clock)())
        {
            retention.let_go(doomed).await;
        }
        tokio::select! {
            () = retention.shared.is_over.notified() => {}
            () = sleep(LOOK_EVERY) => {}
            () = end.cancelled() => {}
        }
    }
}

struct Retention {
    shared: Arc<Shared>,
    max_age: Duration,
    decode: Decode,
}

/// A segment that nobody finds any more, and who had not read all of it.
struct Doomed {
    segment: Segment,
    behind: Vec<Behind>,
}

/// Those who want the same and have not read what is after the same place.
struct Behind {
    witness: Witness,
    after: Position,
    who: Who,
    missed: Missed,
    is_counted: bool,
}

enum Who {
    /// All that were left behind before.
    Group,
    /// Those that are left behind now.
    Readers(Vec<ReaderId>),
}

impl Behind {
    fn new(witness: Witness, after: Position, who: Who) -> Self {
        Self {
            witness,
            after,
            who,
            missed: Missed::default(),
            is_counted: false,
        }
    }

    /// Who wants everything misses everything.
    fn without_reading(mut self, segment: &Segment) -> Self {
        if self.witness.name().is_none() {
            self.missed.count = segment.extent.alerts_after(self.after);
            self.is_counted = true;
        }
        self
    }
}

impl Retention {
    /// Takes the oldest segment from the log, if its time or room is up. The one
    /// that is being written stays.
    fn doom_oldest(&self, now: Timestamp) -> Option<Doomed> {
        let mut state = self.shared.lock();
        let is_only = state.segments.len() == 1;
        let oldest = state.segments.front()?;
        if !oldest.is_sealed {
            return None;
        }
        // Not the latest time up to it: that stays for as long as it takes, should a
        // clock have been wrong once.
        let newest = oldest.extent.last_time.unwrap_or(oldest.extent.latest);
        let age = nanoseconds(now).saturating_sub(newest);
        let is_old = u128::try_from(age).is_ok_and(|age| age > self.max_age.as_nanos());
        if !is_old && (is_only || state.bytes() <= self.shared.retention_bytes) {
            return None;
        }
        let segment = state.segments.pop_front()?;
        state.start = state.segments.front().map_or(state.head, Segment::base);
        state.forget_before_start();
        let behind = state.left_behind_by(&segment);
        Some(Doomed { segment, behind })
    }

    async fn let_go(&self, doomed: Doomed) {
        let Doomed { segment, behind } = doomed;
        let (counted, others): (Vec<_>, Vec<_>) = behind
            .into_iter()
            .map(|behind| behind.without_reading(&segment))
            .partition(|behind| behind.is_counted);
        self.tell(counted);
        if !others.is_empty() {
            let counted = self.count(&segment, others).await;
            self.tell(counted);
        }
        self.shared.counted.send_modify(|version| *version += 1);
        let file = Arc::clone(&segment.file);
        let removed = spawn_blocking(move || file.remove()).await;
        if let Ok(Err(error)) = removed {
            let path = segment.file.path.display();
            tracing::warn!(%path, %error, "retention cannot remove a part of the log; a restart brings it back");
        }
    }

    /// Asks the witnesses about every alert of the segment.
    async fn count(&self, segment: &Segment, mut behind: Vec<Behind>) -> Vec<Behind> {
        for span in segment.blocks() {
            if self.is_out_of_room() {
                tracing::warn!(
                    "alerts come in faster than those that retention takes can be counted for the streams that lag: they are told a lower bound"
                );
                for behind in &mut behind {
                    behind.missed.lower_bound = true;
                }
                return behind;
            }
            let decode = self.decode;
            let counting = spawn_blocking(move || {
                count_block(&span, decode, &mut behind);
                behind
            });
            behind = match counting.await {
                Ok(behind) => behind,
                // A filter cannot panic, so this is a bug: better ended than wrong.
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
        }
        behind
    }

    /// Whether the log has grown so much over its retention that counting must
    /// not hold the disk any longer.
    fn is_out_of_room(&self) -> bool {
        let bytes = self.shared.lock().bytes();
        bytes
            > self
                .shared
                .retention_bytes
                .saturating_add(self.shared.retention_bytes / 4)
    }

    fn tell(&self, counted: Vec<Behind>) {
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        for behind in counted {
            match behind.who {
                Who::Group => state.behind.miss(&behind.witness, behind.missed),
                Who::Readers(ids) => {
                    for id in ids {
                        if let Some(reader) = state.readers.get_mut(&id) {
                            reader.missed.add(behind.missed);
                            reader.is_being_counted = false;
                            reader.joined = Some(state.behind.join(&reader.witness));
                        }
                    }
                }
            }
        }
    }
}

impl State {
    /// Who had not read all of `segment`, of which nothing is left.
    fn left_behind_by(&mut self, segment: &Segment) -> Vec<Behind> {
        let mut behind = Vec::new();
        for group in self.behind.iter_mut() {
            group.is_being_counted = true;
            let mut members = Behind::new(group.witness.clone(), segment.base(), Who::Group);
            if let Some(missed) = group.take_early(segment) {
                members.missed = missed;
                members.is_counted = true;
            }
            behind.push(members);
        }
        let mut newly: BTreeMap<_, Vec<ReaderId>> = BTreeMap::new();
        for (id, reader) in &mut self.readers {
            if reader.joined.is_none() && reader.position < self.start {
                reader.is_being_counted = true;
                let after = reader.position.max(segment.base());
                let key = (reader.witness.name().cloned(), after);
                newly.entry(key).or_default().push(*id);
            }
        }
        for ((_, after), ids) in newly {
            let witness = ids.first().and_then(|id| self.readers.get(id));
            if let Some(reader) = witness {
                let witness = reader.witness.clone();
                behind.push(Behind::new(witness, after, Who::Readers(ids)));
            }
        }
        // Stable: a group is told before the readers that join it then, who would
        // else be told the same twice.
        behind.sort_by(|a, b| a.witness.name().cmp(&b.witness.name()));
        behind
    }
}

/// Asks the witnesses about every alert of a block.
fn count_block(span: &BlockSpan, decode: Decode, all: &mut [Behind]) {
    let items = match Block::read(span, decode) {
        Ok(block) => block.items,
        Err(error) => {
            tracing::warn!(%error, "a part of the log that retention takes cannot be read");
            for behind in all {
                behind.missed.lower_bound = true;
            }
            return;
        }
    };
    let mut parts = Parts::default();
    for behind in &*all {
        behind.witness.parts().inspect(|read| parts.merge(read));
    }
    for item in items {
        let counted = match &item {
            Item::Alert(entry) => entry.ask(&parts, |alert| count(entry.position, alert, all)),
            Item::Lost(_) => None,
        };
        if counted.is_none() {
            for behind in &mut *all {
                behind.missed.lower_bound |= behind.after < item.through();
            }
        }
    }
}

/// Asks each witness once: those of one name stand beside each other.
fn count(position: Position, alert: &Alert, all: &mut [Behind]) {
    let of_one_name = |a: &Behind, b: &Behind| a.witness.name() == b.witness.name();
    for same in all.chunk_by_mut(of_one_name) {
        let wants = same.first().is_some_and(|it| it.witness.wants(alert));
        for behind in same.iter_mut().filter(|it| it.after < position) {
            behind.missed.count += u64::from(wants);
        }
    }
}
