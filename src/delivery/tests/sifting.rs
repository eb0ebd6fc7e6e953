//! Who is woken for what, and that nobody is forgotten over it.

use proptest::{prelude::*, test_runner::TestCaseError};

use super::*;
use crate::log::Notice;

/// Waits until everything appended has been told.
async fn told(bench: &Bench) {
    while bench.delivery.live.told() < bench.delivery.log.bounds().head {
        tokio::task::yield_now().await;
    }
}

fn filtered(text: &str, start: Start) -> Request {
    Request {
        choice: super::filtered(text),
        ..request(start)
    }
}

#[tokio::test(start_paused = true)]
async fn who_wants_nothing_of_it_sleeps_on_and_is_not_behind() {
    let bench = Bench::new();
    let mut sleeper = bench.open(filtered("rule = rare", Start::Latest)).await;
    let mut all = bench.open(request(Start::Latest)).await;
    shorts(&mut sleeper, 3).await;
    shorts(&mut all, 3).await;
    let classes = || {
        ["rule = rare", ""].map(|filter| {
            bench
                .delivery
                .live
                .classes()
                .of(&filtered(filter, Start::Latest))
                .version()
        })
    };
    let before = classes();
    bench.append("frequent", 5).await;
    told(&bench).await;
    let [rare, everything] = classes();
    assert_eq!(rare, before[0]);
    assert!(everything > before[1]);
    let [sleeper_status, _] = &bench.delivery.streams()[..] else {
        panic!("two streams are open");
    };
    assert_eq!(
        (sleeper_status.position, sleeper_status.lag),
        (Position(5), 0)
    );

    bench.append("rare", 1).await;
    assert_eq!(shorts(&mut sleeper, 1).await, ["[6]"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_wakes_everyone() {
    let bench = Bench::new();
    let mut sleeper = bench.open(filtered("rule = rare", Start::Latest)).await;
    shorts(&mut sleeper, 3).await;
    bench.append("frequent", 3).await;
    let notice = Notice {
        source_id: "a".to_owned(),
        count: 7,
    };
    bench
        .opened
        .log
        .begin_notice(notice)
        .await
        .done()
        .await
        .unwrap();
    bench.append("rare", 1).await;
    let lost = "lost at least 0 in 3..4 IngestOverflow";
    assert_eq!(shorts(&mut sleeper, 2).await, [lost, "[5]"]);
}

#[tokio::test(start_paused = true)]
async fn who_sleeps_over_retention_has_lost_nothing() {
    let bench = Bench::short();
    let mut sleeper = bench.open(filtered("rule = rare", Start::Latest)).await;
    shorts(&mut sleeper, 3).await;
    for _ in 0..5 {
        bench.append("frequent", 50).await;
        bench.opened.trimmed().await;
    }
    bench.append("rare", 1).await;
    assert_eq!(shorts(&mut sleeper, 1).await, ["[251]"]);
}

#[tokio::test(start_paused = true)]
async fn more_than_is_remembered_is_read_from_the_log() {
    let bench = Bench::new();
    let mut stalled = bench.open(filtered("rule = odd", Start::Latest)).await;
    shorts(&mut stalled, 3).await;
    for _ in 0..400 {
        bench.append("odd", 1).await;
        bench.append("even", 1).await;
    }
    told(&bench).await;
    let mut got = 0;
    while got < 400 {
        let FrameKind::Alerts(frame) = next(&mut stalled).await.kind else {
            panic!("no alerts");
        };
        assert!(
            frame
                .entries()
                .iter()
                .all(|entry| entry.position.0 % 2 == 1)
        );
        got += frame.entries().len();
    }
    assert_eq!(got, 400);
}

const RULES: [&str; 3] = ["a", "b", "c"];

/// Filters, and the rules that meet them: of one value, of several, of none,
/// unindexed, with a pattern, and all.
const FILTERS: [(&str, &[&str]); 6] = [
    ("rule = a", &["a"]),
    ("rule in (a, b)", &["a", "b"]),
    ("rule = d", &[]),
    ("not rule = a", &["b", "c"]),
    ("rule regex [bc]", &["b", "c"]),
    ("", &RULES),
];

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<&'static str>),
    Open(usize),
    /// So many frames of one stream, if they are there.
    Read(usize, usize),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let rules = prop::collection::vec(prop::sample::select(RULES.to_vec()), 1..40);
    prop_oneof![
        4 => rules.prop_map(Step::Append),
        2 => (0..FILTERS.len()).prop_map(Step::Open),
        4 => (0..8_usize, 1..4_usize).prop_map(|(stream, frames)| Step::Read(stream, frames)),
        1 => Just(Step::Wait),
    ]
}

/// A stream, and what it is to get.
struct Followed {
    subscription: Subscription,
    rules: &'static [&'static str],
    after: usize,
    got: Vec<u64>,
}

impl Followed {
    /// Whether there was a frame.
    async fn read(&mut self) -> bool {
        let frame = tokio::time::timeout(Duration::from_secs(5), self.subscription.next());
        let Ok(Some(Ok(frame))) = frame.await else {
            return false;
        };
        match frame.kind {
            FrameKind::Alerts(frame) => {
                self.got
                    .extend(frame.entries().iter().map(|entry| entry.position.0));
            }
            FrameKind::Loss(loss) => panic!("{loss:?}"),
            _ => {}
        }
        true
    }
}

async fn play(memory: u64, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let log = crate::log::Config {
        memory: crate::units::Size(memory),
        ..testing::large()
    };
    let bench = Bench::with(&log, Config::default());
    let mut appended = Vec::new();
    let mut streams: Vec<Followed> = Vec::new();
    for step in steps {
        match step {
            Step::Append(rules) => {
                bench.opened.append(&rules).await;
                appended.extend(rules);
            }
            Step::Open(index) => {
                let (filter, rules) = FILTERS[index];
                streams.push(Followed {
                    subscription: bench.open(filtered(filter, Start::Latest)).await,
                    rules,
                    after: appended.len(),
                    got: Vec::new(),
                });
            }
            Step::Read(stream, frames) => {
                if let Some(stream) = streams.get_mut(stream) {
                    for _ in 0..frames {
                        stream.read().await;
                    }
                }
            }
            Step::Wait => told(&bench).await,
        }
    }
    for mut stream in streams {
        while stream.read().await {}
        let places = (1..).zip(&appended).skip(stream.after);
        let wanted = places.filter(|(_, rule)| stream.rules.contains(rule));
        let wanted: Vec<u64> = wanted.map(|(place, _)| place).collect();
        prop_assert_eq!(stream.got, wanted, "{:?}", stream.rules);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_gets_its_own_whatever_the_others_do(
        in_memory in any::<bool>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(if in_memory { 1 << 20 } else { 0 }, steps))?;
    }
}
