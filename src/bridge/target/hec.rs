//! Splunk's HTTP Event Collector, with indexer acknowledgement where the token has it.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{
    http::{Answer, Http, check_url, preview as preview_request},
    secret::Secret,
    tls::Tls,
};
use crate::{
    bridge::{
        batch::Item,
        outcome::{Outcome, Trouble, Verdict},
    },
    format::hec::Hec as Events,
    units::Span,
};

/// Splunk's HTTP Event Collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The collector, without a path: `https://splunk.example.com:8088`.
    pub url: String,
    /// The token.
    pub token: Secret,
    /// The index; the token's own without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Splunk's `source`.
    #[serde(default = "default_source")]
    pub source: String,
    /// Splunk's `sourcetype`.
    #[serde(default = "default_sourcetype")]
    pub sourcetype: String,
    /// How long the indexers may take to acknowledge, where the token asks for that;
    /// then the events are sent again.
    #[serde(default = "default_ack_timeout")]
    pub ack_timeout: Span,
    /// For `https`.
    #[serde(default)]
    pub tls: Tls,
}

const EVENTS: &str = "/services/collector/event";
const ACKS: &str = "/services/collector/ack";
const CHANNEL: HeaderName = HeaderName::from_static("x-splunk-request-channel");

/// The first and the longest pause between two questions for an acknowledgement.
const FIRST_QUESTION: Duration = Duration::from_millis(100);
const LONGEST_QUESTION: Duration = Duration::from_secs(10);

fn default_source() -> String {
    Events::default().source
}

fn default_sourcetype() -> String {
    Events::default().sourcetype
}

fn default_ack_timeout() -> Span {
    Span(Duration::from_secs(60))
}

impl Config {
    pub(in crate::bridge) fn check(&self) -> Result<(), String> {
        check_url(&self.url).map_err(|problem| format!("splunk_hec.{problem}"))?;
        self.tls.check()
    }

    /// Where `path` is. Some write the collector's own path into the address.
    fn at(&self, path: &str) -> String {
        let base = self.url.trim_end_matches('/');
        let ours = [EVENTS, "/services/collector"].iter();
        let base = ours.fold(base, |base, its| base.strip_suffix(its).unwrap_or(base));
        format!("{base}{path}")
    }

    fn body(&self, items: &[Item]) -> String {
        let events = Events {
            source: self.source.clone(),
            sourcetype: self.sourcetype.clone(),
            index: self.index.clone(),
        };
        let lines: Vec<_> = items.iter().map(|it| events.line(&it.alert)).collect();
        lines.join("\n")
    }
}

pub(super) fn preview(config: &Config, item: &Item) -> String {
    let headers = BTreeMap::from([("authorization".to_owned(), config.token.clone())]);
    let body = config.body(std::slice::from_ref(item));
    preview_request(&config.at(EVENTS), "application/json", &headers, &body)
}

#[derive(Debug)]
pub(in crate::bridge) struct Hec {
    config: Config,
    http: Http,
    /// Acknowledgements are numbered for each channel.
    channel: HeaderValue,
}

