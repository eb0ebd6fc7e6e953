//! Texts that are nobody's business.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::bridge::outcome::Trouble;

/// A text, or the file that holds it: `{file: /run/secrets/token}`. The file is read for
/// each request, so a new one is taken up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// The text itself.
    Text(String),
    /// In a file, without the white space around it.
    File {
        /// Which.
        file: PathBuf,
    },
}

impl Secret {
    /// The text.
    pub(super) async fn read(&self) -> Result<String, Trouble> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File { file } => match tokio::fs::read_to_string(file).await {
                Ok(text) => Ok(text.trim().to_owned()),
                Err(error) => {
                    let path = file.display();
                    Err(Trouble::new(format!("failed to read {path}: {error}")))
                }
            },
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::File { file } => f.debug_struct("File").field("file", file).finish(),
        }
    }
}
