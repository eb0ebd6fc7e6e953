//! Lets the oldest segments go, and tells who had not read them what they
//! missed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Decode, Position, Tools,
    block::Block,
    entry::Item,
    format::nanoseconds,
    reader::{ReaderId, Witness},
    segment::{BlockSpan, Segment},
    shared::Shared,
};

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
        while let Some(doomed) = retention.doom_oldest((tools.clock)()) {
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
    readers: Vec<Behind>,
}

/// Readers that want the same and are at the same place.
struct Behind {
    witness: Witness,
    after: Position,
    readers: Vec<ReaderId>,
}

/// What was counted for a [`Behind`].
struct Missed {
    count: u64,
    lower_bound: bool,
}

impl Retention {
    /// Takes the oldest segment from the log, if its time or room is up. The one
    /// that is being written stays.
    fn doom_oldest(&self, now: Timestamp) -> Option<Doomed> {
        let mut state = self.shared.lock();
        if state.segments.len() < 2 {
            return None;
        }
        let oldest = state.segments.front()?;
        let age = nanoseconds(now).saturating_sub(oldest.extent.latest);
        let is_old = u128::try_from(age).is_ok_and(|age| age > self.max_age.as_nanos());
        if !is_old && state.bytes() <= self.shared.retention_bytes {
            return None;
        }
        let segment = state.segments.pop_front()?;
        state.start = state.segments.front().map_or(state.head, Segment::base);
        state.forget_before_start();
        let (base, start) = (segment.base(), state.start);
        let mut behind: BTreeMap<(Option<Arc<str>>, Position), Behind> = BTreeMap::new();
        for (id, reader) in &mut state.readers {
            if reader.position >= start {
                continue;
            }
            let after = reader.position.max(base);
            let key = (reader.witness.name().cloned(), after);
            reader.is_being_counted = true;
            behind
                .entry(key)
                .or_insert_with(|| Behind {
                    witness: reader.witness.clone(),
                    after,
                    readers: Vec::new(),
                })
                .readers
                .push(*id);
        }
        Some(Doomed {
            segment,
            readers: behind.into_values().collect(),
        })
    }

    async fn let_go(&self, doomed: Doomed) {
        let Doomed { segment, readers } = doomed;
        let (all, some): (Vec<_>, Vec<_>) = readers
            .into_iter()
            .partition(|behind| behind.witness.name().is_none());
        for behind in all {
            let count = segment.extent.alerts_after(behind.after);
            self.tell(
                &behind,
                &Missed {
                    count,
                    lower_bound: false,
                },
            );
        }
        if !some.is_empty() {
            for (behind, missed) in self.count(&segment, some).await {
                self.tell(&behind, &missed);
            }
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
    async fn count(&self, segment: &Segment, behind: Vec<Behind>) -> Vec<(Behind, Missed)> {
        let mut counts: Vec<_> = behind
            .into_iter()
            .map(|behind| {
                let missed = Missed {
                    count: 0,
                    lower_bound: false,
                };
                (behind, missed)
            })
            .collect();
        for span in segment.blocks() {
            if self.is_out_of_room() {
                tracing::warn!(
                    "alerts come in faster than those that retention takes can be counted for the streams that lag: they are told a lower bound"
                );
                for (_, missed) in &mut counts {
                    missed.lower_bound = true;
                }
                return counts;
            }
            let decode = self.decode;
            let counting = spawn_blocking(move || {
                count_block(&span, decode, &mut counts);
                counts
            });
            counts = match counting.await {
                Ok(counts) => counts,
                Err(error) => {
                    tracing::error!(%error, "counting what retention took failed");
                    return Vec::new();
                }
            };
        }
        counts
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

    fn tell(&self, behind: &Behind, missed: &Missed) {
        let mut state = self.shared.lock();
        for id in &behind.readers {
            if let Some(reader) = state.readers.get_mut(id) {
                reader.missed += missed.count;
                reader.lower_bound |= missed.lower_bound;
                reader.is_being_counted = false;
            }
        }
    }
}

/// Asks the witnesses about every alert of a block.
fn count_block(span: &BlockSpan, decode: Decode, counts: &mut [(Behind, Missed)]) {
    let items = match Block::read(span, decode) {
        Ok(block) => block.items,
        Err(error) => {
            tracing::warn!(%error, "a part of the log that retention takes cannot be read");
            for (_, missed) in counts {
                missed.lower_bound = true;
            }
            return;
        }
    };
    for item in items {
        let alert = match &item {
            Item::Alert(entry) => entry.alert(),
            Item::Lost(_) => None,
        };
        // Witnesses of one name stand beside each other: each is asked once.
        let mut asked: Option<(Option<Arc<str>>, bool)> = None;
        for (behind, missed) in &mut *counts {
            if item.through() <= behind.after {
                continue;
            }
            let Some(alert) = alert else {
                missed.lower_bound = true;
                continue;
            };
            let name = behind.witness.name();
            let wants = match &asked {
                Some((before, wants)) if before.as_ref() == name => *wants,
                _ => {
                    let wants = behind.witness.wants(alert);
                    asked = Some((name.cloned(), wants));
                    wants
                }
            };
            missed.count += u64::from(wants);
        }
    }
}
