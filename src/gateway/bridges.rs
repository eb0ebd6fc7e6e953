use std::path::PathBuf;

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Channel;

use crate::{
    bridge::{self, Bridge, Bridges},
    log::DeadLetters,
};

/// The bridges that are to run, and what they stand on.
#[derive(Debug)]
pub(super) struct BoundBridges {
    bridges: Vec<Bridge>,
    /// What they report.
    pub(super) running: Bridges,
    data_dir: PathBuf,
    dead_letters: DeadLetters,
}

impl BoundBridges {
    /// Bridges that keep what is refused in `data_dir` and among `dead_letters`.
    pub(super) fn new(
        configs: Vec<bridge::Config>,
        data_dir: PathBuf,
        dead_letters: DeadLetters,
    ) -> Self {
        let running = Bridges::default();
        Self {
            bridges: configs.into_iter().map(|it| running.add(it)).collect(),
            running,
            data_dir,
            dead_letters,
        }
    }

    /// Runs them until `end`, over `channel`.
    pub(super) fn run(self, channel: Channel, end: CancellationToken) -> TaskTracker {
        let tasks = TaskTracker::new();
        let tools = bridge::Tools {
            channel,
            data_dir: &self.data_dir,
            dead_letters: Some(self.dead_letters),
            end,
        };
        for bridge in self.bridges {
            bridge.run(&tools, &tasks);
        }
        tasks.close();
        tasks
    }
}
