use bytes::Bytes;

use super::MAX_DOCUMENT_BYTES;

/// A document that no alert could be made of. It goes to the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Reject {
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people: what was wrong, and where.
    pub message: String,
    /// The document as it came.
    pub document: Bytes,
}

/// Why a document was refused. All of them are the sender's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There was nothing but white space, or an array without elements.
    EmptyBody,
    /// It begins as JSON but is none.
    InvalidJson,
    /// It is JSON, as far as it goes, but its end is missing.
    Truncated,
    /// It is above [`MAX_DOCUMENT_BYTES`], or behind
    /// [`MAX_DOCUMENTS`](super::MAX_DOCUMENTS) others.
    TooLarge,
    /// It is JSON, but no object.
    NotAnObject,
    /// It is neither JSON nor a line that begins with Falco's clock and priority.
    UnknownText,
    /// A record of Falco's that is no alert: the metrics file's.
    NotAnAlert,
    /// The object names no rule.
    MissingRule,
    /// The object has no priority.
    MissingPriority,
    /// The priority is none of Falco's words, or over gRPC none of its numbers.
    UnknownPriority,
    /// The priority is a bare number. Falco's gRPC and falcosidekick count in
    /// opposite directions, so it cannot be known what it means.
    AmbiguousPriority,
}

impl Reason {
    /// All reasons, in their order.
    pub const ALL: [Self; 11] = [
        Self::EmptyBody,
        Self::InvalidJson,
        Self::Truncated,
        Self::TooLarge,
        Self::NotAnObject,
        Self::UnknownText,
        Self::NotAnAlert,
        Self::MissingRule,
        Self::MissingPriority,
        Self::UnknownPriority,
        Self::AmbiguousPriority,
    ];

    /// The reason's name in answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmptyBody => "EMPTY_BODY",
            Self::InvalidJson => "INVALID_JSON",
            Self::Truncated => "TRUNCATED",
            Self::TooLarge => "TOO_LARGE",
            Self::NotAnObject => "NOT_AN_OBJECT",
            Self::UnknownText => "UNKNOWN_TEXT",
            Self::NotAnAlert => "NOT_AN_ALERT",
            Self::MissingRule => "MISSING_RULE",
            Self::MissingPriority => "MISSING_PRIORITY",
            Self::UnknownPriority => "UNKNOWN_PRIORITY",
            Self::AmbiguousPriority => "AMBIGUOUS_PRIORITY",
        }
    }
}

/// What is wrong with a document, before the document is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    pub(super) fn too_large() -> Self {
        let message = format!("the document is above {MAX_DOCUMENT_BYTES} bytes");
        Self::new(Reason::TooLarge, message)
    }

    pub(super) fn reject(self, document: Bytes) -> Reject {
        Reject {
            reason: self.reason,
            message: self.message,
            document,
        }
    }
}
