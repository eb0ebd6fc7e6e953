use std::fmt;

/// Who calls, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The SPIFFE id of a client's certificate, as it is: `spiffe://domain/path`.
    Spiffe(String),
    /// The common name of a client's certificate that has no SPIFFE id.
    Certificate(String),
    /// The subject of a signed token.
    Jwt {
        /// The issuer, by its name in the configuration.
        issuer: String,
        /// The subject.
        subject: String,
    },
    /// The owner of a token from a file, by its name in the configuration.
    Token(String),
    /// The user of a process on this machine that came by a unix socket.
    Unix(String),
    /// Whoever got through and showed nothing.
    Anonymous,
    /// The gateway itself: its own bridges.
    Gateway,
}

impl Identity {
    /// What the kinds are called, and what comes before the name.
    pub const PREFIXES: [&str; 6] = ["spiffe://", "cert:", "jwt:", "token:", "unix:", "anonymous"];
}

/// As grants name it. The kinds cannot be mistaken for one another, whatever a name holds.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spiffe(id) => f.write_str(id),
            Self::Certificate(name) => write!(f, "cert:{name}"),
            Self::Jwt { issuer, subject } => write!(f, "jwt:{issuer}:{subject}"),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::Unix(user) => write!(f, "unix:{user}"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Gateway => f.write_str("gateway"),
        }
    }
}
