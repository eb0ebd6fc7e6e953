//! Lines on standard output, for a shipper behind a pipe.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncWriteExt, Stdout as Handle, stdout};

use crate::{
    bridge::{
        batch::Item,
        outcome::{Outcome, Trouble},
    },
    format::Format,
};

/// Lines on standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What a line is.
    pub format: Format,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            format: Format::Json,
        }
    }
}

#[derive(Debug)]
pub(in crate::bridge) struct Stdout {
    format: Format,
    out: Handle,
}

impl Stdout {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            format: config.format,
            out: stdout(),
        }
    }

    pub(super) async fn send(&mut self, items: &[Item]) -> Outcome {
        let lines = lines(self.format, items);
        let written = async {
            self.out.write_all(lines.as_bytes()).await?;
            self.out.flush().await
        };
        match written.await {
            Ok(()) => Outcome::Delivered("written".to_owned()),
            Err(error) => {
                Trouble::new(format!("failed to write to standard output: {error}")).into()
            }
        }
    }
}

/// A line for each.
pub(super) fn lines(format: Format, items: &[Item]) -> String {
    let mut lines = String::new();
    for item in items {
        lines.push_str(&format.line(&item.alert));
        lines.push('\n');
    }
    lines
}
