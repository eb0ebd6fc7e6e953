//! A whole gateway, reached as its users reach it: over its sockets.

use std::net::SocketAddr;

use falco_gateway::{
    config::{Config, Listen, SourceConfig},
    gateway::{Gateway, Reload, ReloadError, Reloaded},
    pb::{
        self, alert_service_client::AlertServiceClient,
        gateway_service_client::GatewayServiceClient, ingest_service_client::IngestServiceClient,
        stream_alerts_request::Start,
    },
    source::http,
    web,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Status, transport::Channel};

use super::{
    frames::Frames,
    http::{Answer, Client},
    in_time, soon,
};

#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: String,
    /// Of all listeners.
    pub(crate) addresses: Vec<String>,
    http: SocketAddr,
    operations: SocketAddr,
    channel: Channel,
    reload: std::sync::Mutex<Option<Reload>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    _data: Option<tempfile::TempDir>,
}

/// Everything on loopback ports that are free. The data folder is still to be
/// given.
pub(crate) fn loopback() -> Config {
    Config {
        listen: vec![Listen::plaintext("127.0.0.1:0")],
        sources: vec![SourceConfig::http(http::Config {
            listen: "127.0.0.1:0".to_owned(),
            ..http::Config::default()
        })],
        operations: web::Config {
            listen: "127.0.0.1:0".to_owned(),
            falco_events: true,
            ..web::Config::default()
        },
        data_dir: "/dev/null/no folder".into(),
        ..Config::default()
    }
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(loopback()).await
    }

    pub(crate) async fn with(mut config: Config) -> Self {
        let data = tempfile::tempdir().unwrap();
        config.data_dir = data.path().to_owned();
        Self {
            _data: Some(data),
            ..Self::in_place(config).await
        }
    }

    /// In the data folder that `config` names.
    pub(crate) async fn in_place(config: Config) -> Self {
        let gateway = Gateway::bind(config).await.unwrap();
        let addresses = gateway.grpc_addresses();
        let address = addresses[0].clone();
        let http = gateway.http_addresses().remove(0);
        let operations = gateway.operations_address().unwrap();
        let reload = std::sync::Mutex::new(Some(gateway.reload()));
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(gateway.run(shutdown.clone()));
        let channel = Channel::from_shared(address.clone()).unwrap();
        Self {
            address,
            addresses,
            http,
            operations,
            channel: soon("a connection", channel.connect()).await.unwrap(),
            reload,
            shutdown,
            task,
            _data: None,
        }
    }

    pub(crate) fn http_address(&self) -> SocketAddr {
        self.http
    }

    pub(crate) fn operations_address(&self) -> SocketAddr {
        self.operations
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn alerts(&self) -> AlertServiceClient<Channel> {
        AlertServiceClient::new(self.channel())
    }

    pub(crate) fn operations(&self) -> GatewayServiceClient<Channel> {
        GatewayServiceClient::new(self.channel())
    }

    pub(crate) fn ingest(&self) -> IngestServiceClient<Channel> {
        IngestServiceClient::new(self.channel())
    }

    /// What the operations listener says.
    pub(crate) async fn look(&self, path: &str) -> Answer {
        let mut client = Client::connect(self.operations).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: gateway\r\n\r\n");
        client.send(request).await;
        client.answer().await
    }

    /// A connection like Falco's own.
    pub(crate) async fn http(&self) -> Client {
        Client::connect(self.http).await
    }

    /// Posts each body, and expects each to be taken whole.
    pub(crate) async fn post_all(&self, bodies: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        let mut client = self.http().await;
        for body in bodies {
            let Answer { status, body, .. } = client.post("", body).await;
            assert_eq!((status, body.as_str()), (200, ""));
        }
    }

    pub(crate) async fn stream(&self, request: pb::StreamAlertsRequest) -> Frames {
        self.try_stream(request).await.unwrap()
    }

    pub(crate) async fn try_stream(
        &self,
        request: pb::StreamAlertsRequest,
    ) -> Result<Frames, Status> {
        let response = in_time(self.alerts().stream_alerts(request)).await?;
        Ok(Frames::new(response.into_inner()))
    }

    /// Everything that matches, from the oldest on.
    pub(crate) async fn all_that_match(&self, filter: &str) -> Vec<pb::AlertRecord> {
        let request = pb::StreamAlertsRequest {
            stop_at_head: true,
            ..from_the_start(filter)
        };
        self.stream(request).await.rest().await
    }

    pub(crate) async fn info(&self) -> pb::GetGatewayInfoResponse {
        let mut client = self.operations();
        let answer = in_time(client.get_gateway_info(pb::GetGatewayInfoRequest {})).await;
        answer.unwrap().into_inner()
    }

    pub(crate) async fn sources(&self) -> Vec<pb::SourceStatus> {
        let mut client = self.operations();
        let answer = in_time(client.list_sources(pb::ListSourcesRequest {})).await;
        answer.unwrap().into_inner().sources
    }

    pub(crate) async fn streams(&self) -> Vec<pb::StreamStatus> {
        let mut client = self.operations();
        let answer = in_time(client.list_streams(pb::ListStreamsRequest {})).await;
        answer.unwrap().into_inner().streams
    }

    /// Takes another configuration over.
    pub(crate) async fn reload(&self, config: Config) -> Result<Reloaded, ReloadError> {
        let mut reload = self.reload.lock().unwrap().take().expect("one at a time");
        let reloaded = reload.apply(config).await;
        *self.reload.lock().unwrap() = Some(reload);
        reloaded
    }

    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn stopped(self) {
        self.shutdown.cancel();
        soon("the gateway's end", self.task).await.unwrap();
    }
}

pub(crate) fn from_the_start(filter: &str) -> pb::StreamAlertsRequest {
    pb::StreamAlertsRequest {
        filter: filter.to_owned(),
        start: Some(Start::Earliest(())),
        ..pb::StreamAlertsRequest::default()
    }
}
