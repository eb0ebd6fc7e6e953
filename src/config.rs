//! The configuration file: one YAML document, checked as a whole before anything
//! is bound.
//!
//! Each stage owns the type of its own part; this file puts them together and
//! says what is wrong in words, with line and column.

mod listen;
mod source;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub(crate) use self::source::SourceKind;
pub use self::{
    listen::{Listen, Mode, Socket},
    source::SourceConfig,
};
pub use crate::tls::{ClientCertificate, Config as Tls};
use crate::{
    access, bridge,
    delivery::{self, checked_name},
    log,
    rpc::{FalcoOutputs, GrpcWeb, Limits},
    source::http,
    telemetry,
    units::Size,
    web,
};

/// The id of the source that published alerts come from.
pub const PUBLISH_ID: &str = "publish";

/// Everything that can be configured. Without a file, all defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the gRPC services listen.
    pub listen: Vec<Listen>,
    /// Listeners on other than loopback addresses need not ask for certificates:
    /// whoever can reach them can read and write alerts.
    pub allow_plaintext_off_loopback: bool,
    /// Where the log and the gateway's small state are kept. One gateway only can
    /// have it.
    pub data_dir: PathBuf,
    /// How many bytes of documents may wait for the log.
    pub intake: Size,
    /// The log.
    pub log: log::Config,
    /// The subscribers' bounds.
    pub delivery: delivery::Config,
    /// The bounds of connections to the gRPC services.
    pub limits: Limits,
    /// Falco's own gRPC API, for its old clients.
    pub falco_outputs: FalcoOutputs,
    /// Who may call from a browser.
    pub grpc_web: GrpcWeb,
    /// Where operations are looked at.
    pub operations: web::Config,
    /// Where alerts come from.
    pub sources: Vec<SourceConfig>,
    /// What the gateway says of itself.
    pub logging: telemetry::Config,
    /// Which alerts and calls are traced, and where that goes.
    pub traces: telemetry::Traces,
    /// Who may see and do what.
    pub access: access::Config,
    /// What is sent on to others.
    pub bridges: Vec<bridge::Config>,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read the configuration {path}: {error}", path = .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is no YAML, or has keys or values that are not known.
    #[error("{path}: {problem}", path = .path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        problem: String,
    },
    /// A value that cannot be meant.
    #[error("{at}: {problem}")]
    Value {
        /// The key.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![Listen::plaintext("127.0.0.1:5060")],
            allow_plaintext_off_loopback: false,
            data_dir: default_data_dir(),
            intake: Size(64 << 20),
            log: log::Config::default(),
            delivery: delivery::Config::default(),
            limits: Limits::default(),
            falco_outputs: FalcoOutputs::default(),
            grpc_web: GrpcWeb::default(),
            operations: web::Config::default(),
            sources: vec![SourceConfig::http(http::Config::default())],
            logging: telemetry::Config::default(),
            traces: telemetry::Traces::default(),
            access: access::Config::default(),
            bridges: Vec::new(),
        }
    }
}

/// Where the user's programs keep their data: `$XDG_DATA_HOME`, else
/// `~/.local/share`, else the working directory.
fn default_data_dir() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
    std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(home)
        .unwrap_or_default()
        .join("falco-gateway")
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// With what is wrong and where.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError::Read {
            path: path.to_owned(),
            error,
        })?;
        Self::parse(&text).map_err(|error| match error {
            ConfigError::Parse { problem, .. } => ConfigError::Parse {
                path: path.to_owned(),
                problem,
            },
            other => other,
        })
    }

    /// Reads and checks a text.
    ///
    /// # Errors
    /// With what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let config: Self = serde_saphyr::from_str(text).map_err(|error| ConfigError::Parse {
            path: PathBuf::from("configuration"),
            problem: suggest(error.to_string()),
        })?;
        config.check()?;
        Ok(config)
    }

    /// As YAML.
    ///
    /// # Errors
    /// When a value has no YAML form, such as a path that is not Unicode.
    pub fn to_yaml(&self) -> Result<String, String> {
        serde_saphyr::to_string(self).map_err(|error| error.to_string())
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.listen.is_empty() {
            return Err(wrong(
                "listen",
                "is empty: without a listener nobody can subscribe",
            ));
        }
        let mut addresses = BTreeSet::new();
        for listen in &self.listen {
            let is_new = addresses.insert(&listen.address) || listen.address.ends_with(":0");
            if !is_new {
                return Err(wrong(
                    "listen",
                    &format!("{:?} is named twice", listen.address),
                ));
            }
            let at = format!("listen ({:?})", listen.address);
            listen.check().map_err(|problem| wrong(&at, &problem))?;
        }
        self.log.check().map_err(|problem| wrong("log", &problem))?;
        self.grpc_web
            .check()
            .map_err(|problem| wrong("grpc_web.allowed_origins", &problem))?;
        self.operations
            .check()
            .map_err(|problem| wrong("operations.hosts", &problem))?;
        self.limits
            .check()
            .map_err(|problem| wrong("limits", &problem))?;
        self.logging
            .check()
            .map_err(|problem| wrong("logging", &problem))?;
        self.traces
            .check()
            .map_err(|problem| wrong("traces", &problem))?;
        self.access
            .check()
            .map_err(|error| wrong("access", &error.to_string()))?;
        let mut ids = BTreeSet::from([PUBLISH_ID]);
        for (index, source) in self.sources.iter().enumerate() {
            let at = format!("sources[{index}] ({:?})", source.id);
            if source.id.is_empty() {
                return Err(wrong(&at, "the id is empty"));
            }
            if !ids.insert(&source.id) {
                let problem = "the id is taken: every source needs one of its own, and \"publish\" is the ingest service's";
                return Err(wrong(&at, problem));
            }
            source.check().map_err(|problem| wrong(&at, &problem))?;
        }
        self.check_bridges()
    }

    fn check_bridges(&self) -> Result<(), ConfigError> {
        let mut names = BTreeSet::new();
        let mut subscriptions = BTreeSet::new();
        for (index, bridge) in self.bridges.iter().enumerate() {
            let at = format!("bridges[{index}] ({:?})", bridge.name);
            if !names.insert(&bridge.name) {
                return Err(wrong(
                    &at,
                    "the name is taken: every bridge needs one of its own",
                ));
            }
            if !subscriptions.insert(bridge.subscription()) {
                let problem = "the subscription is another bridge's: one of them would get nothing";
                return Err(wrong(&at, problem));
            }
            // A bridge's name is that of its subscription unasked, and of a file.
            for name in [bridge.name.as_str(), bridge.subscription()] {
                checked_name(name).map_err(|error| wrong(&at, &error.to_string()))?;
            }
            bridge.check().map_err(|problem| wrong(&at, &problem))?;
        }
        Ok(())
    }
}

