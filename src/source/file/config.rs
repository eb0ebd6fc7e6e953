use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

/// A followed file's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file. It need not exist yet.
    pub path: PathBuf,
    /// Where the position is kept; in the gateway's data directory by default.
    pub checkpoint: Option<PathBuf>,
    /// Where to begin when no position was kept.
    pub start: Start,
    /// How often to look whether the file has grown.
    pub poll_interval: Span,
    /// The longest line; longer ones are skipped and counted.
    pub max_line: Size,
}

/// Where to begin in a file that was never followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With what it holds.
    #[default]
    Beginning,
    /// With what is appended from now on.
    End,
}

/// What is wrong with the configuration; whoever wrote it must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nothing to follow.
    #[error("path: name the file to follow")]
    NoPath,
    /// The position would overwrite the alerts.
    #[error("checkpoint: must be another file than path")]
    CheckpointIsPath,
    /// It would never be still.
    #[error("poll_interval: must be at least 1ms")]
    PollInterval,
    /// No line would fit.
    #[error("max_line: must be between 1KiB and 1GiB")]
    MaxLine,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            checkpoint: None,
            start: Start::default(),
            poll_interval: Span(Duration::from_millis(250)),
            max_line: Size(1 << 20),
        }
    }
}

impl Config {
    /// Whether the file can be followed so.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.path.as_os_str().is_empty() {
            return Err(ConfigError::NoPath);
        }
        if self.checkpoint.as_ref() == Some(&self.path) {
            return Err(ConfigError::CheckpointIsPath);
        }
        if self.poll_interval.0 < Duration::from_millis(1) {
            return Err(ConfigError::PollInterval);
        }
        if !(1 << 10..=1 << 30).contains(&self.max_line.0) {
            return Err(ConfigError::MaxLine);
        }
        Ok(())
    }

    /// The position's place, which is in `data_dir` unless configured: a name of
    /// its own for each followed path.
    pub fn checkpoint_in(&self, data_dir: &Path) -> PathBuf {
        if let Some(path) = &self.checkpoint {
            return path.clone();
        }
        let hash = blake3::hash(self.path.as_os_str().as_encoded_bytes()).to_hex();
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let short = hash.get(..16).unwrap_or_default();
        data_dir.join("positions").join(format!("{name}-{short}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_a_position_of_its_own() {
        let config = |path: &str| Config {
            path: path.into(),
            ..Config::default()
        };
        let data = Path::new("data");
        let one = config("one/events.json").checkpoint_in(data);
        assert!(one.starts_with("data/positions"));
        assert_ne!(one, config("two/events.json").checkpoint_in(data));
        let mut named = config("one/events.json");
        named.checkpoint = Some("here".into());
        assert_eq!(named.checkpoint_in(data), Path::new("here"));
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        assert_eq!(Config::default().check(), Err(ConfigError::NoPath));
        let mut config = Config {
            path: "events.json".into(),
            ..Config::default()
        };
        assert_eq!(config.check(), Ok(()));
        config.poll_interval = Span(Duration::ZERO);
        assert_eq!(config.check(), Err(ConfigError::PollInterval));
    }
}
