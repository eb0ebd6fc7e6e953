//! The whole gateway: the only file that knows every stage.
//!
//! ```text
//! sources ─► intake ─► ingest ─► log ─► delivery ─► rpc
//! ```
//!
//! Going down runs in the same order: sources stop, what they submitted gets into
//! the log, streams deliver up to the head and close. All of it has a deadline.

mod listen;

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::listen::ListenError;
use crate::{
    alert::{Origin, Transport},
    clock,
    config::{Config, PUBLISH_ID, SourceConfig, SourceKind},
    delivery::Delivery,
    ingest::Ingest,
    log::{DeadLetters, Incarnation, Log},
    rpc::{self, Listener, Server, Services},
    source::{Intake, SourceHandle, Sources, Submission, falco_grpc, file, http, stdin},
};

/// How long sources may take to finish what they are at.
const SOURCES_DEADLINE: Duration = Duration::from_secs(6);

/// How long streams may take to deliver what is in the log.
const STREAMS_DEADLINE: Duration = Duration::from_secs(5);

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
}

#[derive(Debug)]
struct BoundSource {
    kind: BoundKind,
    handle: SourceHandle,
}

#[derive(Debug)]
enum BoundKind {
    Http(http::Config, tokio::net::TcpListener),
    FalcoGrpc(falco_grpc::Config),
    File(file::Config),
    Stdin(stdin::Config),
}

impl Gateway {
    /// Binds everything that `config` names; `config` must have been checked.
    ///
    /// # Errors
    /// When a listener cannot be bound, or must not be.
    pub async fn bind(config: Config) -> Result<Self, ListenError> {
        let (intake, submissions) =
            Intake::new(usize::try_from(config.intake.0).unwrap_or(usize::MAX));
        let log = Log::new(&config.log, Incarnation(fastrand::u64(..)));
        let sources = Sources::new();
        let dead_letters = DeadLetters::default();
        let streams_end = CancellationToken::new();
        let mut bound = Vec::new();
        for source in &config.sources {
            bound.push(bind_source(source, &config, &sources).await?);
        }
        let mut listeners = Vec::new();
        for address in &config.listen {
            listeners.push(listen::grpc(address, config.allow_plaintext_off_loopback).await?);
        }
        let now = clock::now();
        let publish = Origin::new(PUBLISH_ID, Transport::Publish);
        let publish = sources.register(publish, "the ingest service".to_owned(), now);
        publish.enter(crate::source::SourceState::Connected, "", now);
        let delivery = Delivery::new(
            config.delivery,
            log.clone(),
            sources.clone(),
            streams_end.clone(),
        );
        Ok(Self {
            sources: bound,
            listeners,
            server: Server::new(Services {
                delivery,
                sources: sources.clone(),
                dead_letters: dead_letters.clone(),
                intake: intake.clone(),
                publish,
                start_time: now,
            }),
            ingest: Ingest {
                log,
                dead_letters,
                sources,
                encode: rpc::convert::encode,
            },
            submissions,
            intake,
            streams_end,
        })
    }

    /// Where the gRPC services can be reached, for clients of this gateway.
    pub fn grpc_addresses(&self) -> Vec<String> {
        self.listeners.iter().map(listen::url).collect()
    }

    /// Where alerts can be posted.
    pub fn http_addresses(&self) -> Vec<SocketAddr> {
        self.sources
            .iter()
            .filter_map(|source| match &source.kind {
                BoundKind::Http(_, listener) => listener.local_addr().ok(),
                BoundKind::FalcoGrpc(_) | BoundKind::File(_) | BoundKind::Stdin(_) => None,
            })
            .collect()
    }

    /// Runs until `shutdown`, and then until everything has ended or its time is
    /// up.
    pub async fn run(self, shutdown: CancellationToken) {
        let sources_end = CancellationToken::new();
        let running_sources = TaskTracker::new();
        for source in self.sources {
            let run = source.run(self.intake.clone(), sources_end.clone());
            running_sources.spawn(run);
        }
        running_sources.close();
        let ingest = tokio::spawn(self.ingest.run(self.submissions));
        let servers = TaskTracker::new();
        for listener in self.listeners {
            let server = self.server.clone();
            let end = self.streams_end.clone();
            servers.spawn(async move {
                if let Err(error) = server.serve(listener, end).await {
                    tracing::error!(%error, "a gRPC listener failed");
                }
            });
        }
        servers.close();
        self.server.set_serving().await;

        shutdown.cancelled().await;
        self.server.set_draining().await;
        sources_end.cancel();
        within(SOURCES_DEADLINE, "the sources", running_sources.wait()).await;
        self.intake.close();
        self.streams_end.cancel();
        self.server.end_watches().await;
        within(STREAMS_DEADLINE, "the open streams", servers.wait()).await;
        ingest.abort();
    }
}

/// Waits for `work` until its deadline, and says so when it is up.
async fn within(deadline: Duration, what: &str, work: impl Future<Output = ()>) {
    if timeout(deadline, work).await.is_err() {
        tracing::warn!(?deadline, "{what} did not end in time and are left behind");
    }
}

async fn bind_source(
    source: &SourceConfig,
    config: &Config,
    sources: &Sources,
) -> Result<BoundSource, ListenError> {
    let kind = source.kind().map_err(ListenError::Source)?;
    let (kind, transport, address) = match kind {
        SourceKind::Http(http) => {
            let listener = listen::tcp(&http.listen, config.allow_plaintext_off_loopback).await?;
            let address = listener
                .local_addr()
                .map_or_else(|_| http.listen.clone(), |address| address.to_string());
            (BoundKind::Http(http, listener), Transport::Http, address)
        }
        SourceKind::FalcoGrpc(falco) => {
            let address = falco.address.clone();
            (BoundKind::FalcoGrpc(falco), Transport::FalcoGrpc, address)
        }
        SourceKind::File(mut file) => {
            let address = file.path.display().to_string();
            file.checkpoint = Some(file.checkpoint_in(&config.data_dir));
            (BoundKind::File(file), Transport::File, address)
        }
        SourceKind::Stdin(stdin) => (
            BoundKind::Stdin(stdin),
            Transport::Stdin,
            "standard input".to_owned(),
        ),
    };
    Ok(BoundSource {
        kind,
        handle: sources.register(source.origin(transport), address, clock::now()),
    })
}

impl BoundSource {
    async fn run(self, intake: Intake, end: CancellationToken) {
        match self.kind {
            BoundKind::Http(config, listener) => {
                http::run(config, listener, intake, self.handle, end).await;
            }
            BoundKind::FalcoGrpc(config) => {
                falco_grpc::run(config, intake, self.handle, end).await;
            }
            BoundKind::File(config) => file::run(config, intake, self.handle, end).await,
            BoundKind::Stdin(config) => {
                stdin::run(config, tokio::io::stdin(), intake, self.handle, end).await;
            }
        }
    }
}
