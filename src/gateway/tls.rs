use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
        server::WebPkiClientVerifier,
    },
};

use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use crate::config::Tls;

/// What a client may speak after the handshake; HTTP/1.1 is for gRPC-Web.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

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

/// What speaks TLS with the files of `tls`.
pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let unusable = |path: &Path, reason: String| TlsError::Unusable {
        path: path.to_owned(),
        reason,
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&tls.certificate, error.to_string()))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| unusable(path, error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
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
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
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

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
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
