use std::time::Duration;

use jiff::Timestamp;
use proptest::{prelude::*, test_runner::TestCaseError};

use super::{
    super::{
        FrameKind, View,
        tests::{Bench, filtered, of_rule},
    },
    *,
};
use crate::log::Position;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn consume(window_alerts: usize) -> ConsumeRequest {
    ConsumeRequest {
        window_alerts,
        window_bytes: 1 << 20,
        view: View::Full,
        heartbeat: Duration::from_secs(10),
        label: String::new(),
        peer: String::new(),
        identity: String::new(),
    }
}

fn wanted(choice: Choice, start: Start) -> NewSubscription {
    NewSubscription {
        choice,
        start,
        since: None,
        most: None,
    }
}

fn all(_: &str) -> Sight {
    Sight::all()
}

/// The subscriptions of a gateway, with what keeps them.
struct Shelf {
    bench: Bench,
    subscriptions: Subscriptions,
    state: State,
    keeper: Keeper,
    _folder: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        let bench = Bench::new();
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let subscriptions =
            Subscriptions::open(bench.delivery.clone(), state.clone(), all).unwrap();
        Self {
            keeper: subscriptions.keep(),
            bench,
            subscriptions,
            state,
            _folder: folder,
        }
    }

    async fn open(&self, window: usize) -> Consumer {
        let opened = self.subscriptions.consume("s", consume(window), NOW).await;
        opened.unwrap()
    }
}

/// The places of what comes until nothing is there.
async fn take(consumer: &mut Consumer) -> Vec<u64> {
    let mut positions = Vec::new();
    let patience = Duration::from_millis(20);
    while let Ok(next) = tokio::time::timeout(patience, consumer.next()).await {
        if let FrameKind::Alerts(alerts) = next.unwrap().unwrap().kind {
            positions.extend(alerts.entries().iter().map(|entry| entry.position.0));
        }
    }
    positions
}

/// What happens to a subscription of the rule "odd", alerts of which are at all odd
/// positions.
#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    /// Another consumer, with this window.
    Open(usize),
    Take,
    /// So much of what was taken, in percent.
    Acknowledge(usize),
    Leave,
    Seek(u64),
    /// As after a restart, from what is kept.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..12_usize).prop_map(Step::Append),
        2 => (1..8_usize).prop_map(Step::Open),
        4 => Just(Step::Take),
        3 => (0..=100_usize).prop_map(Step::Acknowledge),
        1 => Just(Step::Leave),
        1 => (0..40_u64).prop_map(Step::Seek),
        1 => Just(Step::Reopen),
    ]
}

/// What has to be so.
#[derive(Default)]
struct Model {
    head: u64,
    acknowledged: u64,
    /// What the consumer was given, the oldest first.
    given: Vec<u64>,
    window: usize,
}

impl Model {
    /// What a consumer gets when it is asked for all that there is.
    fn next(&self) -> Vec<u64> {
        let last = self.given.last().copied().unwrap_or(self.acknowledged);
        let outstanding = self.given.iter().filter(|at| **at > self.acknowledged);
        let room = self.window - outstanding.count();
        (last + 1..=self.head)
            .filter(|at| at % 2 == 1)
            .take(room)
            .collect()
    }
}

/// The real one beside the model.
struct Play {
    shelf: Shelf,
    model: Model,
    consumer: Option<Consumer>,
}

impl Play {
    async fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Append(count) => self.append(count).await,
            Step::Open(window) => {
                self.leave();
                self.consumer = Some(self.shelf.open(window).await);
                self.model.window = window;
            }
            Step::Take => self.take().await?,
            Step::Acknowledge(percent) => self.acknowledge(percent),
            Step::Leave => self.leave(),
            Step::Seek(to) => self.seek(to.min(self.model.head)).await?,
            Step::Reopen => self.reopen().await,
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.consumer = None;
        self.model.given.clear();
    }

    async fn append(&mut self, count: usize) {
        for _ in 0..count {
            self.model.head += 1;
            let is_odd = self.model.head % 2 == 1;
            let rule = if is_odd { "odd" } else { "even" };
            self.shelf.bench.append(rule, 1).await;
        }
    }

    async fn take(&mut self) -> Result<(), TestCaseError> {
        let Some(consumer) = &mut self.consumer else {
            return Ok(());
        };
        let taken = take(consumer).await;
        let wanted = self.model.next();
        // A frame may be as large as the window, so the last few may have to wait.
        prop_assert!(wanted.starts_with(&taken), "{wanted:?} and {taken:?}");
        let is_first = self.model.given.is_empty();
        prop_assert!(!is_first || taken.is_empty() == wanted.is_empty());
        self.model.given.extend(taken);
        Ok(())
    }

    fn acknowledge(&mut self, percent: usize) {
        let given = &self.model.given;
        let index = (given.len() * percent / 100).checked_sub(1);
        if let (Some(consumer), Some(index)) = (&mut self.consumer, index) {
            let position = given[index];
            let cursor = self.shelf.bench.delivery.cursor(Position(position));
            consumer.acknowledge(cursor).unwrap();
            self.model.acknowledged = self.model.acknowledged.max(position);
        }
    }

    async fn seek(&mut self, to: u64) -> Result<(), TestCaseError> {
        self.leave();
        let cursor = self.shelf.bench.delivery.cursor(Position(to));
        let subscriptions = &self.shelf.subscriptions;
        let moved = subscriptions
            .seek("s", Start::After(cursor), None)
            .await
            .unwrap();
        prop_assert_eq!(moved.position, Position(to));
        self.model.acknowledged = to;
        Ok(())
    }

    async fn reopen(&mut self) {
        self.leave();
        let shelf = &mut self.shelf;
        let durable = shelf.subscriptions.find("s").unwrap();
        let kept = shelf.subscriptions.written(|| durable.unkept().is_none());
        let kept = tokio::time::timeout(Duration::from_secs(20), kept).await;
        kept.unwrap().unwrap();
        let delivery = shelf.bench.delivery.clone();
        shelf.subscriptions = Subscriptions::open(delivery, shelf.state.clone(), all).unwrap();
        shelf.keeper = shelf.subscriptions.keep();
    }
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let shelf = Shelf::new();
    let subscriptions = &shelf.subscriptions;
    let created = subscriptions.create("s", wanted(of_rule("odd"), Start::Earliest), NOW);
    created.await.unwrap();
    let mut play = Play {
        shelf,
        model: Model::default(),
        consumer: None,
    };
    for step in steps {
        play.step(step).await?;
    }
    // In the end, whoever comes gets everything that is not acknowledged, once.
    play.step(Step::Open(1000)).await?;
    let taken = take(play.consumer.as_mut().unwrap()).await;
    prop_assert_eq!(taken, play.model.next());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_subscription_agrees_with_a_plain_position(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(steps))?;
    }
}

#[tokio::test]
async fn names_are_checked() {
    let shelf = Shelf::new();
    for (name, is_good) in [
        ("a", true),
        ("siem-2", true),
        ("", false),
        ("2a", false),
        ("-a", false),
        ("A", false),
        ("a_b", false),
        (&*"a".repeat(63), true),
        (&*"a".repeat(64), false),
    ] {
        let created = shelf
            .subscriptions
            .create(name, wanted(filtered(""), Start::Latest), NOW);
        assert_eq!(created.await.is_ok(), is_good, "{name:?}");
    }
}
