use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    alert::{Origin, Transport},
    source::{falco_grpc, file, http, stdin},
    tls,
};

/// One source: an id, what its alerts are marked with, and exactly one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Its name, in every alert's origin.
    pub id: String,
    /// The cluster it is of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Free labels for its alerts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Alerts are posted to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<http::Config>,
    /// We subscribe to a Falco.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub falco_grpc: Option<falco_grpc::Config>,
    /// We follow a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<file::Config>,
    /// We read standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<stdin::Config>,
}

/// A source's one kind.
#[derive(Debug, Clone)]
pub(crate) enum SourceKind {
    Http(http::Config),
    FalcoGrpc(falco_grpc::Config),
    File(file::Config),
    Stdin(stdin::Config),
}

impl SourceConfig {
    /// An HTTP input with the id `http`.
    pub fn http(config: http::Config) -> Self {
        Self {
            id: "http".to_owned(),
            cluster: String::new(),
            labels: BTreeMap::new(),
            http: Some(config),
            falco_grpc: None,
            file: None,
            stdin: None,
        }
    }

    /// The files of its listener's TLS, if it has one.
    pub(crate) fn tls(&self) -> Option<&tls::Config> {
        self.http.as_ref()?.tls.as_ref()
    }

    /// What its alerts are marked with.
    pub(crate) fn origin(&self, transport: Transport) -> Origin {
        Origin {
            source_id: self.id.as_str().into(),
            transport,
            cluster: self.cluster.as_str().into(),
            labels: Arc::new(self.labels.clone()),
        }
    }

    /// Its one kind.
    pub(crate) fn kind(&self) -> Result<SourceKind, String> {
        let kinds: Vec<SourceKind> = [
            self.http.clone().map(SourceKind::Http),
            self.falco_grpc.clone().map(SourceKind::FalcoGrpc),
            self.file.clone().map(SourceKind::File),
            self.stdin.clone().map(SourceKind::Stdin),
        ]
        .into_iter()
        .flatten()
        .collect();
        let count = kinds.len();
        match <[SourceKind; 1]>::try_from(kinds) {
            Ok([kind]) => Ok(kind),
            Err(_) => Err(format!(
                "has {count} kinds: give it exactly one of http, falco_grpc, file, stdin"
            )),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self.kind()? {
            SourceKind::Http(config) => config.check().map_err(|error| error.to_string()),
            SourceKind::FalcoGrpc(config) => config.check().map_err(|error| error.to_string()),
            SourceKind::File(config) => config.check().map_err(|error| error.to_string()),
            SourceKind::Stdin(_) => Ok(()),
        }
    }
}
