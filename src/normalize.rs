//! STUB
use crate::{alert::Alert, source::Raw};
use bytes::Bytes;
/// .
#[derive(Debug)]
pub struct Reject {
    /// .
    pub reason: Reason,
    /// .
    pub message: String,
    /// .
    pub document: Bytes,
}
/// .
#[derive(Debug, Clone, Copy)]
pub enum Reason {
    /// .
    InvalidJson,
}
impl Reason {
    /// .
    pub fn as_str(self) -> &'static str {
        "INVALID_JSON"
    }
}
/// .
pub fn normalize(_raw: &Raw) -> Vec<Result<Alert, Reject>> {
    Vec::new()
}
/// .
pub fn lost_syscalls(_alert: &Alert) -> Option<u64> {
    None
}
/// .
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;
