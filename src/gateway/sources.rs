use std::net::SocketAddr;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::listen::{self, ListenError};
use crate::{
    alert::{Origin, Transport},
    clock,
    config::{Config, PUBLISH_ID, SourceConfig, SourceKind},
    source::{Intake, SourceHandle, SourceState, Sources, falco_grpc, file, http, stdin},
    state::State,
    tls::Acceptor,
};

/// A source that is to run.
#[derive(Debug)]
pub(super) struct BoundSource {
    kind: BoundKind,
    handle: SourceHandle,
}

#[derive(Debug)]
enum BoundKind {
    Http(http::Config, tokio::net::TcpListener, Option<Acceptor>),
    FalcoGrpc(falco_grpc::Config),
    File(file::Config),
    Stdin(stdin::Config),
}

/// All sources that `config` names, registered; their listeners are bound.
pub(super) async fn bind_all(
    config: &Config,
    sources: &Sources,
) -> Result<Vec<BoundSource>, ListenError> {
    let mut bound = Vec::new();
    for source in &config.sources {
        bound.push(bind(source, config, sources).await?);
    }
    Ok(bound)
}

/// What published alerts come from.
pub(super) fn publish(sources: &Sources, now: Timestamp) -> SourceHandle {
    let origin = Origin::new(PUBLISH_ID, Transport::Publish);
    let publish = sources.register(origin, "the ingest service".to_owned(), now);
    publish.enter(SourceState::Connected, "", now);
    publish
}

/// Registers `source`, whose listener, if it has one, is bound then.
async fn bind(
    source: &SourceConfig,
    config: &Config,
    sources: &Sources,
) -> Result<BoundSource, ListenError> {
    let kind = source.kind().map_err(ListenError::Source)?;
    let (kind, transport, address) = match kind {
        SourceKind::Http(http) => {
            let (listener, acceptor) =
                listen::http(&http.listen, http.tls.as_ref(), config).await?;
            let address = listener
                .local_addr()
                .map_or_else(|_| http.listen.clone(), |address| address.to_string());
            (
                BoundKind::Http(http, listener, acceptor),
                Transport::Http,
                address,
            )
        }
        SourceKind::FalcoGrpc(falco) => {
            let address = falco.address.clone();
            (BoundKind::FalcoGrpc(falco), Transport::FalcoGrpc, address)
        }
        SourceKind::File(file) => {
            let address = file.path.display().to_string();
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
    /// What speaks TLS with those who post.
    pub(super) fn acceptor(&self) -> Option<&Acceptor> {
        match &self.kind {
            BoundKind::Http(_, _, acceptor) => acceptor.as_ref(),
            BoundKind::FalcoGrpc(_) | BoundKind::File(_) | BoundKind::Stdin(_) => None,
        }
    }

    /// Where alerts can be posted.
    pub(super) fn http_address(&self) -> Option<SocketAddr> {
        match &self.kind {
            BoundKind::Http(_, listener, _) => listener.local_addr().ok(),
            BoundKind::FalcoGrpc(_) | BoundKind::File(_) | BoundKind::Stdin(_) => None,
        }
    }

    /// Takes alerts until `end`.
    pub(super) async fn run(self, intake: Intake, state: State, end: CancellationToken) {
        let patient = intake.patient();
        match self.kind {
            BoundKind::Http(config, listener, acceptor) => {
                http::run(config, (listener, acceptor), intake, self.handle, end).await;
            }
            BoundKind::FalcoGrpc(config) => {
                falco_grpc::run(config, patient, self.handle, end).await;
            }
            BoundKind::File(config) => {
                file::run(config, patient, self.handle, state, end).await;
            }
            BoundKind::Stdin(config) => {
                stdin::run(config, tokio::io::stdin(), patient, self.handle, end).await;
            }
        }
    }
}
