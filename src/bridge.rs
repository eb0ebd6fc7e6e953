//! Bridges: durable subscribers that send what they get to a target, a SIEM for
//! instance.
//!
//! ```text
//! durable subscription ─► inbox ─► batch ─► target
//!        ▲   bounded by its window    │ refused ─► dead letters
//!        └──────── acknowledged ◄─────┘ not now ─► the same again, later
//! ```
//!
//! A bridge acknowledges what its target has taken, or what is among the dead letters,
//! and goes on only when that is on the gateway's disk: so order is kept, nothing is
//! left out, and a crash on either side repeats one batch at most. A target that is down
//! costs a paused bridge: alerts wait in the gateway's log, where its retention is the
//! bound, and all other readers go on.
//!
//! A bridge stands on [`crate::client`], whether it runs in the gateway or as a process
//! of its own.

mod batch;
mod config;
mod dead_letters;
mod inbox;
mod notice;
mod outcome;
mod runner;
mod status;
mod subscribe;
mod target;

use std::path::Path;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    config::{Batch, Config, Start},
    status::{BridgeState, BridgeStatus, Bridges},
    target::{
        elasticsearch, file, hec, nats, otlp, secret::Secret, stdout, syslog, tls::Tls, webhook,
    },
};
use self::{dead_letters::DeadLetters, runner::Runner, status::Reporter, target::Target};
use crate::{backoff::Backoff, client::Connection, filter::Filter, log};

/// The folder of the files for what targets refuse, in the data folder.
const DEAD_LETTERS: &str = "dead-letters";

/// What bridges stand on.
#[derive(Debug, Clone)]
pub struct Tools<'a> {
    /// To the gateway.
    pub channel: Connection,
    /// Where the files for what targets refuse are, unless a bridge names its own.
    pub data_dir: &'a Path,
    /// The gateway's dead letters, in a gateway.
    pub dead_letters: Option<log::DeadLetters>,
    /// They run until this.
    pub end: CancellationToken,
}

/// A bridge that is to run, and is among the [`Bridges`] already.
#[derive(Debug)]
pub struct Bridge {
    config: Config,
    reporter: Reporter,
}

impl Bridges {
    /// Adds a bridge; `config` must have been checked.
    pub fn add(&self, config: Config) -> Bridge {
        let target = config.kind().map(|kind| kind.describe());
        let target = target.unwrap_or_default();
        let reporter = self.register(&config.name, config.subscription(), target);
        warn_of_filter(&config);
        Bridge { config, reporter }
    }
}

impl Bridge {
    /// As it was configured.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Runs on `tasks`, until the tools' end.
    pub fn run(self, tools: &Tools<'_>, tasks: &TaskTracker) {
        let Self { config, reporter } = self;
        let path = config.dead_letters.clone().unwrap_or_else(|| {
            let file = format!("{}.jsonl", config.name);
            tools.data_dir.join(DEAD_LETTERS).join(file)
        });
        let runner = Runner {
            channel: tools.channel.clone(),
            reporter,
            dead_letters: DeadLetters::new(&config.name, path, tools.dead_letters.clone()),
            target: None,
            backoff: Backoff::new(config.max_backoff.0),
            refused_in_a_row: 0,
            end: tools.end.clone(),
            config,
        };
        tasks.spawn(runner.run());
    }
}

/// A field that does not exist makes a filter that matches nothing, and a target that is
/// sent nothing.
fn warn_of_filter(config: &Config) {
    let filter = Filter::parse(&config.filter);
    for warning in filter.iter().flat_map(Filter::warnings) {
        tracing::warn!(bridge = config.name, %warning, "the bridge's filter");
    }
}

/// Sends a test alert to the target of `config`.
///
/// # Errors
/// With what the target says, or what keeps from asking it.
pub async fn test(config: &Config) -> Result<String, String> {
    let mut batch = batch::Batch::new([test_item(config)?].into(), 0);
    let sent = tokio::time::timeout(config.patience().0, async {
        let mut target = Target::connect(config).await?;
        Ok::<_, outcome::Trouble>(target.send(batch.turn()).await)
    });
    let outcome = sent
        .await
        .map_err(|_| format!("the target did not answer within {}", config.patience()))?
        .map_err(|trouble| trouble.why)?;
    let answer = outcome.answer();
    let settled = batch.settle(outcome);
    let refused = settled.refused.into_iter().map(|(_, answer)| answer).next();
    match refused.or(settled.trouble.map(|it| it.why)) {
        Some(why) => Err(why),
        None => Ok(answer),
    }
}

/// What a test alert would be sent as.
///
/// # Errors
/// When that cannot be said without asking the target.
pub fn preview(config: &Config) -> Result<String, String> {
    let item = test_item(config)?;
    Ok(Target::preview(&config.kind()?, &item))
}

fn test_item(config: &Config) -> Result<batch::Item, String> {
    Ok(batch::Item {
        alert: notice::test(&config.name).ok_or("failed to make a test alert")?,
        cursor: String::new(),
        bytes: 0,
        lost: 0,
    })
}
