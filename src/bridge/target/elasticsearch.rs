//! Elasticsearch's and OpenSearch's `_bulk`: documents of the Elastic Common Schema into
//! a data stream or an index.
//!
//! A document's id is the alert's: what is sent again is there already (409) and counts as
//! delivered, so a retry repeats nothing.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    http::{Http, check_headers, check_url, preview as preview_request},
    secret::Secret,
    tls::Tls,
};
use crate::{
    bridge::{
        batch::Item,
        outcome::{Outcome, Trouble, Verdict, shown},
    },
    format::Format,
};

/// Elasticsearch or OpenSearch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server, without a path: `https://search.example.com:9200`.
    pub url: String,
    /// The data stream or index.
    #[serde(default = "default_index")]
    pub index: String,
    /// What a document is: `ecs`, or another format of JSON objects.
    #[serde(default = "default_format")]
    pub format: Format,
    /// The user, with `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// An API key, in its encoded form, instead of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// For `https`.
    #[serde(default)]
    pub tls: Tls,
}

const CONTENT_TYPE: &str = "application/x-ndjson";

/// The name that Elastic's own scheme gives such a data stream.
fn default_index() -> String {
    "logs-falco_gateway.alerts-default".to_owned()
}

fn default_format() -> Format {
    Format::Ecs
}

impl Config {
    pub(in crate::bridge) fn check(&self) -> Result<(), String> {
        check_url(&self.url).map_err(|problem| format!("elasticsearch.{problem}"))?;
        check_headers(&self.headers).map_err(|problem| format!("elasticsearch.{problem}"))?;
        let is_name = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_.".contains(letter)
        };
        if self.index.is_empty() || !self.index.chars().all(is_name) {
            let index = &self.index;
            return Err(format!(
                "elasticsearch.index {index:?} is no name of a data stream or an index"
            ));
        }
        if self.user.is_some() != self.password.is_some() {
            return Err("elasticsearch.user and elasticsearch.password go together".to_owned());
        }
        if self.user.is_some() && self.api_key.is_some() {
            return Err("elasticsearch has a user and an api_key: give it one of them".to_owned());
        }
        self.tls.check()
    }

    fn url(&self) -> String {
        format!("{}/{}/_bulk", self.url.trim_end_matches('/'), self.index)
    }

    /// Two lines for each alert. `create` is what data streams take.
    fn body(&self, items: &[Item]) -> String {
        let mut body = String::new();
        for item in items {
            let action = json!({"create": {"_id": item.alert.id.to_string()}});
            body.push_str(&action.to_string());
            body.push('\n');
            body.push_str(&self.format.line(&item.alert));
            body.push('\n');
        }
        body
    }

    async fn authorization(&self) -> Result<Option<String>, Trouble> {
        if let Some(key) = &self.api_key {
            return Ok(Some(format!("ApiKey {}", key.read().await?)));
        }
        let (Some(user), Some(password)) = (&self.user, &self.password) else {
            return Ok(None);
        };
        let both = format!("{user}:{}", password.read().await?);
        Ok(Some(format!("Basic {}", STANDARD.encode(both))))
    }
}

pub(super) fn preview(config: &Config, item: &Item) -> String {
    let body = config.body(std::slice::from_ref(item));
    preview_request(&config.url(), CONTENT_TYPE, &config.headers, &body)
}

#[derive(Debug)]
pub(in crate::bridge) struct Elasticsearch {
    config: Config,
    http: Http,
}

#[derive(Debug, Deserialize)]
struct Answered {
    items: Vec<BTreeMap<String, ItemAnswer>>,
}

#[derive(Debug, Deserialize)]
struct ItemAnswer {
    status: u16,
    #[serde(default)]
    error: Value,
}

impl Elasticsearch {
    pub(super) fn new(config: Config) -> Result<Self, Trouble> {
        let http = Http::new(&config.tls, config.headers.clone())?;
        Ok(Self { config, http })
    }

    pub(super) async fn send(&self, items: &[Item]) -> Result<Outcome, Trouble> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = self.config.authorization().await? {
            let value = HeaderValue::try_from(authorization).map_err(|_| {
                Trouble::new("the password or API key has characters that no header may have")
            })?;
            headers.insert(AUTHORIZATION, value);
        }
        let body = self.config.body(items);
        let answer = self
            .http
            .post(&self.config.url(), CONTENT_TYPE, headers, body)
            .await?;
        if !answer.status.is_success() {
            return Ok(answer.outcome());
        }
        let answered: Answered = serde_json::from_slice(&answer.body).map_err(|error| {
            Trouble::new(format!(
                "what answered is no _bulk: {error}: {}",
                answer.shown()
            ))
        })?;
        Ok(outcome(&answered))
    }
}

fn outcome(answered: &Answered) -> Outcome {
    let verdicts: Vec<_> = answered.items.iter().map(verdict).collect();
    if verdicts.iter().all(|it| *it == Verdict::Delivered) {
        return Outcome::Delivered(format!("{} documents taken", verdicts.len()));
    }
    Outcome::Each(verdicts)
}

fn verdict(item: &BTreeMap<String, ItemAnswer>) -> Verdict {
    let Some(answer) = item.values().next() else {
        return Verdict::Again(Trouble::new("the target said nothing of an alert"));
    };
    let told = || shown(&format!("status {}: {}", answer.status, answer.error));
    match answer.status {
        // 409: a document of this id is there, since this is not the first time.
        200..300 | 409 => Verdict::Delivered,
        // Only a document can be this wrong.
        400 | 413 => Verdict::Refused(told()),
        _ => Verdict::Again(Trouble::new(told())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_has_its_own_word() {
        let answered = r#"{"errors":true,"items":[
            {"create":{"_id":"a","status":201}},
            {"create":{"_id":"b","status":409,"error":{"type":"version_conflict_engine_exception"}}},
            {"create":{"_id":"c","status":400,"error":{"type":"document_parsing_exception"}}},
            {"create":{"_id":"d","status":429,"error":{"type":"es_rejected_execution_exception"}}},
            {"create":{"_id":"e","status":404,"error":{"type":"index_not_found_exception"}}}]}"#;
        let Outcome::Each(verdicts) = outcome(&serde_json::from_str(answered).unwrap()) else {
            panic!("no word for each");
        };
        assert_eq!(verdicts[..2], [Verdict::Delivered, Verdict::Delivered]);
        assert!(matches!(&verdicts[2], Verdict::Refused(why) if why.contains("document_parsing")));
        assert!(
            verdicts[3..]
                .iter()
                .all(|it| matches!(it, Verdict::Again(_)))
        );
    }
}
