use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bridge::{self, Bridge, Bridges},
    client::Connection,
    log::DeadLetters,
};

/// The bridges that are to run, and what they stand on.
#[derive(Debug)]
pub(super) struct BoundBridges {
    bridges: Vec<Bridge>,
    running: Running,
}

/// The bridges that run. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Running {
    /// What they report.
    pub(super) reported: Bridges,
    data_dir: PathBuf,
    dead_letters: DeadLetters,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Each with what ends it.
    configs: Vec<(bridge::Config, CancellationToken)>,
    /// None before they run, and when they end.
    channel: Option<(Connection, CancellationToken)>,
    tasks: TaskTracker,
}

impl BoundBridges {
    /// Bridges that keep what is refused in `data_dir` and among `dead_letters`.
    pub(super) fn new(
        configs: Vec<bridge::Config>,
        data_dir: PathBuf,
        dead_letters: DeadLetters,
    ) -> Self {
        let reported = Bridges::default();
        Self {
            bridges: configs.into_iter().map(|it| reported.add(it)).collect(),
            running: Running {
                reported,
                data_dir,
                dead_letters,
                shared: Arc::default(),
            },
        }
    }

    /// What is known of them while they run.
    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// Runs them until `end`, over `channel`.
    pub(super) fn run(self, channel: Connection, end: CancellationToken) -> Running {
        self.running.lock().channel = Some((channel, end));
        for bridge in self.bridges {
            self.running.start(bridge);
        }
        self.running
    }
}

impl Running {
    /// Ends those that are not among `configs` any more and begins those that are new,
    /// or have changed. Returns how many that are.
    ///
    /// One that is begun anew takes its subscription over from the one before, so at most
    /// a batch comes twice.
    pub(super) fn change_to(&self, configs: &[bridge::Config]) -> usize {
        let left = {
            let mut shared = self.lock();
            let (stay, left): (Vec<_>, Vec<_>) = shared
                .configs
                .drain(..)
                .partition(|(config, _)| configs.contains(config));
            shared.configs = stay;
            left
        };
        for (config, end) in left {
            end.cancel();
            self.reported.remove(&config.name);
        }
        let is_new = |config: &&bridge::Config| {
            let shared = self.lock();
            !shared.configs.iter().any(|(it, _)| it == *config)
        };
        let new: Vec<_> = configs.iter().filter(is_new).cloned().collect();
        let count = new.len();
        for config in new {
            self.start(self.reported.add(config));
        }
        count
    }

    /// Waits until all have ended, and begins no more.
    pub(super) async fn ended(&self) {
        let tasks = {
            let mut shared = self.lock();
            shared.channel = None;
            shared.tasks.clone()
        };
        tasks.close();
        tasks.wait().await;
    }

    fn start(&self, bridge: Bridge) {
        let mut shared = self.lock();
        let Some((channel, end)) = shared.channel.clone() else {
            return;
        };
        let end = end.child_token();
        let tools = bridge::Tools {
            channel,
            data_dir: &self.data_dir,
            dead_letters: Some(self.dead_letters.clone()),
            end: end.clone(),
        };
        shared.configs.push((bridge.config().clone(), end));
        bridge.run(&tools, &shared.tasks);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
