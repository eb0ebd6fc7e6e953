//! What an operator says about a bridge, checked before anything is opened.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::target::{elasticsearch, file, hec, nats, otlp, stdout, syslog, webhook};
use crate::{
    filter::Filter,
    units::{Size, Span},
};

/// A bridge: what it takes, how it sends, and exactly one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, in the status and in the log.
    pub name: String,
    /// The durable subscription that it consumes; its own name without one. It is
    /// made if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// Which alerts it takes; empty: all. The subscription is given this filter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filter: String,
    /// Where a subscription that is made begins.
    #[serde(default)]
    pub start: Start,
    /// How much one request may hold.
    #[serde(default)]
    pub batch: Batch,
    /// How long the target may take for one request.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// The longest pause before a request is tried again, unless the target asks for
    /// a longer one.
    #[serde(default = "default_max_backoff")]
    pub max_backoff: Span,
    /// The file for what the target refuses; `dead-letters/NAME.jsonl` in the data
    /// folder without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<PathBuf>,
    /// Lines on standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<stdout::Config>,
    /// Lines in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<file::Config>,
    /// A syslog receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog: Option<syslog::Config>,
    /// Anything that alerts are posted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<webhook::Config>,
    /// Splunk's HTTP Event Collector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub splunk_hec: Option<hec::Config>,
    /// Elasticsearch or OpenSearch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elasticsearch: Option<elasticsearch::Config>,
    /// Whatever takes OpenTelemetry's logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp: Option<otlp::Config>,
    /// NATS, with JetStream or without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats: Option<nats::Config>,
}

/// Where a subscription that is made begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the oldest alert that the log has.
    #[default]
    Earliest,
    /// With the next alert to come.
    Latest,
}

/// How much one request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batch {
    /// At most so many alerts.
    pub alerts: usize,
    /// About so many bytes of alerts, as the gateway encodes them; one alert always
    /// fits.
    pub bytes: Size,
}

/// A bridge's one target.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Stdout(stdout::Config),
    File(file::Config),
    Syslog(syslog::Config),
    Webhook(webhook::Config),
    Hec(hec::Config),
    Elasticsearch(elasticsearch::Config),
    Otlp(otlp::Config),
    Nats(nats::Config),
}

/// The largest batch: half of the largest window of a consumer.
const MOST_ALERTS: usize = 5000;
const MOST_BYTES: u64 = 32 << 20;

impl Default for Batch {
    fn default() -> Self {
        Self {
            alerts: 500,
            bytes: Size(1 << 20),
        }
    }
}

impl Config {
    /// The subscription's name.
    pub fn subscription(&self) -> &str {
        self.subscription.as_deref().unwrap_or(&self.name)
    }

    /// How long a request may take with all that belongs to it.
    pub(super) fn patience(&self) -> Span {
        let hec = self.splunk_hec.as_ref();
        let more = hec.map_or(Duration::ZERO, |hec| hec.ack_timeout.0);
        Span(self.timeout.0 + more)
    }

    /// How many alerts one request can hold, whatever the batch.
    pub(super) fn most_per_request(&self) -> usize {
        match &self.webhook {
            Some(webhook) if webhook.body == webhook::Body::Single => 1,
            _ => usize::MAX,
        }
    }

    /// Whether it can be meant.
    ///
    /// # Errors
    /// With what is wrong, for whoever wrote it.
    pub fn check(&self) -> Result<(), String> {
        if self.batch.alerts == 0 || self.batch.alerts > MOST_ALERTS {
            return Err(format!("batch.alerts must be 1 to {MOST_ALERTS}"));
        }
        if self.batch.bytes.0 == 0 || self.batch.bytes.0 > MOST_BYTES {
            return Err(format!("batch.bytes must be 1B to {}", Size(MOST_BYTES)));
        }
        for (key, span) in [("timeout", self.timeout), ("max_backoff", self.max_backoff)] {
            if span.0.is_zero() {
                return Err(format!("{key} is zero: write a duration such as 30s"));
            }
        }
        Filter::parse(&self.filter).map_err(|problem| format!("filter: {problem}"))?;
        match self.kind()? {
            Kind::Stdout(_) => Ok(()),
            Kind::File(config) => config.check(),
            Kind::Syslog(config) if config.settle >= self.timeout => {
                Err("syslog.settle must be shorter than timeout, which it is a part of".to_owned())
            }
            Kind::Syslog(config) => config.check(),
            Kind::Webhook(config) => config.check(),
            Kind::Hec(config) => config.check(),
            Kind::Elasticsearch(config) => config.check(),
            Kind::Otlp(config) => config.check(),
            Kind::Nats(config) => config.check(),
        }
    }

    /// Its one target.
    pub(super) fn kind(&self) -> Result<Kind, String> {
        let kinds: Vec<Kind> = [
            self.stdout.clone().map(Kind::Stdout),
            self.file.clone().map(Kind::File),
            self.syslog.clone().map(Kind::Syslog),
            self.webhook.clone().map(Kind::Webhook),
            self.splunk_hec.clone().map(Kind::Hec),
            self.elasticsearch.clone().map(Kind::Elasticsearch),
            self.otlp.clone().map(Kind::Otlp),
            self.nats.clone().map(Kind::Nats),
        ]
        .into_iter()
        .flatten()
        .collect();
        let count = kinds.len();
        <[Kind; 1]>::try_from(kinds)
            .map(|[kind]| kind)
            .map_err(|_| {
                format!(
                    "has {count} targets: give it exactly one of stdout, file, syslog, webhook, \
                     splunk_hec, elasticsearch, otlp, nats"
                )
            })
    }
}

impl Kind {
    /// For people: what it is, and where.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Stdout(_) => "standard output".to_owned(),
            Self::File(config) => format!("file {}", config.path.display()),
            Self::Syslog(config) => format!("syslog {}", config.address),
            Self::Webhook(config) => format!("webhook {}", config.url),
            Self::Hec(config) => format!("splunk_hec {}", config.url),
            Self::Elasticsearch(config) => {
                format!("elasticsearch {} ({})", config.url, config.index)
            }
            Self::Otlp(config) => format!("otlp {}", config.endpoint),
            Self::Nats(config) => format!("nats {}", config.url),
        }
    }
}

fn default_timeout() -> Span {
    Span(Duration::from_secs(30))
}

fn default_max_backoff() -> Span {
    Span(Duration::from_secs(60))
}
