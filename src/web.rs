//! The operations listener: metrics for Prometheus, whether the gateway lives and can take
//! alerts, and the page on which people watch them.

mod door;
mod listen;
mod metrics;
mod page;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access,
    bridge::Bridges,
    delivery::{Delivery, Subscriptions},
    ingest::Tally,
    log::DeadLetters,
    rpc::Refused,
    source::Sources,
    tls::{self, Acceptor},
};

pub use self::page::Page;

/// What Prometheus asks for.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where operations are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address; nowhere when it is empty.
    pub listen: String,
    /// The files for TLS; without them, the listener speaks plaintext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<tls::Config>,
    /// Show `falco_events`, as falco-exporter did: its labels come from alerts.
    pub falco_events: bool,
    /// Show the page with the live alerts, to those who may see them.
    pub page: bool,
    /// The names, without ports, under which the page is opened besides the address and
    /// `localhost`.
    pub hosts: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:2810".to_owned(),
            tls: None,
            falco_events: false,
            page: true,
            hosts: Vec::new(),
        }
    }
}

impl Config {
    /// No listener.
    pub fn nowhere() -> Self {
        Self {
            listen: String::new(),
            ..Self::default()
        }
    }

    /// Checks the values.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let wrong = self.hosts.iter().find(|host| !door::is_host_name(host));
        wrong.map_or(Ok(()), |host| {
            Err(format!(
                "{host:?} is no name of a host: write it in small letters, without scheme, port \
                 and path, such as alerts.example.com"
            ))
        })
    }
}

/// What is looked at. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Operations {
    /// The log and its readers.
    pub delivery: Delivery,
    /// The durable subscriptions.
    pub subscriptions: Subscriptions,
    /// The sources.
    pub sources: Sources,
    /// The bridges.
    pub bridges: Bridges,
    /// What was refused.
    pub dead_letters: DeadLetters,
    /// Who may call what, and who was denied.
    pub access: Access,
    /// What was refused before it was known whose it is.
    pub refused: Refused,
    /// Alerts by their labels, where they are counted.
    pub tally: Option<Tally>,
    /// Set while the gateway goes down.
    pub draining: Arc<AtomicBool>,
}

impl Operations {
    /// Answers on a listener, with TLS or without, until `shutdown`.
    pub async fn serve(
        self,
        (listener, acceptor): (TcpListener, Option<Acceptor>),
        page: Option<Page>,
        shutdown: CancellationToken,
    ) {
        let own = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .with_state(self);
        let router = match page {
            Some(page) => own.merge(page.router()),
            None => own,
        };
        listen::serve(router, listener, acceptor, shutdown).await;
    }

    /// Why no alert is to be sent here; nothing when all is well.
    fn trouble(&self) -> Option<String> {
        if self.draining.load(Ordering::Relaxed) {
            return Some("the gateway is going down".to_owned());
        }
        let trouble = self.delivery.log().trouble();
        let trouble = trouble.borrow();
        trouble.as_ref().map(ToString::to_string)
    }
}

async fn metrics(State(operations): State<Operations>) -> Response {
    let text = metrics::text(&operations).await;
    ([(CONTENT_TYPE, OPENMETRICS)], text).into_response()
}

async fn ready(State(operations): State<Operations>) -> Response {
    match operations.trouble() {
        None => "ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}
