use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

/// A followed file's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file. It need not exist yet.
    pub path: PathBuf,
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
        if self.poll_interval.0 < Duration::from_millis(1) {
            return Err(ConfigError::PollInterval);
        }
        if !(1 << 10..=1 << 30).contains(&self.max_line.0) {
            return Err(ConfigError::MaxLine);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
