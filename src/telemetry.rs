//! What the gateway says of itself: its log, the audit log, and traces.

mod traces;

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::Targets, fmt::MakeWriter, layer::SubscriberExt, reload,
    util::SubscriberInitExt,
};

use self::traces::Spans;
pub use self::traces::{Config as Traces, Exporting};

/// The target of the events that are for the audit log. There each is a line, whatever the
/// level of the log.
const AUDIT: &str = crate::access::AUDIT_TARGET;

/// How the log is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is logged, such as `debug` or `falco_gateway=trace,info`, unless the command
    /// line says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// A file for the audit log, in lines of JSON: who was let in or denied what, and when
    /// the rules changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_file: Option<std::path::PathBuf>,
}

impl Config {
    /// Checks the values.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let level = self.level.as_deref().map(filter).transpose();
        level.map(|_| ()).map_err(|error| format!("level: {error}"))
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: an object on each line.
    Json,
}

/// The log, which can be changed while it is written. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Telemetry {
    level: reload::Handle<EnvFilter, Registry>,
    /// The command line's word, which counts more than a configuration's.
    given: Option<String>,
    audit: Audit,
    spans: Spans,
}

impl Telemetry {
    /// Begins to log, to standard error.
    ///
    /// # Errors
    /// When `level` is none.
    pub fn start(level: Option<String>, format: Format) -> Result<Self, String> {
        let (level_filter, handle) =
            reload::Layer::new(filter(level.as_deref().unwrap_or("info"))?);
        let (audit, spans) = (Audit::default(), Spans::new());
        let is_terminal = io::stderr().is_terminal();
        let text = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(is_terminal);
        let log = match format {
            Format::Text => text.boxed(),
            Format::Json => text.json().flatten_event(true).boxed(),
        };
        let audited = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_target(false)
            .with_writer(audit.clone())
            .with_filter(Targets::new().with_target(AUDIT, LevelFilter::TRACE));
        tracing_subscriber::registry()
            .with(log.with_filter(level_filter))
            .with(audited)
            .with(spans.layer())
            .init();
        Ok(Self {
            level: handle,
            given: level,
            audit,
            spans,
        })
    }

    /// Traces as `config` says from now on; nothing where it names no collector.
    ///
    /// # Errors
    /// When its certificate cannot be used.
    pub fn trace(&self, config: &Traces) -> Result<Option<Exporting>, String> {
        if config.endpoint.is_empty() {
            return Ok(None);
        }
        self.spans
            .export(config)
            .map(Some)
            .map_err(|error| format!("traces: {error}"))
    }

    /// Logs as `config` says from now on.
    ///
    /// # Errors
    /// When the level is none, or the file cannot be had.
    pub fn apply(&self, config: &Config) -> Result<(), String> {
        let level = self.given.as_deref().or(config.level.as_deref());
        let filter = filter(level.unwrap_or("info"))?;
        self.level
            .reload(filter)
            .map_err(|error| error.to_string())?;
        self.audit.write_to(config.audit_file.as_deref())
    }
}

/// What is left out unless it is asked for by name. Who is let in is for the audit log, and
/// of it the log has what is denied only. h2 warns of every peer that breaks its rules, as
/// often as the peer likes; they are counted, and told once. Traces go to their collector.
const QUIETED: [(&str, &str); 3] = [
    (AUDIT, "warn"),
    ("h2", "error"),
    (crate::trace::TARGET, "off"),
];

fn filter(level: &str) -> Result<EnvFilter, String> {
    let read = |text: &str| EnvFilter::try_new(text).map_err(|error| error.to_string());
    read(level)?;
    let mut directives = level.to_owned();
    for (target, least) in QUIETED {
        if !level.contains(target) {
            for part in [",", target, "=", least] {
                directives.push_str(part);
            }
        }
    }
    read(&directives)
}

/// Where the audit log is written; nowhere without a file.
#[derive(Debug, Clone, Default)]
struct Audit {
    file: Arc<Mutex<Option<File>>>,
}

impl Audit {
    fn write_to(&self, path: Option<&Path>) -> Result<(), String> {
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600);
            let opened = options.open(path);
            opened.map_err(|error| format!("failed to open {}: {error}", path.display()))
        };
        // Opened anew each time: so it can be rotated.
        let file = path.map(open).transpose()?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

impl Write for Audit {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *file {
            Some(file) => file.write_all(line).map(|()| line.len()),
            None => Ok(line.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Audit {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
