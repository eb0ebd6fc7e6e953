use std::{
    fs, io,
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, UnixListener, lookup_host};

use crate::rpc::Listener;

/// Why the gateway does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be had.
    #[error("failed to listen on {address}: {error}")]
    Bind {
        /// Which.
        address: String,
        /// Why not.
        error: io::Error,
    },
    /// Whoever could reach it could read every alert.
    #[error(
        "refused to listen on {address}: it can be reached from other machines, and this gateway has no TLS yet; listen on 127.0.0.1 or a unix socket, or set allow_plaintext_off_loopback: true"
    )]
    Plaintext {
        /// Which.
        address: String,
    },
    /// Another process serves this socket.
    #[error("failed to listen on {address}: another process is listening there")]
    Taken {
        /// Which.
        address: String,
    },
    /// A source that was not checked.
    #[error("{0}")]
    Source(String),
}

const UNIX: &str = "unix://";

/// A listener for gRPC: `host:port` or `unix:///path`.
pub(super) async fn grpc(address: &str, plaintext: bool) -> Result<Listener, ListenError> {
    match address.strip_prefix(UNIX) {
        Some(path) => unix(Path::new(path)),
        None => Ok(Listener::Tcp(tcp(address, plaintext).await?)),
    }
}

/// A TCP listener, on loopback unless `plaintext` is allowed elsewhere.
pub(super) async fn tcp(address: &str, plaintext: bool) -> Result<TcpListener, ListenError> {
    let failed = |error| ListenError::Bind {
        address: address.to_owned(),
        error,
    };
    let addresses: Vec<_> = lookup_host(address).await.map_err(failed)?.collect();
    if !plaintext && addresses.iter().any(|address| !address.ip().is_loopback()) {
        return Err(ListenError::Plaintext {
            address: address.to_owned(),
        });
    }
    TcpListener::bind(addresses.as_slice())
        .await
        .map_err(failed)
}

fn unix(path: &Path) -> Result<Listener, ListenError> {
    let address = format!("{UNIX}{}", path.display());
    let failed = |error| ListenError::Bind {
        address: address.clone(),
        error,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    // A socket file outlives a process that was killed: nobody answers there. A
    // file of another kind is somebody's, and binding says that it is in the way.
    if fs::metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        if UnixStream::connect(path).is_ok() {
            return Err(ListenError::Taken { address });
        }
        fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    Ok(Listener::Unix(listener, PathBuf::from(path)))
}

/// What a client connects to.
pub(super) fn url(listener: &Listener) -> String {
    match listener {
        Listener::Tcp(listener) => listener.local_addr().map_or_else(
            |_| "unknown".to_owned(),
            |address| format!("http://{address}"),
        ),
        Listener::Unix(_, path) => format!("{UNIX}{}", path.display()),
    }
}
