//! Everything that a client can show, and a gateway that knows it.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use falco_gateway::{
    access,
    client::{Connection, TokenFile},
    config::{Config, Listen, Socket, Tls},
    policy,
    units::Span,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::json;
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::{
    certs::{self, Authority},
    gateway::{Running, loopback},
    soon, unix,
};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "falco-gateway";

/// Signs tokens.
pub(crate) struct Signer {
    key: KeyPair,
    kid: String,
}

impl Signer {
    pub(crate) fn new(kid: &str) -> Self {
        Self {
            key: KeyPair::generate().unwrap(),
            kid: kid.to_owned(),
        }
    }

    /// Its public key.
    pub(crate) fn jwk(&self) -> serde_json::Value {
        // A point that is not compressed: a mark, x, and y.
        let point = self.key.der_bytes();
        let (x, y) = point[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// A token of these claims.
    pub(crate) fn sign(&self, claims: &serde_json::Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.kid.clone());
        let key = EncodingKey::from_ec_der(&self.key.serialize_der());
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }

    /// A token for `subject` that is good for so many seconds.
    pub(crate) fn token(&self, subject: &str, seconds: i64) -> String {
        self.sign(&claims(subject, seconds))
    }
}

/// What a good token says.
pub(crate) fn claims(subject: &str, seconds: i64) -> serde_json::Value {
    let now = falco_gateway::clock::now().as_second();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": now + seconds})
}

pub(crate) fn write_jwks(path: &Path, signers: &[&Signer]) {
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
    std::fs::write(path, json!({ "keys": keys }).to_string()).unwrap();
}

/// Files with what clients show, and what a gateway knows of it.
pub(crate) struct Credentials {
    folder: TempDir,
    pub(crate) authority: Authority,
    pub(crate) signer: Signer,
    pub(crate) access: access::Config,
}

/// A way for a client to be somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Token,
    Jwt,
    Certificate,
    Spiffe,
    Unix,
    Anonymous,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Token,
        Self::Jwt,
        Self::Certificate,
        Self::Spiffe,
        Self::Unix,
        Self::Anonymous,
    ];
}

impl Credentials {
    /// Without grants.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::new("first");
        let jwks = folder.path().join("jwks.json");
        write_jwks(&jwks, &[&signer]);
        let minute = Span(std::time::Duration::from_secs(60));
        let jwt = access::Jwt {
            name: "corp".to_owned(),
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks: jwks.display().to_string(),
            refresh: minute,
            leeway: Span(std::time::Duration::ZERO),
            ca: None,
        };
        Self {
            folder,
            authority: Authority::new(),
            signer,
            access: access::Config {
                jwt: vec![jwt],
                grants: Some(Vec::new()),
                ..access::Config::default()
            },
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a grant, in YAML, whose holders are named below.
    pub(crate) fn grant(&mut self, yaml: &str) {
        let wrapped: Vec<policy::Config> = grants(&[yaml]);
        self.access.grants.as_mut().unwrap().extend(wrapped);
    }

    /// A token that is `token:NAME`.
    pub(crate) fn add_token(&mut self, name: &str) {
        let file = self.path(&format!("{name}.token"));
        std::fs::write(&file, token(name)).unwrap();
        let name = name.to_owned();
        self.access.tokens.push(access::Token { name, file });
    }

    /// A gateway on loopback that goes by this: first without TLS, then with, and on a
    /// unix socket.
    pub(crate) fn config(&self) -> Config {
        let server = self.authority.issue("localhost");
        let (certificate, key) = server.pems();
        let write = |name: &str, text: &str| {
            let path = self.path(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let tls = Tls {
            certificate: write("server.crt", &certificate),
            key: write("server.key", &key),
            client_ca: Some(write("ca.crt", &self.authority.pem())),
            client_certificate: falco_gateway::config::ClientCertificate::Optional,
        };
        let with_tls = Listen {
            address: "127.0.0.1:0".to_owned(),
            tls: Some(tls),
            socket: Socket::default(),
        };
        let socket = format!("unix://{}", self.path("gateway.sock").display());
        let mut config = loopback();
        config.listen.extend([with_tls, Listen::plaintext(socket)]);
        config.access = self.access.clone();
        config
    }

    /// A client of `gateway` that shows this token.
    pub(crate) fn with_token(&self, gateway: &Running, token: &str) -> Connection {
        let file = self.path(&format!("shown-{}", fastrand::u64(..)));
        std::fs::write(&file, token).unwrap();
        let token = TokenFile::new(&file).unwrap();
        Connection::from(gateway.channel()).with_token(Some(token))
    }

    /// A client of `gateway` that shows a certificate, or none.
    pub(crate) async fn over_tls(
        &self,
        gateway: &Running,
        shown: Option<&certs::Identity>,
    ) -> Channel {
        let mut tls = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(self.authority.pem()));
        if let Some(shown) = shown {
            let (certificate, key) = shown.pems();
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let endpoint = Endpoint::from_shared(gateway.addresses[1].clone()).unwrap();
        let connecting = endpoint.tls_config(tls).unwrap();
        soon("a connection", connecting.connect()).await.unwrap()
    }

    /// A client of `gateway` that is called `name`, in this way; as far as it has one.
    pub(crate) async fn client(&self, gateway: &Running, kind: Kind, name: &str) -> Connection {
        let spiffe = format!("spiffe://prod/{name}");
        match kind {
            Kind::Token => self.with_token(gateway, &token(name)),
            Kind::Jwt => self.with_token(gateway, &self.signer.token(name, 600)),
            Kind::Certificate => {
                let shown = self.authority.issue_client(name, &[]);
                self.over_tls(gateway, Some(&shown)).await.into()
            }
            Kind::Spiffe => {
                let shown = self.authority.issue_client("other", &[&spiffe]);
                self.over_tls(gateway, Some(&shown)).await.into()
            }
            Kind::Unix => unix::connect(self.path("gateway.sock")).await.into(),
            Kind::Anonymous => gateway.channel().into(),
        }
    }

    /// What grants call that client.
    pub(crate) fn identity(kind: Kind, name: &str) -> String {
        match kind {
            Kind::Token => format!("token:{name}"),
            Kind::Jwt => format!("jwt:corp:{name}"),
            Kind::Certificate => format!("cert:{name}"),
            Kind::Spiffe => format!("spiffe://prod/{name}"),
            Kind::Unix => "unix:*".to_owned(),
            Kind::Anonymous => "anonymous".to_owned(),
        }
    }
}

/// Grants in YAML.
pub(crate) fn grants(yamls: &[&str]) -> Vec<policy::Config> {
    let items: Vec<_> = yamls.iter().map(|yaml| format!("    - {yaml}\n")).collect();
    let text = format!("access:\n  grants:\n{}", items.concat());
    Config::parse(&text).unwrap().access.grants.unwrap()
}

/// The token of `name`.
pub(crate) fn token(name: &str) -> String {
    format!("secret-token-of-{name}")
}
