use std::{
    error::Error as _,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::{
    Code, Status,
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Uri},
};
use tower::service_fn;

use crate::{
    client::{self, Connection, TokenFile},
    config::ConfigError,
    filter::Problem,
    gateway::StartError,
};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest message that is taken: a page of large alerts.
pub(super) const LARGEST_MESSAGE: usize = 64 << 20;

/// How many bytes a stream may be ahead of its reader.
const STREAM_WINDOW: u32 = 1 << 20;

/// A gateway, and what is shown to it.
#[derive(Debug, Clone)]
pub struct Server {
    address: Address,
    token: Option<TokenFile>,
}

/// A gateway's address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    /// `http://host:port`.
    Tcp(String),
    /// `https://host:port`.
    Tls(String, Files),
    /// `unix:///path`.
    Unix(PathBuf),
}

/// What a client shows to a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default, clap::Args)]
pub struct Credentials {
    #[command(flatten)]
    files: Files,

    /// A file with the token to show, read anew with every call
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "FALCO_GATEWAY_TOKEN_FILE"
    )]
    token_file: Option<PathBuf>,
}

/// The files, all PEM, with which a client speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default, clap::Args)]
struct Files {
    /// The authority that signed the gateway's certificate, for https
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "FALCO_GATEWAY_CA"
    )]
    ca: Option<PathBuf>,

    /// Our certificate, for a gateway that asks for one
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "FALCO_GATEWAY_CERTIFICATE"
    )]
    certificate: Option<PathBuf>,

    /// The certificate's key
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "FALCO_GATEWAY_KEY"
    )]
    key: Option<PathBuf>,
}

impl Credentials {
    /// The client's files of those that `certs` makes in `folder`.
    pub(super) fn of(folder: &Path) -> Self {
        Self {
            files: Files::of(folder),
            token_file: None,
        }
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse::<Address>()?.into())
    }
}

