//! A server in a process of its own.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::net::TcpStream;

use crate::stats::cpu_seconds;

pub(crate) struct Server(Child);

impl Server {
    /// Starts it; none when there is no such program.
    pub(crate) fn start(command: &mut Command) -> Option<Self> {
        let spawned = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        spawned.ok().map(Self)
    }

    /// One of this program's own servers, on `port`.
    pub(crate) fn own(role: &str, port: u16) -> Self {
        Self::own_with(role, port, Path::new(""))
    }

    /// The same, which is told of `file`.
    pub(crate) fn own_with(role: &str, port: u16, file: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        Self::start(command.arg(role).arg(port.to_string()).arg(file)).unwrap()
    }

    /// The gateway.
    pub(crate) fn gateway(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_falco-gateway"));
        Self::start(command.arg("serve").arg("--config").arg(config)).unwrap()
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(&self.0.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that is free, as is the one after it. Those that the system gives to
/// clients are not used: they are theirs for a while after.
pub(crate) fn free_port() -> u16 {
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let port = fastrand::u16(20_000..30_000);
        if is_free(port) && is_free(port + 1) {
            return port;
        }
    }
}

/// Connects as soon as somebody listens.
pub(crate) async fn connect(port: u16) -> TcpStream {
    for _ in 0..3000 {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            stream.set_nodelay(true).unwrap();
            return stream;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody listens on {port}");
}
