//! Against a plain list.

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Notice(u8),
    Read {
        reader: usize,
        limit: usize,
    },
    /// Retention gets its time.
    Trim,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..9_u8).prop_map(Step::Append),
        1 => (1..5_u8).prop_map(Step::Notice),
        6 => (0..READERS, 1..7_usize).prop_map(|(reader, limit)| Step::Read { reader, limit }),
        2 => Just(Step::Trim),
        1 => Just(Step::Reopen),
    ]
}

const READERS: usize = 4;

/// What a place holds: how many alerts that the reader wants, in all and of those
/// with an odd number.
#[derive(Debug, Clone, Copy)]
struct Place {
    all: u64,
    odd: u64,
    is_notice: bool,
}

struct Follower {
    reader: Reader,
    is_odd: bool,
    seen: usize,
    /// Wanted alerts that it got or was told of.
    got: u64,
    /// And some that could not be counted.
    uncounted: bool,
}

impl Follower {
    fn new(log: &Log, is_odd: bool, seen: usize) -> Self {
        let witness = if is_odd {
            wants("odd")
        } else {
            Witness::of_all()
        };
        Self {
            reader: log.reader(Position(seen as u64), witness),
            is_odd,
            seen,
            got: 0,
            uncounted: false,
        }
    }

    async fn read(&mut self, limit: usize, model: &[Place]) {
        match self.reader.read(limit).await {
            Read::AtHead => assert_eq!(self.seen, model.len()),
            Read::Entries(entries) => {
                assert!(!entries.is_empty() && entries.len() <= limit);
                for entry in entries {
                    self.seen += 1;
                    assert_eq!(entry.position.0, self.seen as u64);
                    let place = model[self.seen - 1];
                    let rule = if place.odd == 1 { "odd" } else { "even" };
                    assert_eq!(entry.alert().unwrap().rule, rule);
                    self.got += if self.is_odd { place.odd } else { 1 };
                }
            }
            Read::Lost(lost) => {
                assert_eq!(lost.after.0, self.seen as u64);
                assert_ne!(lost.cause, Cause::Corruption);
                self.seen = index(lost.through);
                self.got += lost.count;
                self.uncounted |= lost.lower_bound;
            }
        }
    }

    /// What it got and was told of is what it wanted, no more and no less.
    fn check(&self, from: usize, model: &[Place]) {
        let passed = &model[from..self.seen];
        let wanted: u64 = passed
            .iter()
            .map(|place| if self.is_odd { place.odd } else { place.all })
            .sum();
        if self.uncounted {
            let most: u64 = passed.iter().map(|place| place.all).sum();
            assert!(self.got <= most, "{} of {most}", self.got);
        } else {
            assert_eq!(self.got, wanted);
        }
    }
}

/// A place as an index into the model.
fn index(position: Position) -> usize {
    usize::try_from(position.0).unwrap()
}

struct World {
    folder: tempfile::TempDir,
    config: Config,
    opened: testing::Opened,
    model: Vec<Place>,
    /// Each with where it began.
    followers: Vec<(usize, Follower)>,
}

impl World {
    fn new(memory: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            memory: crate::units::Size(memory),
            ..small(6 << 10)
        };
        let opened = open(folder.path(), &config);
        let followers = (0..READERS).map(|it| (0, Follower::new(&opened.log, it % 2 == 1, 0)));
        Self {
            followers: followers.collect(),
            folder,
            config,
            opened,
            model: Vec::new(),
        }
    }

    async fn take(mut self, step: Step) -> Self {
        match step {
            Step::Append(count) => self.append(count).await,
            Step::Notice(count) => self.notice(count.into()).await,
            Step::Read { reader, limit } => {
                let (from, follower) = &mut self.followers[reader];
                follower.read(limit, &self.model).await;
                follower.check(*from, &self.model);
            }
            Step::Trim => self.opened.trimmed().await,
            Step::Reopen => self = self.reopened().await,
        }
        let bounds = self.opened.log.bounds();
        assert_eq!(index(bounds.head), self.model.len());
        let kept = &self.model[index(bounds.start)..];
        let alerts = kept.iter().filter(|place| !place.is_notice).count();
        assert_eq!(bounds.alerts, alerts as u64);
        self
    }

    async fn append(&mut self, count: u8) {
        let mut rules = Vec::new();
        for _ in 0..count {
            let odd = (self.model.len() as u64 + 1) % 2;
            rules.push(if odd == 1 { "odd" } else { "even" });
            self.model.push(Place {
                all: 1,
                odd,
                is_notice: false,
            });
        }
        self.opened.append(&rules).await;
    }

    async fn notice(&mut self, count: u64) {
        let notice = Notice {
            source_id: "s".to_owned(),
            count,
        };
        let commit = self.opened.log.begin_notice(notice).await;
        commit.done().await.unwrap();
        self.model.push(Place {
            all: count,
            odd: 0,
            is_notice: true,
        });
    }

    async fn reopened(self) -> Self {
        let seen: Vec<_> = self.followers.iter().map(|(_, it)| it.seen).collect();
        drop(self.followers);
        self.opened.close().await;
        let opened = open(self.folder.path(), &self.config);
        let followers = seen.into_iter().enumerate().map(|(it, seen)| {
            let follower = Follower::new(&opened.log, it % 2 == 1, seen);
            (seen, follower)
        });
        Self {
            followers: followers.collect(),
            opened,
            ..self
        }
    }
}

async fn run(steps: Vec<Step>, memory: u64) {
    let mut world = World::new(memory);
    for step in steps {
        world = world.take(step).await;
    }
    for (from, mut follower) in world.followers {
        while follower.seen < world.model.len() {
            follower.read(100, &world.model).await;
        }
        follower.check(from, &world.model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn readers_agree_with_a_plain_list(
        steps in prop::collection::vec(step(), 1..120),
        memory in prop_oneof![Just(0_u64), Just(10_000), Just(1 << 20)],
    ) {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
            .block_on(run(steps, memory));
    }
}
