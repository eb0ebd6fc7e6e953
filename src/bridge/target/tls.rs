//! TLS towards a target.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls_native_certs::load_native_certs;
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{bridge::outcome::Trouble, tls};

/// The files, all PEM, with which a bridge speaks TLS. They are read whenever it
/// connects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The authority that signed the target's certificate; the system's without one.
    pub ca: Option<PathBuf>,
    /// Our certificate, for a target that asks for one.
    pub certificate: Option<PathBuf>,
    /// The certificate's key.
    pub key: Option<PathBuf>,
    /// The name in the target's certificate, where it is not the address's host.
    pub server_name: Option<String>,
}

impl Tls {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.certificate.is_some() != self.key.is_some() {
            return Err("tls.certificate and tls.key go together".to_owned());
        }
        Ok(())
    }

    /// What speaks TLS with these files.
    pub(super) fn client(&self) -> Result<ClientConfig, Trouble> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Trouble::new(format!("TLS: {error}")))?
            .with_root_certificates(self.roots()?);
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(certificate)?;
        let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| {
            Trouble::new(format!(
                "failed to read a key from {}: {error}",
                key.display()
            ))
        })?;
        builder
            .with_client_auth_cert(chain, key_der)
            .map_err(|error| {
                Trouble::new(format!("{} cannot be used: {error}", certificate.display()))
            })
    }

    fn roots(&self) -> Result<RootCertStore, Trouble> {
        let mut roots = RootCertStore::empty();
        let Some(ca) = &self.ca else {
            // What is unreadable there is the system's affair, and shows when nothing is left.
            roots.add_parsable_certificates(load_native_certs().certs);
            return Ok(roots);
        };
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(|error| {
                Trouble::new(format!("{} cannot be used: {error}", ca.display()))
            })?;
        }
        Ok(roots)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    tls::certificates(path).map_err(|error| Trouble::new(error.to_string()))
}
