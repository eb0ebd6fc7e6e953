//! STUB, replaced by the real one
use crate::alert::Alert;
/// .
#[derive(Debug, Clone)]
pub struct Filter(String);
/// .
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// .
    pub reason: Reason,
    /// .
    pub position: usize,
    /// .
    pub length: usize,
    /// .
    pub message: String,
    /// .
    pub suggestion: Option<String>,
}
/// .
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// .
    Syntax,
    /// .
    Type,
    /// .
    TooComplex,
    /// .
    UnknownField,
}
impl Reason {
    /// .
    pub fn as_str(self) -> &'static str {
        "FILTER_SYNTAX"
    }
}
impl Problem {
    /// .
    pub fn pointer(&self, text: &str) -> String {
        text.into()
    }
}
/// .
pub const MAX_TEXT_BYTES: usize = 8192;
/// .
pub const MAX_DEPTH: usize = 32;
/// .
pub const MAX_PREDICATES: usize = 256;
impl Filter {
    /// .
    pub fn parse(text: &str) -> Result<Self, Problem> {
        Ok(Self(text.into()))
    }
    /// .
    pub fn all() -> Self {
        Self(String::new())
    }
    /// .
    pub fn matches(&self, alert: &Alert) -> bool {
        self.0.is_empty() || self.0.contains(&format!("{:?}", alert.rule))
    }
    /// .
    pub fn canonical(&self) -> &str {
        &self.0
    }
    /// .
    pub fn fields(&self) -> &[String] {
        &[]
    }
    /// .
    pub fn warnings(&self) -> &[Problem] {
        &[]
    }
}
