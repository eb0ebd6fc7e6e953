use std::{
    fs::{self, Permissions},
    io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::stat::{self, Mode},
    unistd::Group,
};
use tokio::{
    net::{TcpListener, UnixListener, UnixStream, lookup_host},
    time::timeout,
};

use crate::{
    config::{Config, Listen, Socket},
    rpc::Listener,
    tls::{self, Acceptor, TlsError},
};

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
        "refused to listen on {address}: it can be reached from other machines, and it does not ask who they are; set tls with client_ca (`falco-gateway certs` makes the files), or tls and access.grants; listen on 127.0.0.1 or a unix socket; or set allow_plaintext_off_loopback: true"
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
    /// Its files for TLS are no good.
    #[error("failed to listen on {address} with TLS: {error}")]
    Tls {
        /// Which.
        address: String,
        /// Why not.
        error: TlsError,
    },
    /// A source that was not checked.
    #[error("{0}")]
    Source(String),
}

const UNIX: &str = "unix://";

/// How long it is waited for whoever listens on a socket.
const CONNECT_TIME: Duration = Duration::from_secs(2);

/// All listeners for gRPC that `config` names.
pub(super) async fn all(config: &Config) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::new();
    for listen in &config.listen {
        listeners.push(grpc(listen, config).await?);
    }
    Ok(listeners)
}

/// The listener for operations, if there is to be one.
pub(super) async fn operations(
    config: &Config,
) -> Result<Option<(TcpListener, Option<Acceptor>)>, ListenError> {
    let operations = &config.operations;
    match operations.listen.as_str() {
        "" => Ok(None),
        address => http(address, operations.tls.as_ref(), config)
            .await
            .map(Some),
    }
}

/// A listener for HTTP, and what speaks TLS on it. One that does not ask everybody for a
/// certificate is on loopback unless the configuration says otherwise.
pub(super) async fn http(
    address: &str,
    tls: Option<&tls::Config>,
    config: &Config,
) -> Result<(TcpListener, Option<Acceptor>), ListenError> {
    let acceptor = tls
        .map(|tls| acceptor(address, tls, tls::HTTP))
        .transpose()?;
    let anywhere = http_may_be_anywhere(tls, config);
    Ok((tcp(address, anywhere).await?, acceptor))
}

/// A listener for gRPC. One on which nobody is asked who he is, is on loopback unless the
/// configuration says otherwise.
async fn grpc(listen: &Listen, config: &Config) -> Result<Listener, ListenError> {
    let address = &listen.address;
    if let Some(path) = address.strip_prefix(UNIX) {
        return unix(Path::new(path), &listen.socket).await;
    }
    let anywhere = may_be_anywhere(listen, config);
    let Some(tls) = &listen.tls else {
        return Ok(Listener::Tcp(tcp(address, anywhere).await?));
    };
    let acceptor = acceptor(address, tls, tls::GRPC)?;
    Ok(Listener::Tls(tcp(address, anywhere).await?, acceptor))
}

/// Whether everybody who comes to a listener for gRPC is asked who he is, or need not be.
fn may_be_anywhere(listen: &Listen, config: &Config) -> bool {
    let asks = |tls: &tls::Config| tls.asks_everybody() || config.access.grants.is_some();
    config.allow_plaintext_off_loopback || listen.tls.as_ref().is_some_and(asks)
}

/// The same for a listener for HTTP, where there are no grants.
fn http_may_be_anywhere(tls: Option<&tls::Config>, config: &Config) -> bool {
    config.allow_plaintext_off_loopback || tls.is_some_and(tls::Config::asks_everybody)
}

