//! Posts to anything: falcosidekick and Falco Talon, whose input is falcosidekick's
//! shape, or a service of one's own.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::{
    http::{Http, check_headers, check_url, preview as preview_request},
    secret::Secret,
    stdout::lines,
    tls::Tls,
};
use crate::{
    bridge::{
        batch::Item,
        outcome::{Outcome, Trouble},
    },
    clock,
    format::Format,
};

/// Anything that alerts are posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to.
    pub url: String,
    /// What an alert is.
    #[serde(default = "default_format")]
    pub format: Format,
    /// What a request's body is.
    #[serde(default)]
    pub body: Body,
    /// Further headers, such as `Authorization`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Signs each request, as <https://www.standardwebhooks.com> has it: the receiver
    /// can tell that it comes from who has the secret, and when it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<Secret>,
    /// For `https`.
    #[serde(default)]
    pub tls: Tls,
}

/// What a request's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// One alert: falcosidekick and most others take nothing else.
    #[default]
    Single,
    /// A line for each alert.
    Lines,
    /// A JSON array.
    Array,
}

fn default_format() -> Format {
    Format::Falcosidekick
}

impl Config {
    pub(in crate::bridge) fn check(&self) -> Result<(), String> {
        check_url(&self.url).map_err(|problem| format!("webhook.{problem}"))?;
        check_headers(&self.headers).map_err(|problem| format!("webhook.{problem}"))?;
        if self.body == Body::Array && !is_json(self.format) {
            let format = self.format;
            return Err(format!(
                "webhook.body: an array needs a format of JSON, and {format} is none"
            ));
        }
        self.tls.check()
    }

    fn content_type(&self) -> &'static str {
        match (self.body, is_json(self.format)) {
            (Body::Lines, true) => "application/x-ndjson",
            (_, true) => "application/json",
            (_, false) => "text/plain; charset=utf-8",
        }
    }

    fn body(&self, items: &[Item]) -> String {
        match self.body {
            Body::Lines => lines(self.format, items),
            Body::Single => lines(self.format, items).trim_end().to_owned(),
            Body::Array => {
                let all: Vec<_> = items.iter().map(|it| self.format.line(&it.alert)).collect();
                format!("[{}]", all.join(",\n"))
            }
        }
    }
}

fn is_json(format: Format) -> bool {
    match format {
        Format::Json
        | Format::Falco
        | Format::Falcosidekick
        | Format::Ocsf
        | Format::Ecs
        | Format::OtlpJson
        | Format::Hec => true,
        Format::Cef | Format::Rfc5424 | Format::CefSyslog => false,
    }
}

pub(super) fn preview(config: &Config, item: &Item) -> String {
    let body = config.body(std::slice::from_ref(item));
    preview_request(&config.url, config.content_type(), &config.headers, &body)
}

#[derive(Debug)]
pub(in crate::bridge) struct Webhook {
    config: Config,
    http: Http,
}

impl Webhook {
    pub(super) fn new(config: Config) -> Result<Self, Trouble> {
        let http = Http::new(&config.tls, config.headers.clone())?;
        Ok(Self { config, http })
    }

    pub(super) async fn send(&self, items: &[Item]) -> Result<Outcome, Trouble> {
        let body = self.config.body(items);
        let signature = self.signature(items, &body).await?;
        let (url, content_type) = (&self.config.url, self.config.content_type());
        let answer = self.http.post(url, content_type, signature, body).await?;
        Ok(answer.outcome())
    }

    async fn signature(&self, items: &[Item], body: &str) -> Result<HeaderMap, Trouble> {
        let (Some(secret), Some(first)) = (&self.config.signing_secret, items.first()) else {
            return Ok(HeaderMap::new());
        };
        let id = first.alert.id.to_string();
        let time = clock::now().as_second();
        let signature = sign(&secret.read().await?, &id, time, body);
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", time.to_string()),
            ("webhook-signature", signature?),
        ];
        let headers = headers.into_iter().filter_map(|(name, value)| {
            let value = HeaderValue::try_from(value).ok()?;
            Some((HeaderName::from_static(name), value))
        });
        Ok(headers.collect())
    }
}

/// What the Standard Webhooks say: the secret is base64 behind `whsec_`; one that is not
/// is taken as it is.
fn sign(secret: &str, id: &str, time: i64, body: &str) -> Result<String, Trouble> {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|error| {
            Trouble::new(format!(
                "signing_secret: what follows whsec_ is no base64: {error}"
            ))
        })?,
        None => secret.as_bytes().to_vec(),
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signature = hmac::sign(&key, format!("{id}.{time}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, whose figures are published with it.
    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signature = sign(
            secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(
            signature.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
