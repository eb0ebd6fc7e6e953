//! Where alerts come from: bytes from somewhere become [`Raw`] documents on the
//! one bounded intake.

pub mod falco_grpc;
pub mod file;
pub mod http;
pub mod intake;
mod lines;
pub mod status;
pub mod stdin;

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;

use crate::alert::{Origin, TraceParent};

#[cfg(any(test, fuzzing))]
pub(crate) use self::lines::fuzzing;
pub use self::{
    intake::{Answer, Intake, NotTaken, Receipt, Refusal, Submission, TurnedAway},
    status::{SourceHandle, SourceState, SourceStatus, Sources},
};

/// What a source hands over: bytes as they came, and where and when.
#[derive(Debug, Clone)]
pub struct Raw {
    /// What came.
    pub payload: Payload,
    /// From where.
    pub origin: Origin,
    /// When.
    pub received_at: Timestamp,
    /// The trace that its sender named; once it is handed over, where that goes on.
    pub trace: Option<TraceParent>,
}

/// The forms in which documents come.
#[derive(Clone)]
pub enum Payload {
    /// A body that may hold any number of documents: a JSON object, an array of
    /// them, objects one after the other with or without line ends between, or
    /// Falco's classic text lines.
    Body(Bytes),
    /// Exactly one document: a line of a file, a message of a publisher.
    Document(Bytes),
    /// Such documents that belong together: they get into the log with one commit,
    /// or none does.
    Documents(Vec<Bytes>),
    /// A message of Falco's own gRPC outputs service.
    Falco(Box<FalcoResponse>),
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Self::Document(bytes) => write!(f, "Document({} bytes)", bytes.len()),
            Self::Documents(all) => write!(f, "Documents({} bytes)", total(all)),
            Self::Falco(response) => write!(f, "Falco({} bytes)", response.wire.len()),
        }
    }
}

impl Payload {
    /// How many bytes it holds.
    pub fn len(&self) -> usize {
        match self {
            Self::Body(bytes) | Self::Document(bytes) => bytes.len(),
            Self::Documents(all) => total(all),
            Self::Falco(response) => response.wire.len(),
        }
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn total(documents: &[Bytes]) -> usize {
    documents.iter().map(Bytes::len).sum()
}

/// `falco.outputs.response`, as it came: strings are bytes here, since Falco
/// sends some that are not valid UTF-8 (process names, command lines).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FalcoResponse {
    /// Seconds and nanoseconds since the epoch; none when the field was absent.
    pub time: Option<(i64, i32)>,
    /// Falco's numbering: 0 is Emergency.
    pub priority: i32,
    /// `rule`.
    pub rule: Bytes,
    /// The whole JSON document with Falco's `json_output`, else the text line.
    pub output: Bytes,
    /// Display strings; `<NA>` for null.
    pub output_fields: Vec<(Bytes, Bytes)>,
    /// `hostname`.
    pub hostname: Bytes,
    /// `tags`.
    pub tags: Vec<Bytes>,
    /// `source`; empty from Falco before 0.30.
    pub source: Bytes,
    /// The old enum: 0 syscall, 1 k8s_audit, 2 internal, 3 a plugin.
    pub source_deprecated: i32,
    /// The whole message as it came.
    pub wire: Bytes,
}
