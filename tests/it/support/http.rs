//! The HTTP input under test, and a client that sends what it is told to.

use std::net::SocketAddr;

use falco_gateway::{
    alert::Transport,
    source::{Intake, http},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{in_time, intake::Observed};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) observed: Observed,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(config: http::Config, intake: Intake) -> Self {
        config.check().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let observed = Observed::new(Transport::Http);
        let shutdown = CancellationToken::new();
        let source = observed.source.clone();
        let serving = http::run(config, (listener, None), intake, source, shutdown.clone());
        Self {
            address,
            observed,
            shutdown,
            task: tokio::spawn(serving),
        }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn once(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.client().await;
        client.send(request).await;
        client.answer().await
    }

    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn stopped(self) -> Observed {
        self.shutdown.cancel();
        in_time(self.task).await.unwrap();
        self.observed
    }
}

pub(crate) struct Client(BufReader<TcpStream>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = in_time(TcpStream::connect(address)).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// Sends, and says whether all of it was taken; mostly the answer tells.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        in_time(self.0.get_mut().write_all(bytes.as_ref()))
            .await
            .is_ok()
    }

    pub(crate) async fn post(&mut self, headers: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(post(headers, body)).await;
        self.answer().await
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        in_time(self.read_answer()).await.expect("an answer")
    }

    /// The answer, or none if the connection ends first.
    pub(crate) async fn read_answer(&mut self) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let headers = head.to_ascii_lowercase();
        let length = headers
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.ok()?;
        Some(Answer {
            status,
            headers,
            body: String::from_utf8(body).unwrap(),
        })
    }

    /// Waits for the connection's end.
    pub(crate) async fn end(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = in_time(self.0.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{rest:?}");
    }

    pub(crate) async fn send_no_more(&mut self) {
        self.0.get_mut().shutdown().await.unwrap();
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.0.into_inner()
    }
}

/// A request with a body; `headers` are whole lines.
pub(crate) fn post(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let mut request =
        format!("POST / HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n")
            .into_bytes();
    request.extend_from_slice(body);
    request
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}
