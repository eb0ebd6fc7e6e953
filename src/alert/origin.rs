use std::{collections::BTreeMap, sync::Arc};

/// Where the gateway got an alert from. Shared by all alerts of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The source's id in the configuration.
    pub source_id: Arc<str>,
    /// How it came.
    pub transport: Transport,
    /// The cluster, as the source's configuration names it; empty without.
    pub cluster: Arc<str>,
    /// Labels from the source's configuration.
    pub labels: Arc<BTreeMap<String, String>>,
}

impl Origin {
    /// An origin without cluster and labels.
    pub fn new(source_id: &str, transport: Transport) -> Self {
        Self {
            source_id: source_id.into(),
            transport,
            cluster: "".into(),
            labels: Arc::default(),
        }
    }
}

/// The ways into the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Falco's own gRPC outputs service, up to Falco 0.43.
    FalcoGrpc,
    /// Falco's `http_output`, falcosidekick, or anything that posts the like.
    Http,
    /// A file that Falco appends to.
    File,
    /// Standard input.
    Stdin,
    /// The gateway's own ingest service.
    Publish,
}

impl Transport {
    /// The transport's name in configuration, filters and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FalcoGrpc => "falco_grpc",
            Self::Http => "http",
            Self::File => "file",
            Self::Stdin => "stdin",
            Self::Publish => "publish",
        }
    }
}
