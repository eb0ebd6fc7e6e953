use std::{collections::HashMap, error::Error as _, fmt, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// What the gateway refused, and why.
#[derive(Debug, Clone)]
pub struct Error(Box<Status>);

impl Error {
    /// The code.
    pub fn code(&self) -> Code {
        self.0.code()
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        self.0.message()
    }

    /// One of the gateway's documented reasons, such as `CURSOR_EXPIRED`; empty where
    /// somebody else answered.
    pub fn reason(&self) -> String {
        let info = self.0.get_details_error_info();
        info.map(|info| info.reason).unwrap_or_default()
    }

    /// What belongs to the reason, such as `earliest_cursor`.
    pub fn metadata(&self) -> HashMap<String, String> {
        let info = self.0.get_details_error_info();
        info.map(|info| info.metadata).unwrap_or_default()
    }

    /// Fields of the request, and what is wrong with each.
    pub fn violations(&self) -> Vec<(String, String)> {
        let bad = self.0.get_details_bad_request();
        let violations = bad.map(|bad| bad.field_violations).unwrap_or_default();
        violations
            .into_iter()
            .map(|one| (one.field, one.description))
            .collect()
    }

    /// When the gateway asks to be tried again.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.get_details_retry_info()?.retry_delay
    }

    /// Whether trying the same again cannot help.
    pub fn is_final(&self) -> bool {
        let is_final = matches!(
            self.code(),
            Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented
                | Code::DataLoss
        );
        let reason = self.reason();
        is_final || reason == "SLOW_CONSUMER" || reason == "CONSUMER_SUPERSEDED"
    }

    /// Whether it came from the connection and not from the gateway.
    pub fn is_of_connection(&self) -> bool {
        self.0.source().is_some()
    }

    /// As it came.
    pub fn into_status(self) -> Status {
        *self.0
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self(Box::new(status))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code(), self.message())
    }
}

impl std::error::Error for Error {}