/// What the collector says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
    #[serde(rename = "invalid-event-number")]
    invalid_event: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Question {
    acks: [u64; 1],
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Acknowledged {
    acks: BTreeMap<String, bool>,
}

impl Hec {
    pub(super) fn new(config: Config) -> Result<Self, Trouble> {
        let http = Http::new(&config.tls, BTreeMap::new())?;
        let channel = channel(fastrand::u128(..));
        let channel =
            HeaderValue::try_from(channel).map_err(|error| Trouble::new(error.to_string()))?;
        Ok(Self {
            config,
            http,
            channel,
        })
    }

    pub(super) async fn send(&self, items: &[Item]) -> Result<Outcome, Trouble> {
        let answer = self.post(EVENTS, self.config.body(items)).await?;
        let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
        if !answer.status.is_success() {
            return Ok(refusal(&answer, said.invalid_event, items.len()));
        }
        if let Some(ack_id) = said.ack_id {
            self.wait_for(ack_id).await?;
        }
        Ok(Outcome::Delivered(answer.shown()))
    }

    /// Waits until the indexers have it.
    async fn wait_for(&self, ack_id: u64) -> Result<(), Trouble> {
        let limit = self.config.ack_timeout;
        let until = Instant::now() + limit.0;
        let mut pause = FIRST_QUESTION;
        while Instant::now() < until {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_QUESTION);
            let question = serde_json::to_string(&Question { acks: [ack_id] }).unwrap_or_default();
            let answer = self.post(ACKS, question).await?;
            if !answer.status.is_success() {
                return Err(answer.trouble());
            }
            let told: Acknowledged = serde_json::from_slice(&answer.body).unwrap_or_default();
            if told.acks.get(&ack_id.to_string()) == Some(&true) {
                return Ok(());
            }
        }
        Err(Trouble::new(format!(
            "the indexers did not acknowledge within {limit}"
        )))
    }

    async fn post(&self, path: &str, body: String) -> Result<Answer, Trouble> {
        let token = format!("Splunk {}", self.config.token.read().await?);
        let token = HeaderValue::try_from(token)
            .map_err(|_| Trouble::new("the token has characters that no header may have"))?;
        let mut headers = HeaderMap::new();
        headers.insert(reqwest::header::AUTHORIZATION, token);
        headers.insert(CHANNEL, self.channel.clone());
        let url = self.config.at(path);
        self.http
            .post(&url, "application/json", headers, body)
            .await
    }
}

/// A 400 may name the event that is bad. Whether those before it are kept differs: the
/// OpenTelemetry Collector's receiver keeps none of the request. So all others are sent
/// again, and may be there twice.
fn refusal(answer: &Answer, invalid_event: Option<usize>, sent: usize) -> Outcome {
    match invalid_event {
        Some(bad) if answer.status == StatusCode::BAD_REQUEST && bad < sent => {
            let mut verdicts = vec![Verdict::Untried; bad];
            verdicts.push(Verdict::Refused(answer.shown()));
            verdicts.resize(sent, Verdict::Untried);
            Outcome::Each(verdicts)
        }
        _ => answer.outcome(),
    }
}

/// A UUID of version 4.
fn channel(random: u128) -> String {
    let hex = format!(
        "{:032x}",
        random & !(0xf << 76 | 0xc << 60) | 0x4 << 76 | 0x8 << 60
    );
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    let parts = parts.map(|(from, to)| hex.get(from..to).unwrap_or_default());
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collectors_path_may_be_written_or_left_out() {
        for (url, at) in [
            ("https://s:8088", "https://s:8088/services/collector/event"),
            ("https://s:8088/", "https://s:8088/services/collector/event"),
            (
                "https://s/services/collector",
                "https://s/services/collector/event",
            ),
            (
                "https://s/proxy/services/collector/event/",
                "https://s/proxy/services/collector/event",
            ),
        ] {
            let yaml = format!("{{url: {url}, token: t}}");
            let config: Config = serde_saphyr::from_str(&yaml).unwrap();
            assert_eq!(config.at(EVENTS), at, "{url}");
        }
    }

    #[test]
    fn a_channel_is_a_uuid() {
        assert_eq!(channel(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(channel(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn beside_an_event_that_is_refused_all_are_sent_again() {
        let answer = Answer {
            status: StatusCode::BAD_REQUEST,
            pause: None,
            body: r#"{"text":"Invalid data format","code":6,"invalid-event-number":1}"#.into(),
        };
        let Outcome::Each(verdicts) = refusal(&answer, Some(1), 3) else {
            panic!("no word for each");
        };
        assert_eq!(verdicts[0], Verdict::Untried);
        assert!(matches!(verdicts[1], Verdict::Refused(_)));
        assert_eq!(verdicts[2], Verdict::Untried);
        assert!(matches!(refusal(&answer, Some(9), 3), Outcome::Refused(_)));
    }
}
