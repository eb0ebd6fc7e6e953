use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// How Falco's own gRPC API is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether it is served at all.
    pub enabled: bool,
    /// Who gets which alert.
    pub delivery: Sharing,
    /// How much of the past a new stream begins with: some clients open theirs only
    /// after what they look for has happened.
    pub backlog: Span,
    /// Fill in `source_deprecated`. Clients that know of three sources only fail on
    /// the fourth; to them everything is a system call when this is false.
    pub source_enum: bool,
}

/// Who gets which alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// Every stream gets every alert.
    #[default]
    Broadcast,
    /// Each alert goes to one of the streams, as Falco did it.
    Shared,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            delivery: Sharing::default(),
            backlog: Span(Duration::from_secs(10)),
            source_enum: true,
        }
    }
}
