//! Errors as clients get them: a code, a text for people, and details for
//! programs. The reasons are part of the API and are listed in `docs/errors.md`.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    access::{Denied, End},
    delivery::{CursorError, OpenError, SlowConsumer, SubscriptionError, View},
    filter::Problem,
    policy::Grant,
    source::NotTaken,
};

/// The domain of every reason.
const DOMAIN: &str = "falcogateway";

/// Details travel in a header, which clients and proxies limit.
const LONGEST_TEXT: usize = 1024;

/// When to try again after a refusal for lack of room or during a restart.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// An error with its reason, and room for more details.
struct Failure {
    code: Code,
    message: String,
    details: ErrorDetails,
}

impl Failure {
    fn new(code: Code, reason: &str, message: impl Into<String>) -> Self {
        Self::with_metadata(code, reason, message, HashMap::new())
    }

    fn with_metadata(
        code: Code,
        reason: &str,
        message: impl Into<String>,
        metadata: HashMap<String, String>,
    ) -> Self {
        Self {
            code,
            message: shortened(message.into()),
            details: ErrorDetails::with_error_info(reason, DOMAIN, metadata),
        }
    }

    fn field(mut self, field: &str) -> Self {
        self.details.add_bad_request_violation(field, &self.message);
        self
    }

    fn retry(mut self) -> Self {
        self.details.set_retry_info(Some(RETRY_AFTER));
        self
    }

