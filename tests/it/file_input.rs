//! Lines from files and from standard input.

mod follow;
mod restart;
mod rotation;
mod stdin;

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
    time::Duration,
};

use falco_gateway::{
    alert::Transport,
    source::{
        Intake, SourceState,
        file::{self, Config},
    },
    state::State,
    units::Span,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{in_time, intake::Observed};

/// A folder with a file that is followed, or could be, and what is kept of it.
struct Folder(TempDir, State);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state")).unwrap();
        Self(folder, state)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn events(&self) -> PathBuf {
        self.path("events.json")
    }

    fn append(&self, text: &str) {
        let mut file = self.writer();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// As Falco holds it open.
    fn writer(&self) -> File {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        options.open(self.events()).unwrap()
    }

    fn rename(&self, to: &str) {
        fs::rename(self.events(), self.path(to)).unwrap();
    }

    fn config(&self) -> Config {
        Config {
            path: self.events(),
            poll_interval: Span(Duration::from_millis(5)),
            ..Config::default()
        }
    }

    /// Up to where the file is known to be in the log.
    fn kept_offset(&self) -> Option<u64> {
        let path = self.events();
        let kept = self.1.file_position("test", path.to_str().unwrap());
        kept.unwrap().map(|position| position.offset)
    }

    fn follow_by(&self, config: Config, intake: &Intake) -> Following {
        Following::start(config, intake, self.1.clone())
    }

    fn follow(&self, intake: &Intake) -> Following {
        self.follow_by(self.config(), intake)
    }
}

/// A file source at work.
struct Following {
    observed: Observed,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Following {
    fn start(config: Config, intake: &Intake, state: State) -> Self {
        config.check().unwrap();
        let observed = Observed::new(Transport::File);
        let shutdown = CancellationToken::new();
        let (intake, source) = (intake.clone(), observed.source.clone());
        let task = tokio::spawn(file::run(config, intake, source, state, shutdown.clone()));
        Self {
            observed,
            shutdown,
            task,
        }
    }

    async fn stop(self) -> Observed {
        self.shutdown.cancel();
        in_time(self.task).await.unwrap();
        assert_eq!(self.observed.status().state, SourceState::Finished);
        self.observed
    }

    /// As a crash would end it.
    async fn kill(self) {
        self.task.abort();
        assert!(in_time(self.task).await.unwrap_err().is_cancelled());
    }
}

/// So many numbered alerts, a line each.
fn alerts(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|it| format!("{}\n", alert(it))).collect()
}

fn alert(number: u32) -> String {
    format!("{{\"rule\":\"a rule\",\"number\":{number}}}")
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(alert).collect()
}
