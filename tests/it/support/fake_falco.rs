//! A Falco as far as its gRPC server goes, with the habits of the real one that
//! the captures tell of: one queue, popped by polls; no response headers
//! before the first alert; popped is gone; the end of the requests is never
//! answered; a shutdown that waits for a request of each client and throws an
//! alert away for it.

mod outputs;
mod serve;
mod sub;

use std::path::{Path, PathBuf};

use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

pub(crate) use self::outputs::Outputs;
use self::serve::Listener;
use super::soon;

/// A running Falco. Dropping it is a SIGKILL.
#[derive(Debug)]
pub(crate) struct FakeFalco {
    address: String,
    socket: Option<PathBuf>,
    stopping: watch::Sender<bool>,
    server: JoinSet<()>,
}

impl FakeFalco {
    /// Listens on a socket, also where a killed one left its own.
    pub(crate) fn on_socket(path: &Path, outputs: &Outputs) -> Self {
        let _ = std::fs::remove_file(path);
        let listener = Listener::Socket(UnixListener::bind(path).unwrap());
        let address = format!("unix://{}", path.display());
        Self::start(listener, address, Some(path.to_owned()), outputs)
    }

    /// Listens on a free port of the loopback, for mutual TLS.
    pub(crate) async fn on_tls(acceptor: TlsAcceptor, outputs: &Outputs) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        Self::start(Listener::Tls(listener, acceptor), address, None, outputs)
    }

    fn start(
        listener: Listener,
        address: String,
        socket: Option<PathBuf>,
        outputs: &Outputs,
    ) -> Self {
        let (stopping, stops) = watch::channel(false);
        let mut server = JoinSet::new();
        server.spawn(serve::serve(listener, outputs.clone(), stops));
        Self {
            address,
            socket,
            stopping,
            server,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// SIGTERM: from now on the next request of a call ends it.
    pub(crate) fn begin_shutdown(&self) {
        self.stopping.send_replace(true);
    }

    /// SIGTERM, and waits for the exit, which every open call delays.
    pub(crate) async fn shut_down(mut self) {
        self.begin_shutdown();
        soon("Falco's exit", self.server.join_next()).await;
        if let Some(socket) = &self.socket {
            std::fs::remove_file(socket).unwrap();
        }
    }

    /// SIGKILL: the socket's file stays.
    pub(crate) async fn kill(mut self) {
        self.server.shutdown().await;
    }
}
