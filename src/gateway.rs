//! The whole gateway: the only file that knows every stage.
//!
//! ```text
//! sources ─► intake ─► ingest ─► log ─► delivery ─► rpc ─► bridges
//! ```
//!
//! Going down runs in the same order: sources stop, what they submitted gets into
//! the log, streams deliver up to the head and close, the log is closed. All of it
//! has a deadline.

mod bridges;
mod listen;
mod reload;
mod sources;

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{bridges::BoundBridges, sources::BoundSource};
pub use self::{
    listen::ListenError,
    reload::{Reload, ReloadError, Reloaded, files},
};
pub use crate::tls::TlsError;
use crate::{
    access::{Access, AccessError},
    clock,
    config::{Config, Listen},
    delivery::{Delivery, Subscriptions, owner_of},
    ingest::{Ingest, Tally},
    log::{self, DeadLetters, Log, Trouble},
    policy::{Policy, Sight},
    rpc::{self, Listener, Server, Services},
    source::{Intake, Sources, Submission},
    state::{State, StateError},
    tls::Acceptor,
    web::{Operations, Page},
};

/// How long sources may take to finish what they are at.
const SOURCES_DEADLINE: Duration = Duration::from_secs(6);

/// How long bridges may take to finish what they are sending.
const BRIDGES_DEADLINE: Duration = Duration::from_secs(6);

/// How long streams may take to deliver what is in the log.
const STREAMS_DEADLINE: Duration = Duration::from_secs(5);

/// How long what was submitted may wait for the log.
const INGEST_DEADLINE: Duration = Duration::from_secs(5);

/// How long acknowledgements may take to be kept.
const STATE_DEADLINE: Duration = Duration::from_secs(5);

