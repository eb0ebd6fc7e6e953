use std::{io, path::PathBuf};

use jiff::Timestamp;
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{self, server::TcpIncoming};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use super::{alert_service::Alerts, gateway_service::Gateway, ingest_service::Ingest};
use crate::{
    delivery::Delivery,
    log::DeadLetters,
    pb::{
        self, alert_service_server::AlertServiceServer,
        gateway_service_server::GatewayServiceServer, ingest_service_server::IngestServiceServer,
    },
    source::{Intake, SourceHandle, Sources},
};

/// The largest request that is read.
const LARGEST_REQUEST: usize = 16 << 20;

/// What a connection may have in flight towards the gateway.
const RECEIVE_WINDOW: u32 = 1 << 20;

/// Streams of one connection; hyper's own limit of 200 is too low for a service
/// that opens a stream for each of its users.
const STREAMS_PER_CONNECTION: u32 = 10_000;

/// The name of the service that takes alerts.
const INGEST: &str = "falcogateway.v1.IngestService";

/// The services' names, as the health service knows them; the empty one is the
/// server as a whole.
const SERVICES: [&str; 4] = [
    "",
    "falcogateway.v1.AlertService",
    "falcogateway.v1.GatewayService",
    INGEST,
];

/// What the services stand on.
#[derive(Debug, Clone)]
pub struct Services {
    /// For reading.
    pub delivery: Delivery,
    /// For operators.
    pub sources: Sources,
    /// For operators.
    pub dead_letters: DeadLetters,
    /// For publishing.
    pub intake: Intake,
    /// As what published alerts come.
    pub publish: SourceHandle,
    /// When the gateway started.
    pub start_time: Timestamp,
}

/// Where a server listens.
#[derive(Debug)]
pub enum Listener {
    /// On TCP.
    Tcp(TcpListener),
    /// On a unix socket, whose file goes when the server ends.
    Unix(UnixListener, PathBuf),
}

/// All services, ready to serve any number of listeners.
#[derive(Debug, Clone)]
pub struct Server {
    services: Services,
    health: HealthReporter,
}

impl Server {
    /// A server of `services`, and the service with which it tells its health.
    pub fn new(services: Services) -> Self {
        Self {
            services,
            health: HealthReporter::new(),
        }
    }

    /// Says for every service that it serves.
    pub async fn set_serving(&self) {
        self.report(ServingStatus::Serving).await;
    }

    /// Says for every service that it serves no more; open calls go on.
    pub async fn set_draining(&self) {
        self.report(ServingStatus::NotServing).await;
    }

    /// Says whether the service that takes alerts does.
    pub async fn set_taking(&self, takes: bool) {
        let status = if takes {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.health.set_service_status(INGEST, status).await;
    }

    /// Ends the streams of those who watch the health, which would else hold the
    /// server's end for as long as they like.
    pub async fn end_watches(&self) {
        let mut health = self.health.clone();
        for service in SERVICES {
            health.clear_service_status(service).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        for service in SERVICES {
            self.health.set_service_status(service, status).await;
        }
    }

    /// Serves `listener` until `shutdown`, and then until its open calls end.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        &self,
        listener: Listener,
        shutdown: CancellationToken,
    ) -> Result<(), transport::Error> {
        let router = self.router();
        match listener {
            Listener::Tcp(listener) => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                router
                    .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned())
                    .await
            }
            Listener::Unix(listener, path) => {
                let incoming = UnixListenerStream::new(listener);
                let served = router
                    .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned())
                    .await;
                remove_socket(&path);
                served
            }
        }
    }

    fn router(&self) -> transport::server::Router {
        let services = self.services.clone();
        transport::Server::builder()
            .initial_stream_window_size(RECEIVE_WINDOW)
            .initial_connection_window_size(RECEIVE_WINDOW)
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .add_service(HealthServer::new(HealthService::from_health_reporter(
                self.health.clone(),
            )))
            .add_optional_service(reflection().build_v1().ok())
            .add_optional_service(reflection().build_v1alpha().ok())
            .add_service(AlertServiceServer::new(Alerts {
                delivery: services.delivery.clone(),
            }))
            .add_service(GatewayServiceServer::new(Gateway {
                delivery: services.delivery,
                sources: services.sources,
                dead_letters: services.dead_letters,
                start_time: services.start_time,
            }))
            .add_service(
                IngestServiceServer::new(Ingest {
                    intake: services.intake,
                    source: services.publish,
                })
                .max_decoding_message_size(LARGEST_REQUEST),
            )
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

fn remove_socket(path: &std::path::Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "failed to remove the socket");
    }
}
