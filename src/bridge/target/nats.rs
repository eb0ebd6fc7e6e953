//! NATS. With JetStream a message counts as delivered when the stream has it, and its id
//! keeps a retry from being there twice; without, when the server has it, and whoever does
//! not listen then has missed it.

use std::fmt::Write as _;

use async_nats::{
    Client, ConnectOptions, HeaderMap, RequestErrorKind,
    header::NATS_MESSAGE_ID,
    jetstream::{self, context::PublishErrorKind},
};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::{secret::Secret, tls::Tls};
use crate::{
    alert::Alert,
    bridge::{
        batch::Item,
        outcome::{Outcome, Trouble, Verdict},
    },
    format::Format,
    trace,
};

/// NATS, with JetStream or without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The servers, separated by commas: `nats://nats:4222`, `tls://nats:4222`.
    pub url: String,
    /// What is published on; `{priority}`, `{rule}`, `{source}`, `{hostname}` and
    /// `{cluster}` stand for the alert's, in lower case, with `_` for all that has a
    /// meaning in subjects.
    #[serde(default = "default_subject")]
    pub subject: String,
    /// What a message is.
    #[serde(default = "default_format")]
    pub format: Format,
    /// Whether a stream of JetStream takes the subject, and is waited for.
    #[serde(default = "default_jetstream")]
    pub jetstream: bool,
    /// The user, with `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file of credentials, as `nsc` makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<std::path::PathBuf>,
    /// For TLS.
    #[serde(default)]
    pub tls: Tls,
}

const PLACES: [&str; 5] = ["priority", "rule", "source", "hostname", "cluster"];

fn default_subject() -> String {
    "falco.{priority}.{rule}".to_owned()
}

fn default_format() -> Format {
    Format::Falcosidekick
}

fn default_jetstream() -> bool {
    true
}

impl Config {
    pub(in crate::bridge) fn check(&self) -> Result<(), String> {
        for url in self.url.split(',') {
            url.trim()
                .parse::<async_nats::ServerAddr>()
                .map_err(|error| format!("nats.url {url:?} cannot be used: {error}"))?;
        }
        let mut rest = self.subject.clone();
        for place in PLACES {
            rest = rest.replace(&format!("{{{place}}}"), "x");
        }
        let is_good = |token: &str| {
            !token.is_empty()
                && !token.contains(|letter: char| letter.is_whitespace() || "*>{}".contains(letter))
        };
        if !rest.split('.').all(is_good) {
            return Err(format!(
                "nats.subject {:?} cannot be used: write words with dots between; known are {{priority}}, {{rule}}, {{source}}, {{hostname}} and {{cluster}}",
                self.subject
            ));
        }
        if self.user.is_some() != self.password.is_some() {
            return Err("nats.user and nats.password go together".to_owned());
        }
        if self.tls.server_name.is_some() {
            return Err("nats.tls.server_name cannot be set: the name is the url's".to_owned());
        }
        self.tls.check()
    }

    fn subject(&self, alert: &Alert) -> String {
        let values = [
            alert.priority.as_str(),
            alert.rule.as_str(),
            alert.source.as_str(),
            alert.hostname.as_str(),
            &alert.origin.cluster,
        ];
        PLACES
            .iter()
            .zip(values)
            .fold(self.subject.clone(), |subject, (place, value)| {
                subject.replace(&format!("{{{place}}}"), &token(value))
            })
    }
}

/// The header for the trace that an alert is in, if it is followed.
fn followed(item: &Item) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(parent) = item.alert.trace {
        headers.insert(trace::HEADER, parent.to_string());
    }
    headers
}

