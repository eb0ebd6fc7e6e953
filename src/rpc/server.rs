use std::{
    fmt,
    future::{Future, ready},
    io,
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{
    service::Routes,
    transport::{Channel, Endpoint, Uri},
};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use super::{
    alert_service::Alerts,
    arrival::Arrival,
    authority::Mended,
    coalesce::Pool,
    connection,
    falco::{self, Outputs, Versions},
    gateway_service::Gateway,
    ingest_service::Ingest,
    limits::{Door, Limits, Reason, Refused},
    methods::Methods,
    page::PageCalls,
    subscription_service::DurableSubscriptions,
    web::{self, Web},
};
use crate::{
    access::Access,
    bridge::Bridges,
    delivery::{Delivery, Subscriptions},
    log::DeadLetters,
    pb::{
        self,
        server::{
            alert_service_server::AlertServiceServer,
            falco::{
                outputs::service_server::ServiceServer as OutputsServer,
                version::service_server::ServiceServer as VersionsServer,
            },
            gateway_service_server::GatewayServiceServer,
            ingest_service_server::IngestServiceServer,
            subscription_service_server::SubscriptionServiceServer,
        },
    },
    source::{Intake, SourceHandle, Sources},
    tls::Acceptor,
};

/// The largest request that is read.
const LARGEST_REQUEST: usize = 16 << 20;

/// How long no connection is accepted after one could not be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How many bytes may be on the way within the process.
const WITHIN: usize = 256 << 10;

/// The name of the service that takes alerts.
const INGEST: &str = "falcogateway.v1.IngestService";

/// The services' names, as the health service knows them; the empty one is the
/// server as a whole.
const SERVICES: [&str; 7] = [
    "",
    "falcogateway.v1.AlertService",
    "falcogateway.v1.GatewayService",
    "falcogateway.v1.SubscriptionService",
    INGEST,
    "falco.outputs.service",
    "falco.version.service",
];

/// What the services stand on.
#[derive(Debug, Clone)]
pub struct Services {
    /// Who may call what.
    pub access: Access,
    /// How much of it.
    pub limits: Limits,
    /// How often that was too much.
    pub refused: Refused,
    /// For reading.
    pub delivery: Delivery,
    /// For reading with a position that the gateway keeps.
    pub subscriptions: Subscriptions,
    /// For operators.
    pub sources: Sources,
    /// For operators.
    pub dead_letters: DeadLetters,
    /// For operators.
    pub bridges: Bridges,
    /// For publishing.
    pub intake: Intake,
    /// As what published alerts come.
    pub publish: SourceHandle,
    /// When the gateway started.
    pub start_time: Timestamp,
    /// How Falco's own API is served.
    pub falco_outputs: falco::Config,
    /// Who may call from a browser.
    pub grpc_web: web::Config,
}

/// Where a server listens.
pub enum Listener {
    /// On TCP.
    Tcp(TcpListener),
    /// On TCP, with TLS.
    Tls(TcpListener, Acceptor),
    /// On a unix socket, whose file goes when the server ends.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// What speaks TLS on it.
    pub fn acceptor(&self) -> Option<&Acceptor> {
        match self {
            Self::Tls(_, acceptor) => Some(acceptor),
            Self::Tcp(_) | Self::Unix(..) => None,
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => f.debug_tuple("Tcp").field(listener).finish(),
            Self::Tls(listener, _) => f.debug_tuple("Tls").field(listener).finish(),
            Self::Unix(_, path) => f.debug_tuple("Unix").field(path).finish(),
        }
    }
}

/// All services, ready to serve any number of listeners.
#[derive(Debug, Clone)]
pub struct Server {
    services: Services,
    health: HealthReporter,
    /// One for all listeners: their clients may share a queue.
    outputs: Option<Outputs>,
    /// One for all listeners.
    door: Door,
}

impl Server {
    /// A server of `services`, and the service with which it tells its health.
    pub fn new(services: Services) -> Self {
        let outputs = &services.falco_outputs;
        let outputs = outputs
            .enabled
            .then(|| Outputs::new(outputs.clone(), services.delivery.clone()));
        Self {
            door: Door::new(services.limits, services.refused.clone()),
            services,
            health: HealthReporter::new(),
            outputs,
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
    pub async fn serve(&self, listener: Listener, shutdown: CancellationToken) {
        let web = Web::new(self.methods(), &self.services.grpc_web);
        match listener {
            Listener::Tcp(listener) => {
                let accept = || accept_tcp(&listener);
                let at_once = |stream| ready(Ok(stream));
                accept_all(accept, at_once, (&web, &self.door), &shutdown).await;
            }
            Listener::Tls(listener, acceptor) => {
                let accept = || accept_tcp(&listener);
                let handshake = |stream| {
                    let acceptor = acceptor.clone();
                    async move { acceptor.accept(stream).await }
                };
                accept_all(accept, handshake, (&web, &self.door), &shutdown).await;
            }
            Listener::Unix(listener, path) => {
                let accept = || async { Ok((Mended::new(listener.accept().await?.0), None)) };
                let at_once = |stream| ready(Ok(stream));
                accept_all(accept, at_once, (&web, &self.door), &shutdown).await;
                remove_socket(&path);
            }
        }
    }

    /// A connection to these services from within the process, made anew whenever it
    /// breaks. Its calls end like those of all others, with `shutdown`.
    pub fn channel(&self, shutdown: CancellationToken) -> Channel {
        let web = Web::new(self.methods(), &self.services.grpc_web);
        let (pool, door) = (Pool::default(), self.door.clone());
        let connector = tower::service_fn(move |_: Uri| {
            let (ours, theirs) = tokio::io::duplex(WITHIN);
            let within = (pool.clone(), door.clone());
            tokio::spawn(connection::serve(
                theirs,
                web.clone(),
                within,
                shutdown.clone(),
            ));
            ready(Ok::<_, io::Error>(TokioIo::new(ours)))
        });
        // Of the address nothing is used.
        Endpoint::from_static("http://localhost").connect_with_connector_lazy(connector)
    }

    /// The same services for the gateway's own page, which is on another listener.
    pub fn page(&self) -> PageCalls {
        PageCalls::new(self.methods())
    }

    fn methods(&self) -> Methods {
        let services = self.services.clone();
        let subscriptions = services.subscriptions.clone();
        let mut routes = Routes::builder();
        routes
            .add_service(HealthServer::new(HealthService::from_health_reporter(
                self.health.clone(),
            )))
            .add_service(AlertServiceServer::new(Alerts {
                delivery: services.delivery.clone(),
            }))
            .add_service(SubscriptionServiceServer::new(DurableSubscriptions {
                subscriptions: services.subscriptions.clone(),
            }))
            .add_service(GatewayServiceServer::new(Gateway {
                delivery: services.delivery,
                sources: services.sources,
                dead_letters: services.dead_letters,
                bridges: services.bridges,
                subscriptions: services.subscriptions.clone(),
                start_time: services.start_time,
            }))
            .add_service(
                IngestServiceServer::new(Ingest {
                    intake: services.intake,
                    source: services.publish,
                })
                .max_decoding_message_size(LARGEST_REQUEST),
            );
        if let Some(outputs) = self.outputs.clone() {
            routes
                .add_service(OutputsServer::new(outputs))
                .add_service(VersionsServer::new(Versions));
        }
        // Its only error is a descriptor that cannot be read, and ours can.
        if let (Ok(v1), Ok(v1alpha)) = (reflection().build_v1(), reflection().build_v1alpha()) {
            routes.add_service(v1).add_service(v1alpha);
        }
        Methods {
            access: services.access,
            door: self.door.clone(),
            subscriptions,
            routes: routes.routes().prepare(),
        }
    }
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<(TcpStream, Option<IpAddr>)> {
    let (stream, address) = listener.accept().await?;
    // It fails when the peer has left already.
    let _ = stream.set_nodelay(true);
    Ok((stream, Some(address.ip())))
}

/// Serves every connection, once it is `ready`, until `shutdown`, and then until all
/// have ended.
async fn accept_all<S, F, T, G>(
    accept: impl Fn() -> F,
    ready: impl Fn(S) -> G,
    (web, door): (&Web, &Door),
    shutdown: &CancellationToken,
) where
    F: Future<Output = io::Result<(S, Option<IpAddr>)>>,
    G: Future<Output = io::Result<T>> + Send + 'static,
    T: AsyncRead + AsyncWrite + Arrival + Unpin + Send + 'static,
{
    let connections = TaskTracker::new();
    let pool = Pool::default();
    loop {
        let accepted = tokio::select! {
            accepted = accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let Some(admitted) = door.admit(address) else {
                    continue;
                };
                let (ready, shutdown) = (ready(stream), shutdown.clone());
                let (web, within) = (web.clone(), (pool.clone(), door.clone()));
                connections.spawn(async move {
                    let _admitted = admitted;
                    let ready = tokio::select! {
                        ready = ready => ready,
                        () = shutdown.cancelled() => return,
                    };
                    match ready {
                        Ok(stream) => connection::serve(stream, web, within, shutdown).await,
                        // Why was told with the handshake.
                        Err(_) => within.1.refused().count(Reason::Handshake),
                    }
                });
            }
            // The peer has left already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // The process has no descriptor left, say.
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
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
