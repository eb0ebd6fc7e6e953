//! What senders are answered.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use serde::Serialize;

use crate::{
    source::{NotTaken, Receipt},
    units::Size,
};

/// What all answers are.
pub(super) type Answer = Response<Full<Bytes>>;

/// How many refusals of one body are spelled out; all are counted.
const REPORTED_REFUSALS: usize = 100;

/// After how many seconds a sender that heeds it may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A request of which nothing got in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the body is empty: post a JSON object, an array of them, or lines of them")]
    Empty,
    #[error("the body ended before its announced end, or its chunks are malformed")]
    Incomplete,
    #[error("the body is not the {0} it says to be")]
    BadEncoding(&'static str),
    #[error(
        "no valid token: send it as a bearer token, as the password of basic authentication, as the first segment of the path or as the query parameter `token`"
    )]
    Unauthenticated,
    #[error("a web page may not post alerts: Falco and its like do not say Origin")]
    FromPage,
    #[error("alerts are posted, on any path; GET serves /ping, /healthz and /test")]
    MethodNotAllowed,
    #[error("the body did not come in time")]
    SlowBody,
    #[error("the body, decompressed, is larger than {0}")]
    TooLarge(Size),
    #[error("content encoding {0:?} is not supported: send gzip, zstd or none")]
    UnsupportedEncoding(String),
    #[error("too many large bodies at a time")]
    Overloaded,
    #[error("the log did not take the alerts in time; some or all may still get in")]
    IntakeTimeout,
    #[error(transparent)]
    NotTaken(NotTaken),
}

impl Refused {
    /// The name under which it is counted.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Empty => "EMPTY_BODY",
            Self::Incomplete => "INCOMPLETE_BODY",
            Self::BadEncoding(_) => "BAD_ENCODING",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::FromPage => "FROM_A_PAGE",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::SlowBody => "SLOW_BODY",
            Self::TooLarge(_) => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedEncoding(_) => "UNSUPPORTED_ENCODING",
            Self::Overloaded => "OVERLOADED",
            Self::IntakeTimeout => "INTAKE_TIMEOUT",
            Self::NotTaken(NotTaken::Closed) => "INTAKE_CLOSED",
            Self::NotTaken(NotTaken::Unwritable(_)) => "LOG_UNWRITABLE",
        }
    }

    /// Whether the rest of the body is worth waiting for.
    pub(super) fn leaves_time(&self) -> bool {
        !matches!(self, Self::SlowBody | Self::Incomplete)
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Empty | Self::Incomplete | Self::BadEncoding(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::FromPage => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Overloaded | Self::IntakeTimeout | Self::NotTaken(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        Some(match self {
            Self::Unauthenticated => (
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer, Basic realm=\"falco-gateway\""),
            ),
            Self::MethodNotAllowed => (header::ALLOW, HeaderValue::from_static("POST")),
            Self::UnsupportedEncoding(_) => (
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("gzip, zstd"),
            ),
            Self::Overloaded | Self::IntakeTimeout | Self::NotTaken(_) => {
                (header::RETRY_AFTER, RETRY_AFTER)
            }
            Self::Empty
            | Self::Incomplete
            | Self::BadEncoding(_)
            | Self::FromPage
            | Self::SlowBody
            | Self::TooLarge(_) => return None,
        })
    }

    /// The answer; the connection ends with it unless it is to be kept.
    pub(super) fn answer(&self, keep: bool) -> Answer {
        let mut answer = report(
            self.status(),
            &Report {
                accepted: 0,
                refused: 1,
                refusals: vec![Item {
                    index: 0,
                    reason: self.reason(),
                    message: self.to_string().into(),
                }],
            },
        );
        answer.headers_mut().extend(self.header());
        if !keep {
            close_after(&mut answer);
        }
        answer
    }
}

/// The connection ends with this answer.
pub(super) fn close_after(answer: &mut Answer) {
    answer
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// The answer to what the log has, or has in part.
pub(super) fn receipt(receipt: &Receipt) -> Answer {
    if receipt.refusals.is_empty() {
        return Response::new(Full::default());
    }
    let refusals = receipt.refusals.iter().take(REPORTED_REFUSALS);
    report(
        StatusCode::BAD_REQUEST,
        &Report {
            accepted: receipt.accepted.len(),
            refused: receipt.refusals.len(),
            refusals: refusals
                .map(|refusal| Item {
                    index: refusal.index,
                    reason: refusal.reason,
                    message: refusal.message.as_str().into(),
                })
                .collect(),
        },
    )
}

/// `GET /ping`.
pub(super) fn pong() -> Answer {
    with_body(StatusCode::OK, TEXT, Bytes::from_static(b"pong"))
}

/// `GET /healthz`, as falcosidekick says it.
pub(super) fn healthy() -> Answer {
    let body = Bytes::from_static(b"{\"status\": \"ok\"}");
    with_body(StatusCode::OK, JSON, body)
}

#[derive(Serialize)]
struct Report<'a> {
    accepted: usize,
    refused: usize,
    refusals: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    index: usize,
    reason: &'a str,
    message: Cow<'a, str>,
}

fn report(status: StatusCode, report: &Report<'_>) -> Answer {
    // Strings and numbers always serialize; an empty body would be no harm.
    let body = serde_json::to_vec(report).unwrap_or_default();
    with_body(status, JSON, body.into())
}

fn with_body(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    answer
}
