//! A running source of Falco's gRPC, with its status.

use std::{path::Path, time::Duration};

use falco_gateway::{
    alert::{Origin, Transport},
    clock,
    source::{
        SourceState, SourceStatus, Sources,
        falco_grpc::{self, Config},
    },
    units::Span,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{soon, writer::Writer};

#[derive(Debug)]
pub(crate) struct Subscription {
    sources: Sources,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

/// A configuration with short times, for a Falco on a socket.
pub(crate) fn quick(socket: &Path) -> Config {
    quickly(Config::new(format!("unix://{}", socket.display())))
}

/// The same configuration with short times.
pub(crate) fn quickly(config: Config) -> Config {
    let millis = |millis| Span(Duration::from_millis(millis));
    Config {
        poll_interval: millis(20),
        max_backoff: millis(20),
        ..config
    }
}

impl Subscription {
    pub(crate) fn start(config: Config, writer: &Writer) -> Self {
        Self::start_as("falco", config, writer)
    }

    pub(crate) fn start_as(id: &str, config: Config, writer: &Writer) -> Self {
        let sources = Sources::new();
        let origin = Origin::new(id, Transport::FalcoGrpc);
        let handle = sources.register(origin, config.address.clone(), clock::now());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(falco_grpc::run(
            config,
            writer.intake(),
            handle,
            shutdown.clone(),
        ));
        Self {
            sources,
            shutdown,
            task,
        }
    }

    pub(crate) fn status(&self) -> SourceStatus {
        self.sources.list().remove(0)
    }

    /// Waits for a state with a detail that has these words in it.
    pub(crate) async fn wait_for(&self, state: SourceState, words: &str) {
        let mut version = self.sources.version();
        let what = format!("{state:?} with {words:?}, last {:?}", self.status());
        let reached = async {
            loop {
                version.borrow_and_update();
                let status = self.status();
                if status.state == state && status.detail.contains(words) {
                    return;
                }
                version.changed().await.unwrap();
            }
        };
        soon(&what, reached).await;
    }

    /// Begins the shutdown.
    pub(crate) fn begin_stop(&self) {
        self.shutdown.cancel();
    }

    /// Shuts the source down, waits until it is, and returns its last status.
    pub(crate) async fn stop(self) -> SourceStatus {
        self.shutdown.cancel();
        self.ended().await
    }

    /// Waits for the end, and returns the last status.
    pub(crate) async fn ended(self) -> SourceStatus {
        soon("the source's end", self.task).await.unwrap();
        self.sources.list().remove(0)
    }

    /// Ends the source as a crash would: nothing it has in hand gets any further.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = soon("the source's death", self.task).await;
    }
}