/// `value` as one token of a subject.
fn token(value: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '-' {
            letter.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let token: String = value.chars().take(128).map(letter).collect();
    if token.is_empty() {
        "_".to_owned()
    } else {
        token
    }
}

pub(super) fn preview(config: &Config, item: &Item) -> String {
    let mut text = format!("PUB {}\n", config.subject(&item.alert));
    if config.jetstream {
        let _ = writeln!(text, "{NATS_MESSAGE_ID}: {}", item.alert.id);
    }
    format!("{text}\n{}", config.format.line(&item.alert))
}

#[derive(Debug)]
pub(in crate::bridge) struct Nats {
    config: Config,
    client: Client,
    jetstream: jetstream::Context,
}

impl Nats {
    pub(super) async fn connect(config: Config) -> Result<Self, Trouble> {
        let failed =
            |error: String| Trouble::new(format!("failed to connect to {}: {error}", config.url));
        let servers: Result<Vec<async_nats::ServerAddr>, _> = config
            .url
            .split(',')
            .map(|url| url.trim().parse())
            .collect();
        let servers = servers.map_err(|error| failed(error.to_string()))?;
        let options = options(&config).await?;
        let client = options.connect(servers).await;
        let client = client.map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            jetstream: jetstream::new(client.clone()),
            client,
            config,
        })
    }

    pub(super) async fn send(&self, items: &[Item]) -> Outcome {
        if self.config.jetstream {
            self.to_stream(items).await
        } else {
            self.to_listeners(items).await
        }
    }

    async fn to_stream(&self, items: &[Item]) -> Outcome {
        let mut acks = Vec::with_capacity(items.len());
        for item in items {
            let mut headers = followed(item);
            headers.insert(NATS_MESSAGE_ID, item.alert.id.to_string());
            let subject = self.config.subject(&item.alert);
            let text = self.config.format.line(&item.alert);
            acks.push(
                self.jetstream
                    .publish_with_headers(subject, headers, text.into())
                    .await,
            );
        }
        let acks = acks.into_iter().map(async |ack| match ack {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        });
        let verdicts: Vec<_> = join_all(acks)
            .await
            .into_iter()
            .map(|ack| match ack {
                Ok(_) => Verdict::Delivered,
                Err(error) => match error.kind() {
                    PublishErrorKind::MaxPayloadExceeded => Verdict::Refused(error.to_string()),
                    PublishErrorKind::StreamNotFound => {
                        let subject = &self.config.subject;
                        Verdict::Again(Trouble::new(format!(
                            "no stream of JetStream takes {subject}"
                        )))
                    }
                    _ => Verdict::Again(Trouble::new(error.to_string())),
                },
            })
            .collect();
        if verdicts.iter().all(|it| *it == Verdict::Delivered) {
            return Outcome::Delivered("acknowledged by the stream".to_owned());
        }
        Outcome::Each(verdicts)
    }

    async fn to_listeners(&self, items: &[Item]) -> Outcome {
        for (index, item) in items.iter().enumerate() {
            let subject = self.config.subject(&item.alert);
            let text = self.config.format.line(&item.alert);
            let published = match followed(item) {
                none if none.is_empty() => self.client.publish(subject, text.into()).await,
                headers => {
                    let publish = self
                        .client
                        .publish_with_headers(subject, headers, text.into());
                    publish.await
                }
            };
            if let Err(error) = published {
                let why = error.to_string();
                return match error.kind() {
                    async_nats::PublishErrorKind::MaxPayloadExceeded => {
                        self.refused_at(index, items.len(), why).await
                    }
                    _ => Trouble::new(why).into(),
                };
            }
        }
        match self.reach().await {
            Ok(()) => Outcome::Delivered("the server has it".to_owned()),
            Err(trouble) => trouble.into(),
        }
    }

    /// Those before `index` are sent; it is refused; those behind are to come.
    async fn refused_at(&self, index: usize, sent: usize, why: String) -> Outcome {
        if let Err(trouble) = self.reach().await {
            return trouble.into();
        }
        let mut verdicts = vec![Verdict::Delivered; index];
        verdicts.push(Verdict::Refused(why));
        verdicts.resize(sent, Verdict::Untried);
        Outcome::Each(verdicts)
    }

    /// Waits until the server has read all that was sent: it answers in order, and a
    /// request that nobody takes comes back at once.
    async fn reach(&self) -> Result<(), Trouble> {
        let inbox = self.client.new_inbox();
        match self.client.request(inbox, "".into()).await {
            Err(error) if error.kind() != RequestErrorKind::NoResponders => {
                Err(Trouble::new(error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

async fn options(config: &Config) -> Result<ConnectOptions, Trouble> {
    let mut options = ConnectOptions::new()
        .name("falco-gateway")
        .max_reconnects(1);
    if let (Some(user), Some(password)) = (&config.user, &config.password) {
        options = options.user_and_password(user.clone(), password.read().await?);
    }
    if let Some(token) = &config.token {
        options = options.token(token.read().await?);
    }
    if let Some(path) = &config.credentials_file {
        let text = tokio::fs::read_to_string(path).await;
        let text = text
            .map_err(|error| Trouble::new(format!("failed to read {}: {error}", path.display())))?;
        options = options
            .credentials(&text)
            .map_err(|error| Trouble::new(format!("{} cannot be used: {error}", path.display())))?;
    }
    if config.url.contains("tls://") || config.tls != Tls::default() {
        options = options
            .tls_client_config(config.tls.client()?)
            .require_tls(true);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    fn config(subject: &str) -> Config {
        Config {
            url: "nats://127.0.0.1:4222".into(),
            subject: subject.into(),
            format: Format::Falco,
            jetstream: true,
            user: None,
            password: None,
            token: None,
            credentials_file: None,
            tls: Tls::default(),
        }
    }

    #[test]
    fn no_value_adds_a_token_to_a_subject_or_a_wildcard() {
        let mut alert = testing::alert("Write below /etc > * .. é");
        alert.hostname.clear();
        let subject = config("a.{priority}.{rule}.{hostname}").subject(&alert);
        assert_eq!(subject, "a.warning.write_below__etc_________._");
    }

    #[test]
    fn what_is_no_subject_is_told() {
        config("falco").check().unwrap();
        config("falco.{rule}.x").check().unwrap();
        for subject in ["", "falco.", "falco.*", "a b", "falco.{rul}", "falco.>"] {
            config(subject).check().unwrap_err();
        }
    }
}