/// Whether all listeners of `config` may be where they are. Binds none, and reads no file.
pub(super) async fn check(config: &Config) -> Result<(), ListenError> {
    for listen in &config.listen {
        if !listen.address.starts_with(UNIX) {
            allowed(&listen.address, may_be_anywhere(listen, config)).await?;
        }
    }
    let sources = config.sources.iter().filter_map(|it| it.http.as_ref());
    let sources = sources.map(|http| (&http.listen, http.tls.as_ref()));
    let operations = (&config.operations.listen, config.operations.tls.as_ref());
    for (address, tls) in sources.chain([operations]) {
        if !address.is_empty() {
            allowed(address, http_may_be_anywhere(tls, config)).await?;
        }
    }
    Ok(())
}

/// What speaks TLS at `address`.
fn acceptor(
    address: &str,
    tls: &tls::Config,
    protocols: &'static [&'static [u8]],
) -> Result<Acceptor, ListenError> {
    Acceptor::new(tls, protocols).map_err(|error| ListenError::Tls {
        address: address.to_owned(),
        error,
    })
}

/// A TCP listener, on loopback unless it may be elsewhere.
async fn tcp(address: &str, anywhere: bool) -> Result<TcpListener, ListenError> {
    let addresses = allowed(address, anywhere).await?;
    let bound = TcpListener::bind(addresses.as_slice()).await;
    bound.map_err(|error| ListenError::Bind {
        address: address.to_owned(),
        error,
    })
}

/// What `address` is, if it may be listened on.
async fn allowed(address: &str, anywhere: bool) -> Result<Vec<SocketAddr>, ListenError> {
    let found = lookup_host(address).await;
    let found = found.map_err(|error| ListenError::Bind {
        address: address.to_owned(),
        error,
    })?;
    let addresses: Vec<_> = found.collect();
    if !anywhere && addresses.iter().any(|address| !address.ip().is_loopback()) {
        return Err(ListenError::Plaintext {
            address: address.to_owned(),
        });
    }
    Ok(addresses)
}

async fn unix(path: &Path, socket: &Socket) -> Result<Listener, ListenError> {
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
        if is_served(path).await.map_err(failed)? {
            return Err(ListenError::Taken { address });
        }
        fs::remove_file(path).map_err(failed)?;
    }
    let listener = bind_closed(path).map_err(failed)?;
    admit(path, socket).map_err(|error| {
        // Nobody is to find it, and wait.
        let _ = fs::remove_file(path);
        failed(error)
    })?;
    Ok(Listener::Unix(listener, PathBuf::from(path)))
}

/// Whether a process listens there. One that does not get to it is one, too.
async fn is_served(path: &Path) -> io::Result<bool> {
    match timeout(CONNECT_TIME, UnixStream::connect(path)).await {
        Err(_) | Ok(Ok(_)) => Ok(true),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Ok(Err(error)) => Err(error),
    }
}

/// Binds a socket that nobody else may use yet, whatever the process's umask: who gets
/// into its queue now would be served later.
fn bind_closed(path: &Path) -> io::Result<UnixListener> {
    let umask = stat::umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let bound = UnixListener::bind(path);
    stat::umask(umask);
    bound
}

/// Lets those use the socket at `path` who may, the group before the mode: nobody is to
/// be let in who is not in the end.
fn admit(path: &Path, socket: &Socket) -> io::Result<()> {
    if let Some(group) = &socket.group {
        chown(path, None, Some(group_id(group)?))?;
    }
    let mode = socket.permissions().0;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let found = Group::from_name(group)?;
    let id = found.map(|group| group.gid.as_raw());
    id.ok_or_else(|| {
        let told = format!("there is no group {group:?} on this machine");
        io::Error::new(io::ErrorKind::NotFound, told)
    })
}

/// What a client connects to.
pub(super) fn url(listener: &Listener) -> String {
    match listener {
        Listener::Tcp(listener) => tcp_url("http", listener),
        Listener::Tls(listener, _) => tcp_url("https", listener),
        Listener::Unix(_, path) => format!("{UNIX}{}", path.display()),
    }
}

fn tcp_url(scheme: &str, listener: &TcpListener) -> String {
    listener.local_addr().map_or_else(
        |_| "unknown".to_owned(),
        |address| format!("{scheme}://{address}"),
    )
}
