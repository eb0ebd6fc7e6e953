use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderValue, header::AUTHORIZATION};
use tonic::{body::Body, codegen::Service, transport::Channel};

/// A connection to a gateway, and the token that its calls show. Cheap to clone; made of a
/// [`Channel`], it shows none.
#[derive(Debug, Clone)]
pub struct Connection {
    channel: Channel,
    token: Option<TokenFile>,
}

/// The file with the token of a client. It is read with every call: who issues tokens
/// that expire, as Kubernetes does, puts new ones into the same file.
#[derive(Clone)]
pub struct TokenFile {
    path: Arc<PathBuf>,
}

impl TokenFile {
    /// The token in the file at `path`.
    ///
    /// # Errors
    /// When there is none now.
    pub fn new(path: &Path) -> io::Result<Self> {
        let file = Self {
            path: Arc::new(path.to_owned()),
        };
        file.header()?;
        Ok(file)
    }

    /// What is said in `authorization`.
    fn header(&self) -> io::Result<HeaderValue> {
        let text = fs::read_to_string(self.path.as_path())?;
        // Of several the first is as good as any: the gateway takes all of a file.
        let token = text.lines().map(str::trim).find(|line| !line.is_empty());
        let token = token.ok_or_else(|| io::Error::other("there is no token in it"))?;
        let header = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut header = header.map_err(|_| io::Error::other("what is in it is no token"))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenFile").field(&self.path).finish()
    }
}

impl Connection {
    /// The calls show the token in this file.
    #[must_use]
    pub fn with_token(self, token: Option<TokenFile>) -> Self {
        Self { token, ..self }
    }
}

impl From<Channel> for Connection {
    fn from(channel: Channel) -> Self {
        Self {
            channel,
            token: None,
        }
    }
}

impl Service<http::Request<Body>> for Connection {
    type Response = <Channel as Service<http::Request<Body>>>::Response;
    type Error = <Channel as Service<http::Request<Body>>>::Error;
    type Future = <Channel as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<http::Request<Body>>::poll_ready(&mut self.channel, cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // Without it the gateway says what is missing.
        if let Some(Ok(header)) = self.token.as_ref().map(TokenFile::header) {
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        self.channel.call(request)
    }
}
