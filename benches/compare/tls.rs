//! TLS for everyone, with the files that the gateway makes.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use crate::case::Case;

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Where the files are.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_falco-gateway"));
        let made = command
            .args(["certs", "--out"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        folder
    };
    FOLDER.get_or_init(make).path()
}

/// What a server of ours is told, if it is to speak TLS.
pub(crate) fn argument(case: &Case) -> PathBuf {
    case.tls.then(folder).unwrap_or(Path::new("")).to_owned()
}

/// The files that this server was told of.
pub(crate) fn told() -> Option<PathBuf> {
    std::env::args()
        .nth(3)
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
}

/// For a server.
pub(crate) fn acceptor(folder: &Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(folder.join("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The client's end of a connection, as the case has it.
pub(crate) async fn client(case: &Case, stream: TcpStream) -> Box<dyn Stream> {
    if !case.tls {
        return Box::new(stream);
    }
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(folder().join("ca.crt")).unwrap();
    roots.add(authority).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    Box::new(connector.connect(name, stream).await.unwrap())
}
