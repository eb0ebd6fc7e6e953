//! A file that Falco's `file_output` appends to, followed like `tail -F`.
//!
//! It promises
//! - at least once: the position that is kept never passes a line that the log
//!   does not have;
//! - nothing twice after a clean stop;
//! - that rotation by rename, also while the gateway was down, loses nothing.
//!
//! Rotation by copying and truncating loses what was not read before, and cannot
//! be told from new content that begins with the same kilobyte as the old.

mod config;
mod tail;

use std::{path::Path, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::config::{Config, ConfigError, Start};
use self::tail::{Step, Tail};
use super::{
    Intake, NotTaken, SourceHandle, SourceState,
    lines::{Splitter, Window, out_of_time},
};
use crate::{
    clock,
    state::{FilePosition, State},
};

/// How often the position is written while lines keep coming. What a kill repeats
/// is what came in so much time.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the file until `shutdown`, and keeps in `state` how far it got.
pub async fn run(
    config: Config,
    intake: Intake,
    source: SourceHandle,
    state: State,
    shutdown: CancellationToken,
) {
    let window = Window::new(intake, source.clone());
    let mut follower = Follower::new(config, window, state, shutdown.clone()).await;
    let detail = tokio::select! {
        ended = follower.follow() => match ended {
            Ok(()) => "stopped".to_owned(),
            Err(closed) => closed.to_string(),
        },
        () = out_of_time(&shutdown) => "stopped before the log had everything".to_owned(),
    };
    source.enter(SourceState::Finished, detail, clock::now());
}

struct Follower {
    config: Config,
    max_line: usize,
    shutdown: CancellationToken,
    // Absent only while a blocking thread has them.
    reading: Option<(Tail, Splitter)>,
    window: Window,
    state: State,
    kept: Option<FilePosition>,
    kept_at: Instant,
    /// Whether the last attempt to keep the position failed, which is told once.
    keeping_fails: bool,
}

impl Follower {
    async fn new(
        config: Config,
        window: Window,
        state: State,
        shutdown: CancellationToken,
    ) -> Self {
        let kept = load(&state, &window, &config.path);
        let tail = match kept {
            Kept::Nothing => Tail::new(config.path.clone(), config.start),
            Kept::Position(position) => Tail::resume(config.path.clone(), position),
            // It was followed before, so it must not be begun at its end.
            Kept::Unusable => Tail::new(config.path.clone(), Start::Beginning),
        };
        let max_line = usize::try_from(config.max_line.0).unwrap_or(usize::MAX);
        Self {
            max_line,
            shutdown,
            reading: Some((tail, Splitter::new(max_line, 0))),
            window,
            state,
            kept: None,
            kept_at: Instant::now(),
            keeping_fails: false,
            config,
        }
    }

    async fn follow(&mut self) -> Result<(), NotTaken> {
        let followed = self.follow_until_shutdown().await;
        let settled = match followed {
            Ok(()) => self.window.settle().await,
            closed => closed,
        };
        self.keep_position().await;
        settled
    }

    async fn follow_until_shutdown(&mut self) -> Result<(), NotTaken> {
        while !self.shutdown.is_cancelled() {
            match self.look().await {
                Step::Opened(offset) => self.begin(offset),
                Step::Read => self.hand_over().await?,
                Step::Truncated => self.begin_again().await?,
                Step::Ended => self.end().await?,
                Step::Idle => {
                    self.enter(SourceState::Connected, "following");
                    self.rest().await?;
                }
                Step::Unreadable(why) => {
                    self.enter(SourceState::Disconnected, &why);
                    self.rest().await?;
                }
            }
            if self.kept_at.elapsed() >= CHECKPOINT_INTERVAL {
                self.keep_position().await;
            }
        }
        Ok(())
    }

    /// Takes a step in the file, off the runtime's threads.
    async fn look(&mut self) -> Step {
        let Some((mut tail, mut splitter)) = self.reading.take() else {
            return Step::Unreadable("its reader was lost".to_owned());
        };
        let stepped = tokio::task::spawn_blocking(move || {
            let step = tail.step(splitter.buffer());
            (step, tail, splitter)
        });
        match stepped.await {
            Ok((step, tail, splitter)) => {
                self.reading = Some((tail, splitter));
                step
            }
            Err(error) => Step::Unreadable(error.to_string()),
        }
    }

    fn begin(&mut self, offset: u64) {
        self.window.restart_at(offset);
        if let Some((_, splitter)) = &mut self.reading {
            *splitter = Splitter::new(self.max_line, offset);
        }
        self.enter(SourceState::Connected, "following");
    }

    async fn hand_over(&mut self) -> Result<(), NotTaken> {
        if let Some((_, splitter)) = &mut self.reading {
            self.window.push_lines(splitter).await?;
        }
        Ok(())
    }

    /// The file was emptied under our feet, and with it went the line's rest.
    async fn begin_again(&mut self) -> Result<(), NotTaken> {
        if let Some((_, splitter)) = &mut self.reading
            && splitter.last_line().is_some()
        {
            self.window.source().count_refused("PARTIAL_LINE", 1);
        }
        self.window.settle().await?;
        tracing::info!(path = %self.config.path.display(), "the file was truncated");
        self.begin(0);
        Ok(())
    }

    /// The file was replaced, and nothing more will come to this one.
    async fn end(&mut self) -> Result<(), NotTaken> {
        if let Some((_, splitter)) = &mut self.reading
            && let Some(line) = splitter.last_line()
        {
            self.window.push(line).await?;
        }
        self.window.settle().await?;
        tracing::info!(path = %self.config.path.display(), "the file was replaced");
        Ok(())
    }

    async fn rest(&mut self) -> Result<(), NotTaken> {
        self.window.settle().await?;
        // There is nothing better to do, and a kill repeats nothing then.
        self.keep_position().await;
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(self.config.poll_interval.0) => {}
        }
        Ok(())
    }

    /// Writes the position down unless it is.
    async fn keep_position(&mut self) {
        let done = self.window.done();
        let tail = self.reading.as_ref().map(|(tail, _)| tail);
        let Some(position) = tail.and_then(|tail| tail.position_at(done)) else {
            return;
        };
        self.kept_at = Instant::now();
        if self.kept == Some(position) {
            return;
        }
        let (state, id, path) = (
            self.state.clone(),
            self.window.source().origin().source_id.clone(),
            key(&self.config.path),
        );
        let saving =
            tokio::task::spawn_blocking(move || state.keep_file_position(&id, &path, position));
        let saved = saving.await.map_err(|panic| panic.to_string());
        match saved.and_then(|saved| saved.map_err(|error| error.to_string())) {
            Ok(()) => {
                self.kept = Some(position);
                self.keeping_fails = false;
            }
            Err(error) if self.keeping_fails => tracing::debug!(%error, "still not kept"),
            Err(error) => {
                tracing::warn!(%error, "failed to keep the position in a file");
                self.keeping_fails = true;
            }
        }
    }

    fn enter(&self, state: SourceState, detail: &str) {
        self.window.source().enter(state, detail, clock::now());
    }
}

enum Kept {
    Nothing,
    Position(FilePosition),
    Unusable,
}

fn load(state: &State, window: &Window, path: &Path) -> Kept {
    let id = &window.source().origin().source_id;
    match state.file_position(id, &key(path)) {
        Ok(None) => Kept::Nothing,
        Ok(Some(position)) => Kept::Position(position),
        Err(error) => {
            tracing::warn!(%error, "the kept position is of no use, beginning at the file's start");
            Kept::Unusable
        }
    }
}

/// The path as positions are kept by it. Two paths that differ only in what is no
/// Unicode share one, which does not fit the other's file and is not used there.
fn key(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
