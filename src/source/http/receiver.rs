//! What is done with a request.

use std::time::Duration;

use hyper::{
    HeaderMap, Method, Request, body::Incoming, http::request::Parts, server::conn::http1,
};
use hyper_util::rt::TokioTimer;
use tokio::time::timeout;

use super::{
    access::{Token, is_from_page},
    answer::{self, Answer, Refused},
    body::{self, Bodies},
    config::Config,
    synthetic,
};
use crate::{
    clock,
    source::{Intake, Payload, Raw, SourceHandle},
    trace,
};

/// The least buffer of a connection; large bodies come in pieces of at most
/// this size.
const LEAST_BUFFER: usize = 64 << 10;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) http: http1::Builder,
    pub(super) header_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) source: SourceHandle,
    bodies: Bodies,
    token: Option<Token>,
    intake: Intake,
    request_timeout: Duration,
}

impl Receiver {
    pub(super) fn new(
        config: &Config,
        token: Option<Token>,
        intake: Intake,
        source: SourceHandle,
    ) -> Self {
        let max_header = usize::try_from(config.max_header_bytes.0).unwrap_or(usize::MAX);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout.0)
            .max_header_size(max_header)
            .max_buf_size(max_header.max(LEAST_BUFFER))
            // A sender that leaves before its answer does not undo its request.
            .half_close(true);
        Self {
            http,
            header_timeout: config.header_timeout.0,
            idle_timeout: config.idle_timeout.0,
            source,
            bodies: Bodies::new(config),
            token,
            intake,
            request_timeout: config.request_timeout.0,
        }
    }

    /// The answer to a request, and whether its connection can take another.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> (Answer, bool) {
        let (head, mut body) = request.into_parts();
        match self.handle(&head, &mut body).await {
            Ok(mut answer) => {
                let keep = body::drain(&head.headers, &mut body).await;
                if !keep {
                    answer::close_after(&mut answer);
                }
                (answer, keep)
            }
            Err(refused) => {
                let reason = refused.reason();
                tracing::debug!(reason, %refused, "an HTTP request was refused");
                self.source.count_refused(reason, 1);
                if matches!(refused, Refused::Overloaded) {
                    // A body is of one alert at least, and Falco's are of one.
                    let id = &self.source.origin().source_id;
                    self.intake.turned_away().add(id, 1);
                }
                let keep = refused.leaves_time() && body::drain(&head.headers, &mut body).await;
                (refused.answer(keep), keep)
            }
        }
    }

    async fn handle(&self, head: &Parts, body: &mut Incoming) -> Result<Answer, Refused> {
        if is_from_page(head) {
            return Err(Refused::FromPage);
        }
        let reads = head.method == Method::GET || head.method == Method::HEAD;
        if reads && let Some(page) = open_page(head.uri.path()) {
            return Ok(page);
        }
        let path = match &self.token {
            None => head.uri.path(),
            Some(token) => token.admits(head).ok_or(Refused::Unauthenticated)?,
        };
        let posts = head.method == Method::POST;
        if path == "/test" && (reads || posts) {
            let made = synthetic::alert(clock::now()).into();
            return self.submit(made, &head.headers).await;
        }
        if posts {
            let whole = self.bodies.read(&head.headers, body).await?;
            return self.submit(whole, &head.headers).await;
        }
        reads
            .then(|| open_page(path))
            .flatten()
            .ok_or(Refused::MethodNotAllowed)
    }

    async fn submit(&self, whole: body::Whole, headers: &HeaderMap) -> Result<Answer, Refused> {
        // The room of a large body is held until its answer.
        let body::Whole { bytes, room: _room } = whole;
        if bytes.is_empty() {
            return Err(Refused::Empty);
        }
        let raw = Raw {
            payload: Payload::Body(bytes),
            origin: self.source.origin().clone(),
            received_at: clock::now(),
            trace: trace::sent_with(headers),
        };
        let receipt = timeout(self.request_timeout, self.intake.submit(raw))
            .await
            .map_err(|_| Refused::IntakeTimeout)?
            .map_err(Refused::NotTaken)?;
        if receipt.accepted.is_empty() && receipt.refusals.is_empty() {
            // Nothing but white space.
            return Err(Refused::Empty);
        }
        self.source.count(&receipt, clock::now());
        Ok(answer::receipt(&receipt))
    }
}

/// The pages that need no token.
fn open_page(path: &str) -> Option<Answer> {
    match path {
        "/ping" => Some(answer::pong()),
        "/healthz" => Some(answer::healthy()),
        _ => None,
    }
}