    fn status(self) -> Status {
        Status::with_error_details(self.code, self.message, self.details)
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        let end = text.floor_char_boundary(LONGEST_TEXT);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A field of the request that cannot be meant.
pub(super) fn bad_field(reason: &str, field: &str, message: impl Into<String>) -> Status {
    Failure::new(Code::InvalidArgument, reason, message)
        .field(field)
        .status()
}

/// A filter that is wrong, with where.
pub(super) fn bad_filter(problem: &Problem) -> Status {
    let message = format!("filter, at byte {}: {problem}", problem.position);
    let mut metadata = HashMap::from([
        ("position".to_owned(), problem.position.to_string()),
        ("length".to_owned(), problem.length.to_string()),
    ]);
    if let Some(suggestion) = &problem.suggestion {
        metadata.insert("suggestion".to_owned(), shortened(suggestion.clone()));
    }
    Failure::with_metadata(
        Code::InvalidArgument,
        problem.reason.as_str(),
        message,
        metadata,
    )
    .field("filter")
    .status()
}

/// Features that the client needs and this server lacks.
pub(super) fn unsupported(features: &[String]) -> Status {
    let names = features.join(", ");
    let mut failure = Failure::new(
        Code::FailedPrecondition,
        "FEATURE_UNSUPPORTED",
        format!("this gateway lacks what the client requires: {names}; update the gateway"),
    );
    for feature in features.iter().take(10) {
        failure.details.add_precondition_failure_violation(
            "FEATURE",
            shortened(feature.clone()),
            "not supported by this version",
        );
    }
    failure.status()
}

/// An alert that is not in the log.
pub(super) fn alert_not_found(key: &str) -> Status {
    let mut failure = Failure::new(
        Code::NotFound,
        "ALERT_NOT_FOUND",
        format!("no alert {key} in the log: it never came, or retention took it"),
    );
    failure
        .details
        .set_resource_info("falcogateway.v1.Alert", key, "", "not in the log");
    failure.status()
}

impl From<&CursorError> for Failure {
    fn from(error: &CursorError) -> Self {
        let message = error.to_string();
        match error {
            CursorError::Malformed(_) => {
                Self::new(Code::InvalidArgument, "CURSOR_MALFORMED", message).field("after_cursor")
            }
            CursorError::Foreign => {
                let mut failure =
                    Self::new(Code::FailedPrecondition, "CURSOR_FOREIGN_LOG", message);
                failure.details.add_precondition_failure_violation(
                    "LOG_INCARNATION",
                    "after_cursor",
                    "the cursor is of another log",
                );
                failure
            }
            CursorError::Expired {
                earliest,
                earliest_time,
            } => {
                let mut metadata =
                    HashMap::from([("earliest_cursor".to_owned(), earliest.to_string())]);
                if let Some(time) = earliest_time {
                    metadata.insert("earliest_time".to_owned(), time.to_string());
                }
                Self::with_metadata(Code::OutOfRange, "CURSOR_EXPIRED", message, metadata)
            }
        }
    }
}

/// A cursor that leads nowhere.
pub(super) fn bad_cursor(error: &CursorError) -> Status {
    Failure::from(error).status()
}

/// A subscription that was not opened.
pub(super) fn not_opened(error: &OpenError) -> Status {
    match error {
        OpenError::Cursor(error) => bad_cursor(error),
        OpenError::TooManyStreams(limit) => {
            let mut failure =
                Failure::new(Code::ResourceExhausted, "STREAM_QUOTA", error.to_string()).retry();
            failure
                .details
                .add_quota_failure_violation("gateway", format!("at most {limit} streams"));
            failure.status()
        }
        OpenError::Draining => draining(),
    }
}

/// A call about a durable subscription that came to nothing.
pub(super) fn subscription(error: &SubscriptionError) -> Status {
    let message = error.to_string();
    let failure = match error {
        SubscriptionError::NotFound(name) => {
            resource(Code::NotFound, "SUBSCRIPTION_NOT_FOUND", name, message)
        }
        SubscriptionError::Exists(name) => {
            resource(Code::AlreadyExists, "SUBSCRIPTION_EXISTS", name, message)
        }
        SubscriptionError::BadName(_) => {
            Failure::new(Code::InvalidArgument, "BAD_REQUEST", message).field("name")
        }
        SubscriptionError::TooMany(limit) => {
            let code = Code::ResourceExhausted;
            let mut failure = Failure::new(code, "SUBSCRIPTION_QUOTA", message).retry();
            failure
                .details
                .add_quota_failure_violation("gateway", format!("at most {limit} subscriptions"));
            failure
        }
        SubscriptionError::Cursor(error) => return bad_cursor(error),
        SubscriptionError::Open(error) => return not_opened(error),
        SubscriptionError::Superseded(by) => {
            let metadata = HashMap::from([("by".to_owned(), by.clone())]);
            Failure::with_metadata(Code::Aborted, "CONSUMER_SUPERSEDED", message, metadata)
        }
        SubscriptionError::NotDelivered => {
            Failure::new(Code::InvalidArgument, "ACK_NOT_DELIVERED", message).field("cursor")
        }
        SubscriptionError::Unwritable(_) => {
            Failure::new(Code::Unavailable, "STATE_UNWRITABLE", message).retry()
        }
    };
    failure.status()
}

fn resource(code: Code, reason: &str, name: &str, message: String) -> Failure {
    let mut failure = Failure::new(code, reason, message);
    let kind = "falcogateway.v1.Subscription";
    failure.details.set_resource_info(kind, name, "", "");
    failure
}

/// The end of a stream that fell behind.
pub(super) fn slow_consumer(slow: SlowConsumer) -> Status {
    let mut failure =
        Failure::new(Code::ResourceExhausted, "SLOW_CONSUMER", slow.to_string()).retry();
    failure
        .details
        .add_quota_failure_violation("stream", format!("{} alerts behind", slow.lag));
    failure.status()
}

/// The gateway is going down.
pub(super) fn draining() -> Status {
    let message = "the gateway is shutting down; try again in a moment";
    Failure::new(Code::Unavailable, "DRAINING", message)
        .retry()
        .status()
}

/// Somebody may not do what he asks for.
pub(super) fn denied(denied: &Denied) -> Status {
    let code = match denied {
        Denied::TokenMissing | Denied::TokenExpired | Denied::TokenInvalid(_) => {
            Code::Unauthenticated
        }
        Denied::NoGrant(_) | Denied::NoRight { .. } => Code::PermissionDenied,
        Denied::KeysMissing(_) | Denied::PolicyChanged => Code::Unavailable,
        Denied::Rate { .. } | Denied::Streams(_) => Code::ResourceExhausted,
    };
    let mut failure = Failure::new(code, denied.reason(), denied.to_string());
    match denied {
        Denied::Rate { limit, wait } => {
            failure.details.set_retry_info(Some(*wait));
            let told = format!("{limit} calls a second");
            failure
                .details
                .add_quota_failure_violation("identity", told);
        }
        Denied::Streams(limit) => {
            failure = failure.retry();
            let told = format!("{limit} streams");
            failure
                .details
                .add_quota_failure_violation("identity", told);
        }
        Denied::KeysMissing(_) | Denied::PolicyChanged => failure = failure.retry(),
        _ => {}
    }
    failure.status()
}

/// The end of a call whose session is over.
pub(super) fn session_over(end: End) -> Status {
    match end {
        End::Expired => denied(&Denied::TokenExpired),
        End::PolicyChanged => denied(&Denied::PolicyChanged),
    }
}

/// More of alerts than somebody may have.
pub(super) fn view_denied(view: View, grant: &Grant) -> Status {
    let views: Vec<_> = grant.views.iter().map(|view| view.as_str()).collect();
    let message = format!(
        "the grant {:?} does not allow the view {}: it allows {}",
        grant.name,
        view.as_str(),
        views.join(", ")
    );
    Failure::new(Code::PermissionDenied, "VIEW_DENIED", message).status()
}

/// A filter with more comparisons than somebody may use.
pub(super) fn filter_quota(predicates: usize, most: usize) -> Status {
    let message = format!("the filter has {predicates} comparisons, and the grant allows {most}");
    bad_field("FILTER_TOO_COMPLEX", "filter", message)
}

/// There are as many calls as there may be.
pub(super) fn overloaded() -> Status {
    let message = "the gateway has as many calls as it takes, or your address has";
    let failure = Failure::new(Code::Unavailable, "OVERLOADED", message);
    failure.retry().status()
}

/// What only those get who see all of the log.
pub(super) fn not_all_seen(what: &str, grant: &Grant) -> Status {
    let message = format!(
        "{what} are of all alerts, and the grant {:?} has a scope or redacts fields",
        grant.name
    );
    Failure::new(Code::PermissionDenied, "SCOPE_DENIED", message).status()
}

/// A subscription that is none of the caller's.
pub(super) fn foreign_subscription(grant: &Grant) -> Status {
    let message = format!(
        "the grant {:?} has its own subscriptions: name one without a grant before it",
        grant.name
    );
    Failure::new(Code::PermissionDenied, "SCOPE_DENIED", message).status()
}

/// What was handed over is not in the log.
pub(super) fn not_taken(error: &NotTaken) -> Status {
    match error {
        NotTaken::Closed => draining(),
        NotTaken::Unwritable(_) => {
            Failure::new(Code::Unavailable, "LOG_UNWRITABLE", error.to_string())
                .retry()
                .status()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Reason;

    #[test]
    fn a_filter_error_says_where_and_what_was_meant() {
        let status = bad_filter(&Problem {
            reason: Reason::Syntax,
            position: 5,
            length: 3,
            message: "expected an operator; did you mean `and`?".into(),
            suggestion: Some("and".into()),
        });
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("FILTER_SYNTAX", DOMAIN)
        );
        assert_eq!(info.metadata["position"], "5");
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert_eq!(violation.field, "filter");
        assert!(violation.description.ends_with("did you mean `and`?"));
    }

    #[test]
    fn details_stay_small_whatever_the_client_sent() {
        let features = vec!["é".repeat(100_000); 50];
        assert!(unsupported(&features).details().len() < 16 << 10);
        let error = CursorError::Malformed("é".repeat(64));
        assert!(bad_cursor(&error).details().len() < 4 << 10);
    }

    #[test]
    fn who_may_come_back_is_told_when() {
        for status in [
            not_taken(&NotTaken::Closed),
            not_taken(&NotTaken::Unwritable("the disk is full".into())),
            not_opened(&OpenError::TooManyStreams(1)),
            slow_consumer(SlowConsumer { lag: 1 }),
        ] {
            assert!(status.get_error_details().retry_info().is_some());
        }
    }
}
