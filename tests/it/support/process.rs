//! The binary as a process that can be killed.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use falco_gateway::pb::{
    alert_service_client::AlertServiceClient, gateway_service_client::GatewayServiceClient,
    ingest_service_client::IngestServiceClient,
    subscription_service_client::SubscriptionServiceClient,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStderr, Command},
};
use tonic::transport::Channel;

use super::{soon, unix};

/// A gateway on a socket in its data folder, with an HTTP input and a file that it
/// follows.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) http: SocketAddr,
    /// Its listener for gRPC over TCP, host and port, where it has one.
    pub(crate) grpc: String,
    channel: Channel,
    /// Kept open, so that the gateway can write to it.
    log: Option<BufReader<ChildStderr>>,
}

/// How to run the binary for the configuration in `folder`.
pub(crate) fn serve(folder: &Path, log: &str) -> Command {
    let config = folder.join("gateway.yaml");
    let socket = socket(folder);
    let yaml = format!(
        "data_dir: {}\nlisten: [\"unix://{}\"]\nlog: {log}\n\
         operations: {{listen: \"127.0.0.1:0\"}}\nsources:\n\
         - {{id: edge, http: {{listen: \"127.0.0.1:0\"}}}}\n\
         - {{id: events, file: {{path: \"{}\", poll_interval: 5ms}}}}\n",
        folder.display(),
        socket.display(),
        events(folder).display(),
    );
    std::fs::write(&config, yaml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_falco-gateway"));
    command.arg("serve").arg("--config").arg(config);
    command
}

/// The file that it follows.
pub(crate) fn events(folder: &Path) -> PathBuf {
    folder.join("events.json")
}

/// The log's segments, the oldest first.
pub(crate) fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder.join("log")).unwrap();
    let mut segments: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "log"))
        .collect();
    segments.sort();
    segments
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("gateway.sock")
}

impl Process {
    /// With `log` as the log's configuration.
    pub(crate) async fn start(folder: &Path, log: &str) -> Self {
        Self::of(serve(folder, log), folder).await
    }

    /// Of a command that runs what [`serve`] made.
    pub(crate) async fn of(mut command: Command, folder: &Path) -> Self {
        let mut child = command
            .env("NO_COLOR", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let http = soon("the gateway's start", async {
            let mut told = String::new();
            loop {
                let mut line = String::new();
                log.read_line(&mut line).await.unwrap();
                assert!(!line.is_empty(), "it ended: {told}");
                if line.contains("taking alerts over HTTP") {
                    let (_, address) = line.trim().rsplit_once("address=").unwrap();
                    break (address.parse().unwrap(), told);
                }
                told += &line;
            }
        });
        let (http, told) = http.await;
        let grpc = told.split("address=http://").nth(1).unwrap_or_default();
        let grpc = grpc.lines().next().unwrap_or_default().to_owned();
        let channel = unix::connect(socket(folder)).await;
        Self {
            child,
            http,
            grpc,
            channel,
            log: Some(log),
        }
    }

    /// What it says from now on.
    pub(crate) fn take_log(&mut self) -> BufReader<ChildStderr> {
        self.log.take().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn alerts(&self) -> AlertServiceClient<Channel> {
        AlertServiceClient::new(self.channel.clone())
    }

    pub(crate) fn operations(&self) -> GatewayServiceClient<Channel> {
        GatewayServiceClient::new(self.channel.clone())
    }

    pub(crate) fn subscriptions(&self) -> SubscriptionServiceClient<Channel> {
        SubscriptionServiceClient::new(self.channel.clone())
    }

    pub(crate) fn ingest(&self) -> IngestServiceClient<Channel> {
        IngestServiceClient::new(self.channel.clone())
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// How much memory it has, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.unwrap().trim().trim_end_matches(" kB");
        resident.parse().unwrap()
    }

    /// As the kernel ends it: nothing is told, nothing is finished.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
