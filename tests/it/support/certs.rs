//! Certificates for mutual TLS, made anew for each test.

use std::{path::Path, sync::Arc};

use falco_gateway::source::falco_grpc::Tls;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
        sign::{CertifiedKey, SingleCertAndKey},
    },
};

/// Signs certificates.
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(
            DnType::CommonName,
            format!("authority {}", fastrand::u64(..)),
        );
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.sign(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// A certificate with this common name, and these URIs.
    pub(crate) fn issue_client(&self, name: &str, uris: &[&str]) -> Identity {
        self.issue_until(name, uris, rcgen::date_time_ymd(4096, 1, 1))
    }

    /// One that is good until then.
    pub(crate) fn issue_until(
        &self,
        name: &str,
        uris: &[&str],
        end: time::OffsetDateTime,
    ) -> Identity {
        let mut params = CertificateParams::default();
        params.not_after = end;
        params.distinguished_name.push(DnType::CommonName, name);
        for uri in uris {
            let uri = SanType::URI((*uri).try_into().unwrap());
            params.subject_alt_names.push(uri);
        }
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// Demands client certificates of this authority, as Falco does.
    pub(crate) fn acceptor(&self, server: &Identity) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .build()
                .unwrap();
        let key = PrivateKeyDer::try_from(server.key.serialize_der()).unwrap();
        let key = ring::sign::any_supported_type(&key).unwrap();
        // A resolver takes also the certificates that rustls itself would refuse
        // to serve.
        let identity = CertifiedKey::new(vec![server.certificate.clone()], key);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// Writes what a client needs that trusts this authority.
    pub(crate) fn client_files(&self, folder: &Path, client: &Identity) -> Tls {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        Tls {
            ca: write("ca.crt", pem(&self.certificate)),
            certificate: write("client.crt", pem(&client.certificate)),
            key: write("client.key", client.key.serialize_pem()),
            server_name: None,
        }
    }
}

impl Authority {
    pub(crate) fn pem(&self) -> String {
        pem(&self.certificate)
    }
}

impl Identity {
    /// The certificate and the key, as PEM.
    pub(crate) fn pems(&self) -> (String, String) {
        (pem(&self.certificate), self.key.serialize_pem())
    }

    /// The same as an X.509 version 1 certificate, as Falco's documentation makes
    /// them: without a version and extensions. Its signature is no good any more,
    /// but nobody gets as far as that.
    pub(crate) fn of_version_1(self) -> Self {
        let (_, certificate) = contents(&self.certificate);
        let (to_be_signed, signature) = split(certificate);
        let (_, mut fields) = contents(to_be_signed);
        let mut kept = Vec::new();
        while !fields.is_empty() {
            let (field, rest) = split(fields);
            if !matches!(field[0], VERSION | EXTENSIONS) {
                kept.extend_from_slice(field);
            }
            fields = rest;
        }
        let mut whole = sequence(&kept);
        whole.extend_from_slice(signature);
        Self {
            certificate: sequence(&whole).into(),
            key: self.key,
        }
    }
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// A DER value's header length and contents.
fn contents(value: &[u8]) -> (usize, &[u8]) {
    let (header, length) = match value[1] {
        short @ ..0x80 => (2, usize::from(short)),
        long => {
            let digits = usize::from(long & 0x7f);
            let length = value[2..2 + digits]
                .iter()
                .fold(0, |length, digit| length << 8 | usize::from(*digit));
            (2 + digits, length)
        }
    };
    (header, &value[header..header + length])
}

/// The first DER value, and what follows it.
fn split(values: &[u8]) -> (&[u8], &[u8]) {
    let (header, contents) = contents(values);
    values.split_at(header + contents.len())
}

fn sequence(contents: &[u8]) -> Vec<u8> {
    // DER takes the shortest form of the length only.
    let mut value = vec![SEQUENCE];
    match u16::try_from(contents.len()).unwrap().to_be_bytes() {
        [0, length @ ..0x80] => value.push(length),
        [0, length] => value.extend([0x81, length]),
        [high, low] => value.extend([0x82, high, low]),
    }
    value.extend_from_slice(contents);
    value
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(certificate);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    // What is written is what is read.
    assert_eq!(
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap(),
        *certificate
    );
    pem
}
