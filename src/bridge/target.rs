//! What alerts are sent to: one file each.

pub mod elasticsearch;
pub mod file;
pub mod hec;
pub mod nats;
pub mod otlp;
pub(super) mod secret;
pub mod stdout;
pub mod syslog;
pub(super) mod tls;
pub mod webhook;

mod http;

use super::{
    batch::Item,
    config::{Config, Kind},
    outcome::{Outcome, Trouble},
};

/// A target that is ready to be sent to.
///
/// A sending that is cancelled may leave it in the middle of something: then it is not to
/// be used any more.
#[derive(Debug)]
pub(super) enum Target {
    Stdout(stdout::Stdout),
    File(file::File),
    Syslog(Box<syslog::Syslog>),
    Webhook(Box<webhook::Webhook>),
    Hec(Box<hec::Hec>),
    Elasticsearch(Box<elasticsearch::Elasticsearch>),
    Otlp(Box<otlp::Otlp>),
    Nats(Box<nats::Nats>),
}

impl Target {
    /// Reads the files that it needs, and connects where that is apart from sending.
    pub(super) async fn connect(config: &Config) -> Result<Self, Trouble> {
        let kind = config.kind().map_err(Trouble::new)?;
        Ok(match kind {
            Kind::Stdout(config) => Self::Stdout(stdout::Stdout::new(&config)),
            Kind::File(config) => Self::File(file::File::open(config).await?),
            Kind::Syslog(config) => Self::Syslog(syslog::Syslog::connect(&config).await?.into()),
            Kind::Webhook(config) => Self::Webhook(webhook::Webhook::new(config)?.into()),
            Kind::Hec(config) => Self::Hec(hec::Hec::new(config)?.into()),
            Kind::Elasticsearch(config) => {
                Self::Elasticsearch(elasticsearch::Elasticsearch::new(config)?.into())
            }
            Kind::Otlp(config) => Self::Otlp(otlp::Otlp::connect(config).await?.into()),
            Kind::Nats(config) => Self::Nats(nats::Nats::connect(config).await?.into()),
        })
    }

    /// Sends `items`, of which there is at least one, in their order.
    pub(super) async fn send(&mut self, items: &[Item]) -> Outcome {
        let sent = match self {
            Self::Stdout(target) => return target.send(items).await,
            Self::File(target) => return target.send(items).await,
            Self::Syslog(target) => return target.send(items).await,
            Self::Nats(target) => return target.send(items).await,
            Self::Webhook(target) => target.send(items).await,
            Self::Hec(target) => target.send(items).await,
            Self::Elasticsearch(target) => target.send(items).await,
            Self::Otlp(target) => target.send(items).await,
        };
        sent.unwrap_or_else(Outcome::Again)
    }

    /// For people: what would be sent for `item`, without what is secret.
    pub(super) fn preview(kind: &Kind, item: &Item) -> String {
        match kind {
            Kind::Stdout(config) => config.format.line(&item.alert),
            Kind::File(config) => config.format.line(&item.alert),
            Kind::Syslog(config) => syslog::preview(config, item),
            Kind::Webhook(config) => webhook::preview(config, item),
            Kind::Hec(config) => hec::preview(config, item),
            Kind::Elasticsearch(config) => elasticsearch::preview(config, item),
            Kind::Otlp(config) => otlp::preview(config, item),
            Kind::Nats(config) => nats::preview(config, item),
        }
    }
}
