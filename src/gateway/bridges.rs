use std::{
    mem,
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
    /// Those that wait for the gateway to run: a reload may come before that.
    waiting: Vec<(Bridge, CancellationToken)>,
    /// None before they run, and when they end.
    channel: Option<Connection>,
    /// Ends all.
    end: CancellationToken,
    tasks: TaskTracker,
}

impl BoundBridges {
    /// Bridges that keep what is refused in `data_dir` and among `dead_letters`.
    pub(super) fn new(
        configs: Vec<bridge::Config>,
        data_dir: PathBuf,
        dead_letters: DeadLetters,
    ) -> Self {
        let running = Running {
            reported: Bridges::default(),
            data_dir,
            dead_letters,
            shared: Arc::default(),
        };
        for config in configs {
            running.start(running.reported.add(config));
        }
        Self { running }
    }

    /// What is known of them while they run.
    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// Runs them over `channel`, until they are to end.
    pub(super) fn run(self, channel: &Connection) -> Running {
        let waiting = {
            let mut shared = self.running.lock();
            shared.channel = Some(channel.clone());
            mem::take(&mut shared.waiting)
        };
        for (bridge, end) in waiting {
            self.running.begin(bridge, channel.clone(), end);
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

    /// Asks all for their end.
    pub(super) fn end(&self) {
        self.lock().end.cancel();
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

    /// Runs `bridge`, or has it wait until they run.
    fn start(&self, bridge: Bridge) {
        let mut shared = self.lock();
        let end = shared.end.child_token();
        shared.configs.push((bridge.config().clone(), end.clone()));
        let Some(channel) = shared.channel.clone() else {
            shared.waiting.push((bridge, end));
            return;
        };
        drop(shared);
        self.begin(bridge, channel, end);
    }

    fn begin(&self, bridge: Bridge, channel: Connection, end: CancellationToken) {
        let tools = bridge::Tools {
            channel,
            data_dir: &self.data_dir,
            dead_letters: Some(self.dead_letters.clone()),
            end,
        };
        bridge.run(&tools, &self.lock().tasks);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
