use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::{
    alert::{Origin, Transport},
    filter::Filter,
    log::{
        Position,
        testing::{self, Opened, entry, entry_at},
    },
    policy::Sight,
    source::SourceState,
};

mod history;
mod life;
mod losses;
mod sifting;
mod starts;

pub(super) struct Bench {
    pub(super) delivery: Delivery,
    sources: Sources,
    shutdown: CancellationToken,
    opened: Opened,
    _folder: tempfile::TempDir,
}

/// About how many alerts a log holds whose retention takes the others.
const KEPT: u64 = 16;

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(&testing::large(), Config::default())
    }

    /// A log that keeps [`KEPT`] alerts.
    fn short() -> Self {
        // A record of its own, with its commit's mark, for each.
        Self::with(&testing::small(KEPT * 120), Config::default())
    }

    fn bounded(config: Config) -> Self {
        Self::with(&testing::large(), config)
    }

    fn with(log: &crate::log::Config, config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = testing::open(folder.path(), log);
        let sources = Sources::new();
        let shutdown = CancellationToken::new();
        Self {
            delivery: Delivery::new(
                config,
                opened.log.clone(),
                sources.clone(),
                |alert| alert.rule.clone().into(),
                shutdown.clone(),
            ),
            sources,
            shutdown,
            opened,
            _folder: folder,
        }
    }

    /// Appends alerts, each on its own.
    pub(super) async fn append(&self, rule: &str, count: usize) {
        for _ in 0..count {
            self.opened.append(&[rule]).await;
        }
    }

    pub(super) async fn open(&self, request: Request) -> Subscription {
        self.try_open(request).await.unwrap()
    }

    async fn try_open(&self, request: Request) -> Result<Subscription, OpenError> {
        self.delivery.open(request, Timestamp::UNIX_EPOCH).await
    }
}

pub(super) fn request(start: Start) -> Request {
    Request {
        choice: filtered(""),
        since: None,
        start,
        on_expired: OnExpired::Fail,
        stop_at_head: false,
        overflow: Overflow::CatchUp,
        view: View::Full,
        batching: Batching::default(),
        heartbeat: Duration::from_secs(10),
        label: String::new(),
        peer: String::new(),
        identity: String::new(),
    }
}

pub(super) fn of_rule(rule: &str) -> Choice {
    filtered(&format!("rule = {rule:?}"))
}

/// What `filter` wants of everything.
pub(super) fn filtered(filter: &str) -> Choice {
    Choice::new(Filter::parse(filter).unwrap(), Sight::all())
}

pub(super) async fn next(subscription: &mut Subscription) -> Frame {
    subscription.next().await.unwrap().unwrap()
}

/// Every frame up to the end of the stream.
async fn all(subscription: &mut Subscription) -> Vec<FrameKind> {
    let mut kinds = Vec::new();
    while let Some(frame) = subscription.next().await {
        kinds.push(frame.unwrap().kind);
    }
    kinds
}

/// A frame in a word or two.
fn short(kind: &FrameKind) -> String {
    match kind {
        FrameKind::Opened(_) => "opened".into(),
        FrameKind::Alerts(frame) => {
            let positions: Vec<_> = frame
                .entries()
                .iter()
                .map(|entry| entry.position.0)
                .collect();
            format!("{positions:?}")
        }
        FrameKind::Heartbeat { lag, .. } => format!("heartbeat {}", lag.unwrap()),
        FrameKind::State(state) => format!("{state:?}"),
        FrameKind::Loss(loss) => format!(
            "lost {}{} in {}..{} {:?}",
            if loss.lower_bound { "at least " } else { "" },
            loss.lost,
            loss.after,
            loss.through,
            loss.cause
        ),
        FrameKind::Source(status) => format!("{:?}", status.state),
        FrameKind::AckConfirmed(_) => "AckConfirmed".to_owned(),
        FrameKind::Closing(reason) => format!("{reason:?}"),
    }
}

pub(super) async fn shorts(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut frames = Vec::new();
    for _ in 0..count {
        frames.push(short(&next(subscription).await.kind));
    }
    frames
}