/// How long the log may take to write what it was given.
const LOG_DEADLINE: Duration = Duration::from_secs(10);

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Who may see and do what cannot be read.
    #[error("access: {0}")]
    Access(#[from] AccessError),
    /// Its data folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// Its log cannot be used.
    #[error(transparent)]
    Log(#[from] log::OpenError),
}

/// A gateway with all its listeners bound.
#[derive(Debug)]
pub struct Gateway {
    sources: Vec<BoundSource>,
    listeners: Vec<Listener>,
    server: Server,
    ingest: Ingest,
    submissions: tokio::sync::mpsc::Receiver<Submission>,
    intake: Intake,
    streams_end: CancellationToken,
    state: State,
    log: Log,
    log_workers: log::Workers,
    subscriptions: Subscriptions,
    bridges: BoundBridges,
    operations: Operations,
    operations_listener: Option<(TcpListener, Option<Acceptor>)>,
    access: Access,
    config: Config,
}

impl Gateway {
    /// Binds everything that `config` names; `config` must have been checked.
    ///
    /// # Errors
    /// When the data folder is another gateway's or unusable, or a listener
    /// cannot be bound, or must not be.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let running = config.clone();
        let access = Access::new(&config.access)?;
        let (intake, submissions) =
            Intake::new(usize::try_from(config.intake.0).unwrap_or(usize::MAX));
        let (state, log, log_workers) = open_log(&config).await?;
        let sources = Sources::new();
        let dead_letters = DeadLetters::default();
        let streams_end = CancellationToken::new();
        let bound = sources::bind_all(&config, &sources).await?;
        let listeners = listen::all(&config).await?;
        let operations_listener = listen::operations(&config).await?;
        let now = clock::now();
        let publish = sources::publish(&sources, now);
        let delivery = Delivery::new(
            config.delivery,
            log.clone(),
            sources.clone(),
            rpc::convert::encode,
            streams_end.clone(),
        );
        let subscriptions = subscriptions(&delivery, &state, &access.policy())?;
        let bridges = BoundBridges::new(config.bridges, config.data_dir, dead_letters.clone());
        let services = Services {
            access: access.clone(),
            limits: config.limits,
            refused: rpc::Refused::default(),
            delivery,
            subscriptions: subscriptions.clone(),
            sources,
            dead_letters,
            bridges: bridges.running().reported.clone(),
            intake: intake.clone(),
            publish,
            start_time: now,
            falco_outputs: config.falco_outputs.clone(),
            grpc_web: config.grpc_web.clone(),
        };
        let tally = running.operations.falco_events.then(Tally::default);
        Ok(Self {
            sources: bound,
            listeners,
            ingest: ingest(&services, &intake, tally.clone()),
            operations: operations(&services, tally),
            server: Server::new(services),
            submissions,
            intake,
            streams_end,
            state,
            log,
            log_workers,
            subscriptions,
            bridges,
            operations_listener,
            access,
            config: running,
        })
    }

    /// Whether all listeners of `config` may be where they are. Binds none.
    ///
    /// # Errors
    /// With the first that may not.
    pub async fn check(config: &Config) -> Result<(), StartError> {
        Ok(listen::check(config).await?)
    }

    /// What the log held at the start.
    pub fn log_bounds(&self) -> log::Bounds {
        self.log.bounds()
    }

    /// Where the gRPC services can be reached, for clients of this gateway.
    pub fn grpc_addresses(&self) -> Vec<String> {
        self.listeners.iter().map(listen::url).collect()
    }

    /// Where operations can be looked at.
    pub fn operations_address(&self) -> Option<SocketAddr> {
        let (listener, _) = self.operations_listener.as_ref()?;
        listener.local_addr().ok()
    }

    /// Where the page is, if there is one.
    pub fn page_address(&self) -> Option<String> {
        let address = self.operations_address()?;
        let config = &self.config.operations;
        let scheme = if config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        config.page.then(|| format!("{scheme}://{address}/"))
    }

    /// Where alerts can be posted.
    pub fn http_addresses(&self) -> Vec<SocketAddr> {
        self.sources
            .iter()
            .filter_map(BoundSource::http_address)
            .collect()
    }

    /// What gives it another configuration while it runs.
    pub fn reload(&self) -> Reload {
        let grpc = self.listeners.iter().filter_map(Listener::acceptor);
        let http = self.sources.iter().filter_map(BoundSource::acceptor);
        let operations = self.operations_listener.iter();
        let operations = operations.filter_map(|(_, acceptor)| acceptor.as_ref());
        Reload {
            config: self.config.clone(),
            access: self.access.clone(),
            subscriptions: self.subscriptions.clone(),
            acceptors: grpc.chain(http).chain(operations).cloned().collect(),
            bridges: self.bridges.running().clone(),
        }
    }

    /// Runs until `shutdown`, and then until everything has ended or its time is
    /// up.
    pub async fn run(self, shutdown: CancellationToken) {
        // Before anybody is served: whoever asks first would else find some services unknown.
        self.server.set_serving().await;
        let sources_end = CancellationToken::new();
        let running_sources = TaskTracker::new();
        for source in self.sources {
            let state = self.state.clone();
            running_sources.spawn(source.run(self.intake.clone(), state, sources_end.clone()));
        }
        running_sources.close();
        let ingest_end = CancellationToken::new();
        let ingest = tokio::spawn(self.ingest.run(self.submissions, ingest_end.clone()));
        let keeper = self.subscriptions.keep();
        let servers = TaskTracker::new();
        for listener in self.listeners {
            let server = self.server.clone();
            let end = self.streams_end.clone();
            servers.spawn(async move { server.serve(listener, end).await });
        }
        let draining = Arc::clone(&self.operations.draining);
        if let Some(listener) = self.operations_listener {
            let is_open_here = self.config.listen.iter().any(Listen::takes_everybody_here);
            let calls = self.server.page();
            let page = Page::new(&self.config.operations, self.access, calls, is_open_here);
            let serving = self
                .operations
                .serve(listener, page, self.streams_end.clone());
            servers.spawn(serving);
        }
        servers.close();
        let channel = self.server.channel(self.streams_end.clone());
        let bridges = self.bridges.run(&channel.into());
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tell_health(&self.server, self.log.trouble()) => {}
        }

        draining.store(true, Ordering::Relaxed);
        self.server.set_draining().await;
        sources_end.cancel();
        // What the sources still submit, bridges find in the log the next time.
        bridges.end();
        within(SOURCES_DEADLINE, "the sources", running_sources.wait()).await;
        within(BRIDGES_DEADLINE, "the bridges", bridges.ended()).await;
        self.intake.close();
        self.streams_end.cancel();
        self.server.end_watches().await;
        within(STREAMS_DEADLINE, "the open streams", servers.wait()).await;
        within(STATE_DEADLINE, "acknowledgements", keeper.finish()).await;
        ingest_end.cancel();
        within(INGEST_DEADLINE, "what waits for the log", async {
            // Its panics were told where they happened.
            let _ = ingest.await;
        })
        .await;
        within(LOG_DEADLINE, "the log's writer", self.log_workers.finish()).await;
    }
}

