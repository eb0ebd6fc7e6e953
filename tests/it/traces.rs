//! Promise: what is traced can be followed from its sender to its readers, and costs no
//! alert.

use std::{
    fs::File,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use falco_gateway::pb::{self, stream_frame::Kind};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming, transport::Server};

use crate::support::{
    captures::numbered_body,
    gateway::from_the_start,
    in_time,
    process::Process,
    receiver::{Posted, Receiver, ok},
    soon,
};

/// A collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let scopes = resources.flat_map(|it| it.scope_spans);
        self.0
            .lock()
            .unwrap()
            .extend(scopes.flat_map(|it| it.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(collector.clone());
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, address)
    }

    /// All spans, once there are so many.
    async fn spans(&self, count: usize) -> Vec<Span> {
        soon("the spans", async {
            loop {
                let spans = self.0.lock().unwrap().clone();
                if spans.len() >= count {
                    return spans;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }
}

/// Posts an alert as somebody who may trace.
async fn post(gateway: SocketAddr, number: usize, header: &str) {
    let body = numbered_body(number, 10);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nContent-Length: {}\r\n{header}\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

async fn next_alert(stream: &mut Streaming<pb::StreamFrame>) -> pb::Alert {
    loop {
        let frame = in_time(stream.message()).await.unwrap().unwrap();
        if let Some(Kind::Alerts(batch)) = frame.kind {
            assert_eq!(batch.records.len(), 1);
            return batch.records[0].decode_alert().unwrap();
        }
    }
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENDER: &str = "00f067aa0ba902b7";

/// What a sender says of its trace.
fn sent(flags: &str) -> String {
    format!("00-{TRACE}-{SENDER}-{flags}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_alert_is_followed_from_its_sender_to_its_readers() {
    let (collector, address) = Collector::start().await;
    let receiver = Receiver::start(|_| ok()).await;
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "{{}}\ntraces: {{endpoint: \"http://{address}\", one_in: 0}}\nbridges:\n\
         - {{name: siem, webhook: {{url: \"http://{}/in\", body: lines}}}}",
        receiver.address
    );
    let gateway = Process::start(folder.path(), &config).await;
    let request = from_the_start("");
    let mut stream = gateway.alerts().stream_alerts(request).await.unwrap();
    let stream = stream.get_mut();

    let header = |flags| format!("Traceparent: {}\r\n", sent(flags));
    post(gateway.http, 1, &header("01")).await;
    let followed = next_alert(stream).await;
    post(gateway.http, 2, &header("00")).await;
    post(gateway.http, 3, "").await;
    for _ in 0..2 {
        assert_eq!(next_alert(stream).await.traceparent, "");
    }
    let lines = |posted: &[Posted]| -> usize {
        let lines = posted.iter().map(|it| it.body.lines().count());
        lines.sum()
    };
    receiver.wait_for(|posted| lines(posted) == 3).await;

    // Two of them are delivered: to this stream, and to the bridge.
    let spans = collector.spans(6).await;
    let of_name = |name: &str| -> Vec<&Span> {
        let found = spans.iter().filter(|span| span.name == name);
        found.collect()
    };
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    let [ingest] = of_name("ingest")[..] else {
        panic!("{spans:#?}");
    };
    assert_eq!(hex(&ingest.parent_span_id), SENDER);
    let place = format!("00-{TRACE}-{}-01", hex(&ingest.span_id));
    assert_eq!(followed.traceparent, place);
    for (name, count) in [("normalize", 1), ("commit", 1), ("deliver", 2), ("send", 1)] {
        let steps = of_name(name);
        assert_eq!(steps.len(), count, "{name}: {spans:#?}");
        for step in steps {
            assert_eq!(step.parent_span_id, ingest.span_id, "{name}");
        }
    }
    let send = of_name("send")[0];
    let posted = receiver.posted();
    let carried = format!("\r\ntraceparent: 00-{TRACE}-{}-01\r\n", hex(&send.span_id));
    let heads = posted.iter().filter(|it| it.head.contains("traceparent"));
    let heads: Vec<_> = heads.map(|it| &it.head).collect();
    assert!(heads.len() == 1 && heads[0].contains(&carried), "{heads:?}");
}

#[tokio::test]
async fn a_call_is_followed_for_its_caller() {
    let (collector, address) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{{}}\ntraces: {{endpoint: \"http://{address}\", one_in: 0}}");
    let gateway = Process::start(folder.path(), &config).await;
    for flags in ["00", "01"] {
        let mut request = Request::new(pb::ListAlertsRequest::default());
        let header = sent(flags).parse().unwrap();
        request.metadata_mut().insert("traceparent", header);
        gateway.alerts().list_alerts(request).await.unwrap();
    }
    let spans = collector.spans(1).await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].name, "falcogateway.v1.AlertService/ListAlerts");
    assert_eq!(hex(&spans[0].parent_span_id), SENDER);
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_no_alert_and_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("stderr");
    // Nobody listens there.
    let config = "{}\ntraces: {endpoint: \"http://127.0.0.1:1\", one_in: 1}";
    let mut gateway = Process::start(folder.path(), config).await;
    let log = gateway.take_log();
    let copied = tokio::spawn(async move {
        let mut file = tokio::fs::File::from_std(File::create(&told).unwrap());
        let mut log = log;
        tokio::io::copy(&mut log, &mut file).await.unwrap();
        std::fs::read_to_string(told).unwrap()
    });
    let mut stream = gateway
        .alerts()
        .stream_alerts(from_the_start(""))
        .await
        .unwrap();
    for number in 0..20 {
        post(gateway.http, number, "").await;
        let alert = next_alert(stream.get_mut()).await;
        assert_eq!(alert.rule, format!("r{number}"));
        assert!(!alert.traceparent.is_empty());
        // So that there are several attempts.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let id = i32::try_from(gateway.id()).unwrap();
    kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
    let told = in_time(copied).await.unwrap();
    let complaints = told.matches("the collector does not take traces").count();
    assert_eq!(complaints, 1, "{told}");
}
