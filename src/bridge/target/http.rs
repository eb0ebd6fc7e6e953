//! Requests over HTTP, as several targets take them.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{
    Client, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT},
    redirect,
};

use super::{secret::Secret, tls::Tls};
use crate::{
    bridge::outcome::{Outcome, Trouble, shown},
    clock, trace,
};

/// How much of an answer is read.
const MOST_BYTES: usize = 16 << 20;

const AGENT: &str = concat!("falco-gateway/", env!("CARGO_PKG_VERSION"));

/// Requests to one target.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    headers: BTreeMap<String, Secret>,
}

/// What a target answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The target asks not to be tried again before so long.
    pub(super) pause: Option<Duration>,
    pub(super) body: Bytes,
}

impl Http {
    /// Requests that carry `headers`.
    pub(super) fn new(tls: &Tls, headers: BTreeMap<String, Secret>) -> Result<Self, Trouble> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls.client()?)
            // Alerts go where they were configured to go.
            .redirect(redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self { client, headers })
    }

    /// Posts a body.
    pub(super) async fn post(
        &self,
        url: &str,
        content_type: &str,
        more: HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<Answer, Trouble> {
        let request = self
            .client
            .post(url)
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, content_type)
            .headers(self.secrets().await?)
            .headers(more)
            .headers(followed())
            .body(body.into());
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(Trouble::new("the target's answer has no end"));
            }
            body.extend_from_slice(&chunk);
        }
        let asked = response.headers().get(RETRY_AFTER);
        Ok(Answer {
            status: response.status(),
            pause: asked.and_then(|value| retry_after(value.to_str().ok()?, clock::now())),
            body: body.into(),
        })
    }

    async fn secrets(&self) -> Result<HeaderMap, Trouble> {
        let mut headers = HeaderMap::new();
        for (name, secret) in &self.headers {
            let value = HeaderValue::from_str(&secret.read().await?).map_err(|_| {
                Trouble::new(format!(
                    "the value of the header {name} has characters that no header may have"
                ))
            })?;
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_| Trouble::new(format!("{name:?} is no name of a header")))?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// The trace that the request is a step of, if it is followed.
fn followed() -> HeaderMap {
    let parent = trace::current().and_then(|it| HeaderValue::try_from(it.to_string()).ok());
    let header = parent.map(|it| (HeaderName::from_static(trace::HEADER), it));
    header.into_iter().collect()
}

impl Answer {
    /// For people.
    pub(super) fn shown(&self) -> String {
        let text = shown(&String::from_utf8_lossy(&self.body));
        format!("HTTP {}: {text}", self.status.as_u16())
            .trim_end_matches(": ")
            .to_owned()
    }

    /// What it means for all that was sent, where the target has no finer word.
    ///
    /// Only what speaks of the content is a refusal. A wrong token or path would be the
    /// same for every alert: nothing may be thrown away for that.
    pub(super) fn outcome(&self) -> Outcome {
        match self.status {
            status if status.is_success() => Outcome::Delivered(self.shown()),
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused(self.shown()),
            _ => self.trouble().into(),
        }
    }

    /// That it is not now.
    pub(super) fn trouble(&self) -> Trouble {
        Trouble {
            why: self.shown(),
            pause: self.pause,
        }
    }
}

/// Whether requests can be made to `url`.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    let is_good = Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.password().is_none()
    });
    if is_good {
        return Ok(());
    }
    Err(format!(
        "url {url:?} cannot be used: write http://HOST:PORT/PATH or https://HOST/PATH, without a password in it"
    ))
}

/// Whether requests can carry these headers.
pub(super) fn check_headers(headers: &BTreeMap<String, Secret>) -> Result<(), String> {
    for name in headers.keys() {
        HeaderName::try_from(name.as_str())
            .map_err(|_| format!("headers: {name:?} is no name of a header"))?;
    }
    Ok(())
}

/// For people: a request, without what is secret.
pub(super) fn preview(
    url: &str,
    content_type: &str,
    headers: &BTreeMap<String, Secret>,
    body: &str,
) -> String {
    let headers: String = headers
        .keys()
        .map(|name| format!("{name}: ...\n"))
        .collect();
    format!("POST {url}\ncontent-type: {content_type}\n{headers}\n{body}")
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::parse(value.trim()).ok()?.timestamp();
    Duration::try_from(until.duration_since(now)).ok()
}

/// What went wrong: the innermost cause is what an operator can act on.
fn failed(error: &reqwest::Error) -> Trouble {
    let what = if error.is_connect() {
        "failed to connect"
    } else {
        "the request failed"
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Trouble::new(format!("{what}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_with_a_date() {
        let now = "2026-11-26T10:00:00Z".parse().unwrap();
        for (value, pause) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Thu, 26 Nov 2026 10:01:00 GMT", Some(60)),
            // It is over.
            ("Thu, 26 Nov 2026 09:59:00 GMT", None),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                pause.map(Duration::from_secs),
                "{value}"
            );
        }
    }

    #[test]
    fn only_what_speaks_of_the_content_is_a_refusal() {
        for status in 100..600 {
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                pause: None,
                body: Bytes::from_static(b"why\nnot"),
            };
            match (status, answer.outcome()) {
                (200..300, Outcome::Delivered(_)) => {}
                (400 | 413 | 422, Outcome::Refused(why)) => {
                    assert_eq!(why, format!("HTTP {status}: why not"));
                }
                (100..200 | 300..400 | 401.., Outcome::Again(_)) => {}
                (_, outcome) => panic!("{status}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_url_is_told() {
        check_url("http://127.0.0.1:8080/x?y=z").unwrap();
        check_url("https://siem.example.com").unwrap();
        for url in [
            "",
            "siem:8080",
            "ftp://siem",
            "http://",
            "https://me:secret@siem",
        ] {
            check_url(url).unwrap_err();
        }
    }
}
