//! Standard input: lines of JSON from a pipe, such as `falco -U | falco-gateway`.
//!
//! What is on its way when the gateway stops is lost with the pipe; a file keeps
//! it.

use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use super::{
    Intake, NotTaken, SourceHandle, SourceState,
    lines::{Splitter, Window, out_of_time},
};
use crate::{clock, units::Size};

/// How much is read at once at most.
const READ_BYTES: usize = 64 << 10;

/// Standard input's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The longest line; longer ones are skipped and counted.
    pub max_line: Size,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_line: Size(1 << 20),
        }
    }
}

/// Reads `input`, which is `tokio::io::stdin()` but for tests, to its end or
/// until `shutdown`.
pub async fn run(
    config: Config,
    mut input: impl AsyncRead + Unpin,
    intake: Intake,
    source: SourceHandle,
    shutdown: CancellationToken,
) {
    source.enter(SourceState::Connected, "reading", clock::now());
    let max_line = usize::try_from(config.max_line.0).unwrap_or(usize::MAX);
    let mut splitter = Splitter::new(max_line, 0);
    let mut window = Window::new(intake, source.clone());
    let read = read_to_end(&mut input, &mut splitter, &mut window, &shutdown);
    let detail = tokio::select! {
        ended = read => match ended {
            Ok(end) => end.to_string(),
            Err(closed) => closed.to_string(),
        },
        () = out_of_time(&shutdown) => "stopped before the log had everything".to_owned(),
    };
    source.enter(SourceState::Finished, detail, clock::now());
}

/// Why nothing more is read.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("end of input")]
    OfInput,
    #[error("stopped")]
    Stopped,
    #[error("failed to read: {0}")]
    Unreadable(io::Error),
}

async fn read_to_end(
    input: &mut (impl AsyncRead + Unpin),
    splitter: &mut Splitter,
    window: &mut Window,
    shutdown: &CancellationToken,
) -> Result<End, NotTaken> {
    let end = loop {
        splitter.buffer().reserve(READ_BYTES);
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break End::Stopped,
            read = input.read_buf(splitter.buffer()) => match read {
                Ok(0) => break End::OfInput,
                Ok(_) => window.push_lines(splitter).await?,
                Err(error) => break End::Unreadable(error),
            },
            // Counts what comes back while there is nothing to read.
            answered = window.next_answer() => answered?,
        }
    };
    if let Some(line) = splitter.last_line() {
        window.push(line).await?;
    }
    window.settle().await?;
    Ok(end)
}
