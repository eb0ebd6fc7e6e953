use serde::{Deserialize, Serialize};

/// How much of an alert is sent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// No fields, no document.
    Basic,
    /// Everything but the document as it came.
    #[default]
    Full,
    /// Everything.
    Raw,
}

impl View {
    /// Its name in the configuration and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Full => "full",
            Self::Raw => "raw",
        }
    }
}