impl From<Address> for Server {
    fn from(address: Address) -> Self {
        Self {
            address,
            token: None,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix://") {
            return Ok(Self::Unix(path.into()));
        }
        let url = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err("write http://HOST:PORT, https://HOST:PORT or unix:///PATH".to_owned());
        }
        match url.parse::<Uri>() {
            Ok(uri) if uri.port().is_some() && url.starts_with("https:") => {
                Ok(Self::Tls(url, Files::default()))
            }
            Ok(uri) if uri.port().is_some() => Ok(Self::Tcp(url)),
            Ok(_) => Err("the port is missing: write http://HOST:PORT".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.address {
            Address::Tcp(url) | Address::Tls(url, _) => f.write_str(url),
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl Server {
    /// The same, which is shown these.
    ///
    /// # Errors
    /// When they do not fit the address, or some are missing.
    pub(super) fn with(self, credentials: Credentials) -> Result<Self, CliError> {
        let Credentials { files, token_file } = credentials;
        let wrong = |message: &str| Err(CliError::Argument(message.to_owned()));
        let address = match self.address {
            Address::Tls(..) if files.certificate.is_some() != files.key.is_some() => {
                return wrong("--certificate and --key go together");
            }
            Address::Tls(url, _) => Address::Tls(url, files),
            Address::Tcp(_) | Address::Unix(_) if files != Files::default() => {
                return wrong(
                    "--ca, --certificate and --key are for https: name the gateway as https://HOST:PORT",
                );
            }
            Address::Tcp(url) if token_file.is_some() && !is_loopback(&url) => {
                return wrong(
                    "--token-file would send the token in the clear: name the gateway as https://HOST:PORT",
                );
            }
            address @ (Address::Tcp(_) | Address::Unix(_)) => address,
        };
        let token = token_file.as_deref().map(|path| {
            TokenFile::new(path).map_err(|error| CliError::Read {
                path: path.to_owned(),
                error,
            })
        });
        Ok(Self {
            address,
            token: token.transpose()?,
        })
    }

    /// Connects.
    pub(super) async fn connect(&self) -> Result<Connection, CliError> {
        self.connect_with(STREAM_WINDOW).await
    }

    /// Connects, for streams that may be so many bytes ahead of their readers.
    pub(super) async fn connect_with(&self, window: u32) -> Result<Connection, CliError> {
        let endpoint = self.endpoint(window)?;
        let connected = match &self.address {
            Address::Tcp(_) | Address::Tls(..) => endpoint.connect().await,
            Address::Unix(path) => endpoint.connect_with_connector(to_socket(path)).await,
        };
        let channel = connected.map_err(|error| self.unreachable(&error))?;
        Ok(Connection::from(channel).with_token(self.token.clone()))
    }

    /// What connects when it is first used, and as often as need be.
    pub(super) fn connect_lazily(&self) -> Result<Connection, CliError> {
        let endpoint = self.endpoint(STREAM_WINDOW)?;
        let channel = match &self.address {
            Address::Tcp(_) | Address::Tls(..) => endpoint.connect_lazy(),
            Address::Unix(path) => endpoint.connect_with_connector_lazy(to_socket(path)),
        };
        Ok(Connection::from(channel).with_token(self.token.clone()))
    }

    fn endpoint(&self, window: u32) -> Result<Endpoint, CliError> {
        let endpoint = match &self.address {
            Address::Tcp(url) | Address::Tls(url, _) => Endpoint::from_shared(url.clone()),
            Address::Unix(_) => Ok(Endpoint::from_static("http://localhost")),
        };
        let endpoint = endpoint.map(|endpoint| tuned(endpoint, window));
        let endpoint = endpoint.map_err(|error| self.unreachable(&error))?;
        match &self.address {
            Address::Tls(_, files) => endpoint
                .tls_config(files.read()?)
                .map_err(|error| self.unreachable(&error)),
            Address::Tcp(_) | Address::Unix(_) => Ok(endpoint),
        }
    }

    fn unreachable(&self, error: &tonic::transport::Error) -> CliError {
        CliError::Unreachable {
            server: self.to_string(),
            reason: innermost(error),
        }
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.parse::<Uri>().ok();
    let host = host.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = |address: IpAddr| address.is_loopback();
    host == "localhost" || address.parse().is_ok_and(is_address)
}

/// Connects to the socket at `path`, whatever it is asked for.
fn to_socket(
    path: &Path,
) -> impl tower::Service<
    Uri,
    Response = TokioIo<UnixStream>,
    Error = io::Error,
    Future = impl Future<Output = io::Result<TokioIo<UnixStream>>> + Send,
> + Send
+ 'static {
    let path = path.to_owned();
    service_fn(move |_: Uri| {
        let path = path.clone();
        async move { Ok(TokioIo::new(UnixStream::connect(path).await?)) }
    })
}

impl Files {
    fn of(folder: &Path) -> Self {
        let path = |name: &str| Some(folder.join(name));
        Self {
            ca: path("ca.crt"),
            certificate: path("client.crt"),
            key: path("client.key"),
        }
    }

    fn read(&self) -> Result<ClientTlsConfig, CliError> {
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|error| CliError::Read {
                path: path.clone(),
                error,
            })
        };
        let mut config = ClientTlsConfig::new();
        if let Some(ca) = &self.ca {
            config = config.ca_certificate(Certificate::from_pem(read(ca)?));
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        Ok(config)
    }
}

/// Frames and windows that let a busy stream be read in few pieces.
fn tuned(endpoint: Endpoint, window: u32) -> Endpoint {
    client::tuned(endpoint)
        .connect_timeout(CONNECT_TIMEOUT)
        .initial_stream_window_size(window)
        .initial_connection_window_size(4 << 20)
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Nobody answers.
    #[error(
        "no gateway answers at {server}: {reason}; is it running? start one with `falco-gateway serve`, or name another with --server"
    )]
    Unreachable {
        /// Where.
        server: String,
        /// Why not.
        reason: String,
    },
    /// Nobody answers on a connection that was made. With TLS 1.3 that is all that a
    /// client without the right certificate finds.
    #[error(
        "the gateway did not answer: {0}; if it speaks TLS, write https://, and if it asks for certificates, give yours with --certificate and --key"
    )]
    HungUp(String),
    /// The gateway refused.
    #[error("{}", .0.message())]
    Refused(Box<Status>),
    /// A filter that is wrong.
    #[error("{problem}\n\n{pointer}")]
    Filter {
        /// What.
        problem: Problem,
        /// Where.
        pointer: String,
    },
    /// A configuration that is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The gateway cannot listen.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An argument that is wrong.
    #[error("{0}")]
    Argument(String),
    /// A file cannot be read.
    #[error("failed to read {path}: {error}", path = .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Nobody reads our output.
    #[error("failed to write the output: {0}")]
    Output(#[from] io::Error),
    /// Something else.
    #[error("{0}")]
    Failed(String),
}

impl From<Status> for CliError {
    fn from(status: Status) -> Self {
        // A status that came from the gateway has no source.
        if let Some(source) = status.source()
            && status.code() != Code::Unavailable
        {
            return Self::HungUp(innermost(source));
        }
        Self::Refused(Box::new(status))
    }
}

impl CliError {
    /// A wrong filter, with where.
    pub(super) fn filter(problem: Problem, text: &str) -> Self {
        Self::Filter {
            pointer: problem.pointer(text),
            problem,
        }
    }

    /// See the help text of [`super::Arguments`].
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable { .. } | Self::HungUp(_) => 3,
            Self::Refused(status) => match status.code() {
                Code::InvalidArgument => 2,
                Code::Unavailable => 3,
                _ => 1,
            },
            Self::Filter { .. } | Self::Config(_) | Self::Argument(_) => 2,
            Self::Start(_) | Self::Read { .. } | Self::Output(_) | Self::Failed(_) => 1,
        }
    }
}

/// Checks a filter here, so that a mistake is shown where it stands.
pub(super) fn check_filter(text: &str) -> Result<(), CliError> {
    match crate::filter::Filter::parse(text) {
        Ok(_) => Ok(()),
        Err(problem) => Err(CliError::filter(problem, text)),
    }
}