fn wrong(at: &str, problem: &str) -> ConfigError {
    ConfigError::Value {
        at: at.to_owned(),
        problem: problem.to_owned(),
    }
}

/// Adds what was probably meant to a parser's "unknown field" with its list of
/// fields that are known.
fn suggest(problem: String) -> String {
    let parts = problem
        .split_once("unknown field `")
        .and_then(|(_, rest)| rest.split_once("`, expected "));
    let Some((unknown, known)) = parts else {
        return problem;
    };
    let known = known.lines().next().unwrap_or_default();
    known
        .trim_start_matches("one of ")
        .split(", ")
        .map(|name| name.trim_matches('`'))
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .filter(|(distance, known)| *distance <= known.len() / 3 + 1)
        .min()
        .map(|(_, known)| format!("did you mean `{known}`? {problem}"))
        .unwrap_or(problem)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{alert::Transport, units::Span};

    fn error(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let config = Config::default();
        assert_eq!(Config::parse(&config.to_yaml().unwrap()).unwrap(), config);
        assert_eq!(Config::parse("  \n").unwrap(), config);
    }

    #[test]
    fn a_file_with_everything_is_read() {
        let config = Config::parse(
            "listen:
  - 127.0.0.1:5060
  - unix:///run/falco-gateway/gateway.sock
  - {address: 'unix:///run/falco/falco.sock', mode: '0666', group: falco}
  - {address: '0.0.0.0:5061', tls: {certificate: a.crt, key: a.key, client_ca: ca.crt}}
log: {memory: 1GiB, retention_age: 36h, durability: {interval: 200ms}}
sources:
  - id: node-a
    cluster: prod
    labels: {team: sec}
    falco_grpc: {address: 'unix:///run/falco/falco.sock'}
  - id: events
    file: {path: /var/log/falco/events.json}
",
        )
        .unwrap();
        assert_eq!(config.log.memory, Size(1 << 30));
        assert_eq!(config.listen[0], Listen::plaintext("127.0.0.1:5060"));
        let tls = config.listen[3].tls.as_ref().unwrap();
        assert_eq!(tls.client_ca, Some("ca.crt".into()));
        assert_eq!(Config::parse(&config.to_yaml().unwrap()).unwrap(), config);
        let interval = Span(Duration::from_millis(200));
        assert_eq!(config.log.durability, log::Durability::Interval(interval));
        let origin = config.sources[0].origin(Transport::FalcoGrpc);
        assert_eq!(origin.cluster.as_ref(), "prod");
    }

    #[test]
    fn mistakes_are_told_with_place_and_remedy() {
        let unknown = error("listen: ['127.0.0.1:1']\nsourcs: []\n");
        assert!(unknown.contains("did you mean `sources`?"), "{unknown}");
        assert!(unknown.contains("line 2"), "{unknown}");
        let mode = error("listen: [{address: 'unix:///a', mode: rw}]");
        assert!(mode.contains("as chmod takes it"), "{mode}");
        for wrong in [
            "'unix://a'",
            "somewhere",
            "{address: 'unix:///a', mode: '0044'}",
            "{address: 'unix:///a', group: '4294967295'}",
            "'a:1', 'a:1'",
        ] {
            error(&format!("listen: [{wrong}]"));
        }
        let tcp = error("listen: [{address: 'a:1', group: falco}]");
        assert!(tcp.contains("for unix sockets"), "{tcp}");
        let odd = error("listen: [{address: 'unix:///a', tls: {certificate: a, key: b}}]");
        assert!(odd.contains("needs no TLS"), "{odd}");
        let two = error("sources: [{id: a, stdin: {}, http: {}}]");
        assert!(two.contains("has 2 kinds"), "{two}");
        let none = error("sources: [{id: a}]");
        assert!(none.contains("exactly one of"), "{none}");
        let twice = error("sources: [{id: a, stdin: {}}, {id: a, stdin: {}}]");
        assert!(twice.contains("the id is taken"), "{twice}");
        let size = error("log: {memory: 12parsecs}");
        assert!(size.contains("is no size"), "{size}");
        for wrong in [
            "retention_bytes: 4KiB",
            "retention_age: 0s",
            "durability: {interval: 2d}",
        ] {
            let told = error(&format!("log: {{{wrong}}}"));
            let key = wrong.split(':').next().unwrap();
            assert!(told.contains(key) && told.contains("must be"), "{told}");
        }
        assert!(error("listen: []").contains("nobody can subscribe"));
    }
}
