//! What one writes with tonic without a second thought: a broadcast channel, and a
//! stream of messages for each subscriber.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use falco_gateway::pb::{
    AlertBatch, AlertRecord, StreamAlertsRequest, StreamFrame,
    alert_service_client::AlertServiceClient, stream_frame::Kind,
};
use futures_util::{Stream, StreamExt, future::BoxFuture, stream};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpListener, sync::broadcast};
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::Service,
    server::{Grpc, NamedService, ServerStreamingService},
    transport::{
        Certificate, ClientTlsConfig, Endpoint, Identity, Server as TonicServer, ServerTlsConfig,
    },
};
use tonic_prost::ProstCodec;

use crate::{
    case::{Case, SORTS},
    load::{Measured, Received, payload, run},
    process::{Server, connect, free_port},
    tls,
};

#[derive(Clone)]
struct Naive(broadcast::Sender<(usize, Bytes)>);

type Frames = std::pin::Pin<Box<dyn Stream<Item = Result<StreamFrame, Status>> + Send>>;

impl ServerStreamingService<StreamAlertsRequest> for Naive {
    type Response = StreamFrame;
    type ResponseStream = Frames;
    type Future = BoxFuture<'static, Result<Response<Frames>, Status>>;

    fn call(&mut self, request: Request<StreamAlertsRequest>) -> Self::Future {
        let wanted: Option<usize> = request.get_ref().filter.parse().ok();
        let alerts = stream::unfold(self.0.subscribe(), move |mut alerts| async move {
            let alert = loop {
                let (number, alert) = alerts.recv().await.ok()?;
                if wanted.is_none_or(|sort| number % SORTS == sort) {
                    break alert;
                }
            };
            let records = vec![AlertRecord {
                cursor: String::new(),
                alert,
            }];
            let frame = StreamFrame {
                cursor: String::new(),
                kind: Some(Kind::Alerts(AlertBatch { records })),
            };
            Some((Ok(frame), alerts))
        });
        Box::pin(async { Ok(Response::new(Box::pin(alerts) as Frames)) })
    }
}

impl NamedService for Naive {
    const NAME: &'static str = "falcogateway.v1.AlertService";
}

impl Service<http::Request<Body>> for Naive {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async {
            let mut grpc = Grpc::new(ProstCodec::default());
            Ok(grpc.server_streaming(service, request).await)
        })
    }
}

/// gRPC on the port, and numbers of alerts to publish on the next one.
pub(crate) fn serve() {
    let port: u16 = std::env::args().nth(2).unwrap().parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (alerts, _) = broadcast::channel(1 << 16);
        let control = TcpListener::bind(("127.0.0.1", port + 1)).await.unwrap();
        let publish = alerts.clone();
        tokio::spawn(async move {
            let (mut stream, _) = control.accept().await.unwrap();
            let payload = Bytes::from(payload());
            while let Ok(count) = stream.read_u32().await {
                for number in 0..count as usize {
                    let _ = publish.send((number, payload.clone()));
                }
            }
        });
        let mut server = TonicServer::builder();
        if let Some(folder) = tls::told() {
            let read = |name| std::fs::read(folder.join(name)).unwrap();
            let identity = Identity::from_pem(read("server.crt"), read("server.key"));
            server = server
                .tls_config(ServerTlsConfig::new().identity(identity))
                .unwrap();
        }
        server
            .tcp_nodelay(true)
            .max_concurrent_streams(10_000)
            .add_service(Naive(alerts))
            .serve(([127, 0, 0, 1], port).into())
            .await
            .unwrap();
    });
}

pub(crate) async fn measure(case: &Case) -> Measured {
    let port = free_port();
    let server = Server::own_with("serve-naive", port, &tls::argument(case));
    let mut publisher = connect(port + 1).await;
    drop(connect(port).await);
    let received = Arc::<Received>::default();
    let mut channels = Vec::new();
    for _ in 0..case.connections {
        let scheme = if case.tls { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://localhost:{port}")).unwrap();
        if case.tls {
            let authority = std::fs::read(tls::folder().join("ca.crt")).unwrap();
            let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
            endpoint = endpoint.tls_config(config).unwrap();
        }
        let endpoint = endpoint
            .tcp_nodelay(true)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20);
        channels.push(endpoint.connect().await.unwrap());
    }
    let mut opening = tokio::task::JoinSet::new();
    let streams = channels.iter().cycle().take(case.subscribers).cloned();
    for (stream, channel) in streams.enumerate() {
        let request = StreamAlertsRequest {
            filter: case
                .sort_of(stream)
                .map_or_else(String::new, |sort| sort.to_string()),
            ..StreamAlertsRequest::default()
        };
        opening.spawn(async move {
            let mut client = AlertServiceClient::new(channel);
            client.stream_alerts(request).await.unwrap().into_inner()
        });
    }
    for mut frames in opening.join_all().await {
        let received = Arc::clone(&received);
        tokio::spawn(async move {
            while let Some(Ok(_)) = frames.next().await {
                received.add(1)
            }
        });
    }
    let count = u32::try_from(case.burst).unwrap();
    let deliveries = case.deliveries() as u64;
    let publish = async || publisher.write_u32(count).await.unwrap();
    run(case, &server, &received, deliveries, publish).await
}
