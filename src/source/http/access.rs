//! The token that senders show.
//!
//! Falco can set no header of its own, only its URL; so the token is taken from
//! wherever a URL can put it: `http://any:TOKEN@host/`, `http://host/TOKEN`,
//! `http://host/?token=TOKEN`, and from `Authorization: Bearer TOKEN`.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hyper::{header, http::request::Parts};
use percent_encoding::percent_decode_str;

/// Whether a browser sends it for a page of another origin. Any page that somebody opens
/// can reach a gateway on his machine, and a form's request needs nobody's leave.
pub(super) fn is_from_page(request: &Parts) -> bool {
    let site = request.headers.get("sec-fetch-site");
    request.headers.contains_key(header::ORIGIN)
        || site.is_some_and(|site| site.as_bytes() == b"cross-site")
}

/// The token, of which only a hash is kept: it cannot be printed, and hashes
/// compare in constant time whatever the lengths.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(blake3::Hash);

/// A file that gives no token; whoever wrote it must act.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("failed to read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It holds nothing, or more than one word.
    #[error("{} must hold a token and nothing else: one word, no spaces", path.display())]
    NoToken {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// Reads a file's only word.
    ///
    /// # Errors
    /// When it cannot be read, or holds no word or several.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let path_buf = || path.to_owned();
        let bytes = fs::read(path).map_err(|error| TokenError::Unreadable {
            path: path_buf(),
            error,
        })?;
        let word = bytes.trim_ascii();
        if word.is_empty() || word.iter().any(u8::is_ascii_whitespace) {
            return Err(TokenError::NoToken { path: path_buf() });
        }
        Ok(Self(blake3::hash(word)))
    }

    /// The path left to route when the request shows the token: without it, if
    /// the path's first segment is where it was. None when it shows no token.
    pub(super) fn admits<'a>(&self, request: &'a Parts) -> Option<&'a str> {
        let path = request.uri.path();
        if self.is_in_headers(request) || self.is_in_query(request) {
            return Some(path);
        }
        let (segment, _) = path
            .get(1..)?
            .split_once('/')
            .unwrap_or((path.get(1..)?, ""));
        self.is_encoded(segment)
            .then(|| path.get(1 + segment.len()..).unwrap_or_default())
    }

    fn is_in_headers(&self, request: &Parts) -> bool {
        let values = request.headers.get_all(header::AUTHORIZATION);
        values.iter().any(|value| {
            let Some((scheme, credentials)) = split_at_space(value.as_bytes()) else {
                return false;
            };
            if scheme.eq_ignore_ascii_case(b"bearer") {
                return self.is(credentials);
            }
            scheme.eq_ignore_ascii_case(b"basic") && self.is_password(credentials)
        })
    }

    fn is_password(&self, credentials: &[u8]) -> bool {
        let Ok(decoded) = BASE64.decode(credentials) else {
            return false;
        };
        let mut parts = decoded.splitn(2, |byte| *byte == b':');
        parts.nth(1).is_some_and(|password| self.is(password))
    }

    fn is_in_query(&self, request: &Parts) -> bool {
        let query = request.uri.query().unwrap_or_default();
        query
            .split('&')
            .filter_map(|pair| pair.strip_prefix("token="))
            .any(|value| self.is_encoded(value))
    }

    fn is_encoded(&self, text: &str) -> bool {
        self.is(&percent_decode_str(text).collect::<Vec<u8>>())
    }

    fn is(&self, candidate: &[u8]) -> bool {
        blake3::hash(candidate) == self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

fn split_at_space(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = value.split_at(space);
    Some((scheme, rest.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn request(uri: &str, authorization: &str) -> Parts {
        let builder = Request::post(uri);
        let builder = if authorization.is_empty() {
            builder
        } else {
            builder.header(header::AUTHORIZATION, authorization)
        };
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_token_may_be_wherever_a_url_can_put_it() {
        let token = Token(blake3::hash(b"s3/cret"));
        let basic = format!("Basic {}", BASE64.encode("falco:s3/cret"));
        for (uri, authorization, left) in [
            ("/a/b", "Bearer s3/cret", "/a/b"),
            ("/a/b", "bearer  s3/cret", "/a/b"),
            ("/a/b", basic.as_str(), "/a/b"),
            ("/?x=1&token=s3%2Fcret", "", "/"),
            ("/?token=s3/cret", "Bearer other", "/"),
            ("/s3%2fcret", "", ""),
            ("/s3%2fcret/test?x", "", "/test"),
        ] {
            let request = request(uri, authorization);
            assert_eq!(token.admits(&request), Some(left), "{uri} {authorization}");
        }
    }

    #[test]
    fn anything_else_is_no_token() {
        let token = Token(blake3::hash(b"secret"));
        let user = format!("Basic {}", BASE64.encode("secret:"));
        for (uri, authorization) in [
            ("/", ""),
            ("/a/secret", ""),
            ("/Secret", ""),
            ("/secret2", ""),
            ("/?tokens=secret", ""),
            ("/?token=", ""),
            ("/", "Bearer"),
            ("/", "Bearer secre"),
            ("/", "secret"),
            ("/", "Basic secret"),
            ("/", user.as_str()),
        ] {
            let request = request(uri, authorization);
            assert_eq!(token.admits(&request), None, "{uri} {authorization}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn a_file_holds_one_word() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "secret\n").unwrap();
        assert_eq!(Token::read(&path).unwrap(), Token(blake3::hash(b"secret")));
        for text in ["", " \n", "two words"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(
                Token::read(&path),
                Err(TokenError::NoToken { .. })
            ));
        }
    }
}
