use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::access::{Token, TokenError};
use crate::{
    tls,
    units::{Size, Span},
};

/// The HTTP input's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen. The default is falcosidekick's port: whoever posts there
    /// changes nothing but the host.
    pub listen: String,
    /// The files for TLS; without them, the listener speaks plaintext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<tls::Config>,
    /// A file with a token that senders must show. Without one, everybody who
    /// reaches the listener may post.
    pub token_file: Option<PathBuf>,
    /// The largest body, as sent and once decompressed.
    pub max_body: Size,
    /// All large bodies at a time, from their first byte to their answer. A
    /// large body that finds no room waits, small ones never do.
    pub max_body_memory: Size,
    /// The largest request line and headers together.
    pub max_header_bytes: Size,
    /// How long the headers may take, from their first byte or from the end of
    /// the last request.
    pub header_timeout: Span,
    /// How long a body may take, room for a large one included.
    pub body_timeout: Span,
    /// How long the log may take. Then the sender gets a 503, though its alert
    /// may still get in.
    pub request_timeout: Span,
    /// How long a connection may be silent between two requests.
    pub idle_timeout: Span,
    /// Connections at a time. Further ones wait in the listener's backlog.
    pub max_connections: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:2801".to_owned(),
            tls: None,
            token_file: None,
            max_body: Size(8 << 20),
            max_body_memory: Size(64 << 20),
            max_header_bytes: Size(32 << 10),
            header_timeout: Span(Duration::from_secs(10)),
            body_timeout: Span(Duration::from_secs(30)),
            request_timeout: Span(Duration::from_secs(30)),
            idle_timeout: Span(Duration::from_secs(300)),
            max_connections: 1024,
        }
    }
}

/// What is wrong with the configuration; whoever wrote it must act.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No host and port.
    #[error("listen: {0:?} is no address: write host:port, such as 127.0.0.1:2801")]
    Listen(String),
    /// The token cannot be had.
    #[error("token_file: {0}")]
    Token(#[from] TokenError),
    /// A value out of its range.
    #[error("{name}: {value} is out of range: it must be between {least} and {most}")]
    OutOfRange {
        /// The key.
        name: &'static str,
        /// What it is.
        value: String,
        /// The least it may be.
        least: String,
        /// The most it may be.
        most: String,
    },
}

const BODY: RangeInclusive<Size> = Size(1 << 10)..=Size(1 << 30);
const HEADER: RangeInclusive<Size> = Size(1 << 10)..=Size(1 << 20);
const TIMEOUT: RangeInclusive<Span> =
    Span(Duration::from_millis(1))..=Span(Duration::from_secs(24 * 3600));
const MOST_MEMORY: Size = Size(1 << 40);

impl Config {
    /// Whether the input can be served so. Reads the token's file.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_listen()?;
        self.read_token()?;
        // Room for a body that is decompressed: what came, and what becomes of it.
        let least_memory = Size(self.max_body.0.saturating_mul(2));
        within("max_body", &self.max_body, BODY)?;
        within(
            "max_body_memory",
            &self.max_body_memory,
            least_memory..=MOST_MEMORY,
        )?;
        within("max_header_bytes", &self.max_header_bytes, HEADER)?;
        within("max_connections", &self.max_connections, 1..=1 << 20)?;
        for (name, span) in [
            ("header_timeout", self.header_timeout),
            ("body_timeout", self.body_timeout),
            ("request_timeout", self.request_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            within(name, &span, TIMEOUT)?;
        }
        Ok(())
    }

    /// The token that senders must show, when one is asked for.
    ///
    /// # Errors
    /// When its file cannot be read or holds none.
    pub fn read_token(&self) -> Result<Option<Token>, TokenError> {
        self.token_file.as_deref().map(Token::read).transpose()
    }

    fn check_listen(&self) -> Result<(), ConfigError> {
        self.listen
            .rsplit_once(':')
            .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
            .map(|_| ())
            .ok_or_else(|| ConfigError::Listen(self.listen.clone()))
    }
}

fn within<T: PartialOrd + ToString>(
    name: &'static str,
    value: &T,
    range: RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if range.contains(value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(ConfigError::OutOfRange {
        name,
        value: value.to_string(),
        least: least.to_string(),
        most: most.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_served() {
        Config::default().check().unwrap();
    }

    #[test]
    fn what_cannot_be_served_is_named() {
        let message = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert_eq!(
            message(|config| config.listen = "2801".to_owned()),
            "listen: \"2801\" is no address: write host:port, such as 127.0.0.1:2801"
        );
        assert_eq!(
            message(|config| config.max_body_memory = Size(1 << 20)),
            "max_body_memory: 1MiB is out of range: it must be between 16MiB and 1TiB"
        );
        assert_eq!(
            message(|config| config.body_timeout = Span(Duration::ZERO)),
            "body_timeout: 0s is out of range: it must be between 1ms and 1d"
        );
        assert!(message(|config| config.token_file = Some("/no/such".into())).contains("/no/such"));
    }
}
