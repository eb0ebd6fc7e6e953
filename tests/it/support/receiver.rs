//! What a bridge posts to: answers as it is told, or not at all.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

use super::in_time;

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    /// Of all requests, from 0.
    pub(crate) number: usize,
    /// The request line and the headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A status, a line of headers or none, and a body.
    Is(u16, &'static str, String),
    /// It takes the request, and is gone.
    HangUp,
    /// It takes the request, and says nothing.
    Silence,
}

type Answers = dyn FnMut(&Posted) -> Answer + Send;

/// A receiver. Dropping it closes its listener and its connections.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    posted: Arc<Mutex<Vec<Posted>>>,
    answers: Arc<Mutex<Box<Answers>>>,
    server: JoinSet<()>,
}

pub(crate) fn ok() -> Answer {
    Answer::Is(200, "", "taken".to_owned())
}

impl Receiver {
    pub(crate) async fn start(answers: impl FnMut(&Posted) -> Answer + Send + 'static) -> Self {
        let mut receiver = Self {
            address: free_address().await,
            posted: Arc::default(),
            answers: Arc::new(Mutex::new(Box::new(answers))),
            server: JoinSet::new(),
        };
        receiver.come_back().await;
        receiver
    }

    /// Nobody listens, and all connections are gone.
    pub(crate) async fn go_away(&mut self) {
        self.server.shutdown().await;
    }

    /// Where it was.
    pub(crate) async fn come_back(&mut self) {
        let address = self.address;
        let bound = in_time(async {
            loop {
                match TcpListener::bind(address).await {
                    Ok(listener) => return listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        });
        let listener = bound.await;
        let (posted, answers) = (Arc::clone(&self.posted), Arc::clone(&self.answers));
        self.server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                connections.spawn(serve(stream, Arc::clone(&posted), Arc::clone(&answers)));
            }
        });
    }

    pub(crate) fn answer(&self, answers: impl FnMut(&Posted) -> Answer + Send + 'static) {
        *self.answers.lock().unwrap() = Box::new(answers);
    }

    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    /// Waits until `is_enough` of what was posted.
    pub(crate) async fn wait_for(&self, is_enough: impl Fn(&[Posted]) -> bool) -> Vec<Posted> {
        in_time(async {
            loop {
                let posted = self.posted();
                if is_enough(&posted) {
                    return posted;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }
}

/// One that nobody listens on.
pub(crate) async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

async fn serve(
    stream: TcpStream,
    posted: Arc<Mutex<Vec<Posted>>>,
    answers: Arc<Mutex<Box<Answers>>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some((head, body)) = request(&mut stream).await {
        let answer = {
            let mut posted = posted.lock().unwrap();
            let request = Posted {
                number: posted.len(),
                head,
                body,
                at: Instant::now(),
            };
            let answer = answers.lock().unwrap()(&request);
            posted.push(request);
            answer
        };
        match answer {
            Answer::HangUp => return,
            Answer::Silence => std::future::pending().await,
            Answer::Is(status, header, body) => {
                let length = body.len();
                let end = if header.is_empty() { "" } else { "\r\n" };
                let text = format!(
                    "HTTP/1.1 {status} x\r\n{header}{end}content-length: {length}\r\n\r\n{body}"
                );
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = stream.read_line(&mut head).await.ok()?;
        if read == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|it| it.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |it| it.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}
