//! TLS of the listeners.

mod turned_away;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls_native_certs::load_native_certs;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
        server::WebPkiClientVerifier,
    },
    server::TlsStream,
};

use self::turned_away::TurnedAway;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

/// What a client may speak to gRPC's listeners; HTTP/1.1 is for gRPC-Web.
pub const GRPC: &[&[u8]] = &[b"h2", b"http/1.1"];

/// What a client may speak to others.
pub const HTTP: &[&[u8]] = &[b"http/1.1"];

/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// The files of a listener's TLS, all PEM. They are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The gateway's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// The authority of the clients. Without it, no client is asked for a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// What of a client that has no certificate of that authority.
    #[serde(default, skip_serializing_if = "ClientCertificate::is_required")]
    pub client_certificate: ClientCertificate,
}

/// Whether a client must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// Who has none is refused.
    #[default]
    Required,
    /// Who has none may come, and show a token.
    Optional,
}

impl ClientCertificate {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_required(&self) -> bool {
        *self == Self::Required
    }
}

impl Config {
    /// Whether everybody who gets in has shown who he is.
    pub fn asks_everybody(&self) -> bool {
        self.client_ca.is_some() && self.client_certificate == ClientCertificate::Required
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [
            Some(&self.certificate),
            Some(&self.key),
            self.client_ca.as_ref(),
        ];
        files.into_iter().flatten().map(PathBuf::as_path)
    }
}

/// What speaks TLS with the clients of a listener. Clones share its files.
#[derive(Clone)]
pub struct Acceptor {
    files: Arc<Config>,
    protocols: &'static [&'static [u8]],
    current: Arc<ArcSwap<ServerConfig>>,
    turned_away: Arc<TurnedAway>,
}

impl Acceptor {
    /// Reads the files of `config`, for a listener of `protocols`.
    ///
    /// # Errors
    /// When they cannot be read or used.
    pub fn new(config: &Config, protocols: &'static [&'static [u8]]) -> Result<Self, TlsError> {
        let current = server_config(config, protocols)?;
        Ok(Self {
            files: Arc::new(config.clone()),
            protocols,
            current: Arc::new(ArcSwap::from_pointee(current)),
            turned_away: Arc::default(),
        })
    }

    /// Reads the files again. Connections that are open go on with what they began with.
    ///
    /// # Errors
    /// When they cannot be read or used: those from before are used further then.
    pub fn reload(&self) -> Result<(), TlsError> {
        let current = server_config(&self.files, self.protocols)?;
        self.current.store(Arc::new(current));
        Ok(())
    }

    /// Shakes hands with a client. Why that did not come about is told here, each reason
    /// once.
    ///
    /// # Errors
    /// When that does not come about, or not in time.
    pub async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(self.current.load_full());
        let shaken = timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await;
        let shaken = shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        shaken.inspect_err(|error| self.turned_away.tell(error))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acceptor").field(&self.files).finish()
    }
}

/// Why a listener has no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there, or not PEM.
    #[error("failed to read {what} from {path}: {error}", path = .path.display())]
    Read {
        /// What it should hold.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        error: pem::Error,
    },
    /// A file that holds something else.
    #[error("there is no certificate in {path}: it must hold a PEM block BEGIN CERTIFICATE", path = .0.display())]
    NoCertificate(PathBuf),
    /// A certificate that no TLS library of today takes.
    #[error(
        "{path} is a certificate of X.509 version 1, as the openssl commands in Falco's documentation make them, and TLS here takes version 3 only: make it again with `falco-gateway certs --host NAME`, or with openssl's `x509 -req` and an -extfile that has subjectAltName=DNS:NAME",
        path = .0.display()
    )]
    OldCertificate(PathBuf),
    /// Files that do not go together, or that TLS does not take.
    #[error(
        "{path} cannot be used: {reason}; `falco-gateway certs` makes files that work everywhere",
        path = .path.display()
    )]
    Unusable {
        /// The certificate.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// What speaks TLS with servers of the system's authorities, and those in `ca`.
///
/// # Errors
/// When `ca` cannot be read or used.
pub fn client(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    // What is unreadable there is the system's affair, and shows when nothing is left.
    roots.add_parsable_certificates(load_native_certs().certs);
    if let Some(path) = ca {
        trust(&mut roots, path)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(ca.unwrap_or(Path::new("")), error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn unusable(path: &Path, reason: String) -> TlsError {
    TlsError::Unusable {
        path: path.to_owned(),
        reason,
    }
}

/// Takes the authorities in a file for `roots`.
fn trust(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    for certificate in certificates(path)? {
        let added = roots.add(certificate);
        added.map_err(|error| unusable(path, error.to_string()))?;
    }
    Ok(())
}

/// What the files of `tls` make.
fn server_config(tls: &Config, protocols: &[&[u8]]) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&tls.certificate, error.to_string()))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            trust(&mut roots, path)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = match tls.client_certificate {
                ClientCertificate::Required => verifier,
                ClientCertificate::Optional => verifier.allow_unauthenticated(),
            };
            let verifier = verifier
                .build()
                .map_err(|error| unusable(path, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| TlsError::Read {
        what: "a key",
        path: tls.key.clone(),
        error,
    })?;
    let chain = certificates(&tls.certificate)?;
    check_own(&tls.certificate, &chain)?;
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&tls.certificate, error.to_string()))?;
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    Ok(config)
}

/// Looks for what Falco's own recipe for certificates makes wrong.
fn check_own(path: &Path, chain: &[CertificateDer<'static>]) -> Result<(), TlsError> {
    // What cannot be read here, TLS itself will say something about.
    let parsed = chain.first().map(|own| X509Certificate::from_der(own));
    let Some(Ok((_, own))) = parsed else {
        return Ok(());
    };
    if own.version() != X509Version::V3 {
        return Err(TlsError::OldCertificate(path.to_owned()));
    }
    if !matches!(own.subject_alternative_name(), Ok(Some(_))) {
        tracing::warn!(
            path = %path.display(),
            "the certificate names no host in subjectAltName, and clients of today do not look \
             at its common name: they will refuse it. Make it again with `falco-gateway certs \
             --host NAME`, or with openssl's -extfile and subjectAltName=DNS:NAME"
        );
    }
    Ok(())
}

/// The certificates in a file.
///
/// # Errors
/// When it cannot be read, or has none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| TlsError::Read {
        what: "certificates",
        path: path.to_owned(),
        error,
    })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}