/// The durable subscriptions, each of which sees what `policy` says.
fn subscriptions(
    delivery: &Delivery,
    state: &State,
    policy: &Policy,
) -> Result<Subscriptions, StateError> {
    let sight = |key: &str| sight_of(policy, key).unwrap_or_else(Sight::all);
    Subscriptions::open(delivery.clone(), state.clone(), sight)
}

/// What the subscription with this key sees: what those see whose it is. None if they are
/// nobody any more; then nobody can consume it.
fn sight_of(policy: &Policy, key: &str) -> Option<Sight> {
    match owner_of(key) {
        "" => Some(Sight::all()),
        owner => policy.named(owner).map(|grant| grant.sight.clone()),
    }
}

/// The log's writer, which reads what is submitted to `intake`.
fn ingest(services: &Services, intake: &Intake, tally: Option<Tally>) -> Ingest {
    Ingest {
        log: services.delivery.log().clone(),
        dead_letters: services.dead_letters.clone(),
        sources: services.sources.clone(),
        turned_away: intake.turned_away().clone(),
        encode: rpc::convert::encode,
        tally,
    }
}

/// What operators look at is what the services stand on.
fn operations(services: &Services, tally: Option<Tally>) -> Operations {
    Operations {
        access: services.access.clone(),
        refused: services.refused.clone(),
        tally,
        delivery: services.delivery.clone(),
        subscriptions: services.subscriptions.clone(),
        sources: services.sources.clone(),
        bridges: services.bridges.clone(),
        dead_letters: services.dead_letters.clone(),
        draining: Arc::default(),
    }
}

/// Opens what is in the data folder, off the runtime's threads.
async fn open_log(config: &Config) -> Result<(State, Log, log::Workers), StartError> {
    let (data_dir, config) = (config.data_dir.clone(), config.log.clone());
    let opening = tokio::task::spawn_blocking(move || {
        let state = State::open(&data_dir)?;
        let tools = log::Tools {
            decode: rpc::convert::decode_parts,
            clock: clock::now,
        };
        let (log, workers) = Log::open(&config, &data_dir.join("log"), &state, tools)?;
        Ok((state, log, workers))
    });
    match opening.await {
        Ok(opened) => opened,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Says for the services that take alerts whether they can.
async fn tell_health(server: &Server, mut trouble: watch::Receiver<Option<Trouble>>) {
    loop {
        let is_in_trouble = trouble.borrow_and_update().is_some();
        server.set_taking(!is_in_trouble).await;
        // `server` serves the log, which has the sender.
        if trouble.changed().await.is_err() {
            return;
        }
    }
}

/// Waits for `work` until its deadline, and says so when it is up.
async fn within(deadline: Duration, what: &str, work: impl Future<Output = ()>) {
    if timeout(deadline, work).await.is_err() {
        tracing::warn!(?deadline, "{what} did not end in time and are left behind");
    }
}
