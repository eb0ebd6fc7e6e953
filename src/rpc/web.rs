//! gRPC-Web, for pages in a browser: over HTTP/1.1 as well as HTTP/2.
//!
//! A browser sends along which page's script calls, its *origin*. Only those that the
//! configuration names may: any page that an operator happens to look at can reach a
//! gateway on the operator's machine, and one whose name leads there (DNS rebinding)
//! is even "the same origin" to the browser.

use std::{convert::Infallible, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};
use serde::{Deserialize, Serialize};
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowHeaders, Cors, CorsLayer};

use super::methods::Methods;

/// What a page's script may read of an answer's headers.
const READABLE: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// What all gRPC-Web's content types begin with.
const GRPC_WEB: &[u8] = b"application/grpc-web";

/// Who may call from a browser.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The origins of the pages whose scripts may call, as the browser writes them:
    /// `https://alerts.example.com`, with the port if it is not the usual one.
    pub allowed_origins: Vec<String>,
}

impl Config {
    /// Checks the values.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let wrong = self.allowed_origins.iter().find(|it| !is_origin(it));
        wrong.map_or(Ok(()), |origin| {
            Err(format!(
                "{origin:?} is no origin: write scheme, host and port of the page as the browser \
                 does, in small letters, without the usual port and nothing more, such as \
                 https://alerts.example.com or http://localhost:8080"
            ))
        })
    }
}

/// All methods, also as a browser calls them. Cheap to clone: each connection has one.
#[derive(Debug, Clone)]
pub(super) struct Web {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    methods: Methods,
    translated: Cors<GrpcWebService<Methods>>,
    allowed_origins: Vec<HeaderValue>,
}

impl Web {
    pub(super) fn new(methods: Methods, config: &Config) -> Self {
        let origins = config.allowed_origins.iter();
        let allowed_origins: Vec<_> = origins
            .filter_map(|origin| HeaderValue::from_str(origin).ok())
            .collect();
        let cors = CorsLayer::new()
            .allow_origin(allowed_origins.clone())
            .allow_methods([Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(READABLE)
            .allow_private_network(true);
        Self {
            shared: Arc::new(Shared {
                translated: cors.layer(GrpcWebLayer::new().layer(methods.clone())),
                methods,
                allowed_origins,
            }),
        }
    }

    /// Answers `request`.
    pub(super) async fn call(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        // Whatever it asks for: browsers ask nobody before they send what a form could.
        if let Some(refused) = self.refused(request.headers()) {
            return Ok(refused);
        }
        let is_web = is_grpc_web(request.headers()) || request.method() == Method::OPTIONS;
        if !is_web && request.version() == Version::HTTP_2 {
            return self.shared.methods.clone().answer(request).await;
        }
        if !is_web {
            let told = "this port speaks gRPC and gRPC-Web; Falco posts its alerts to the port \
                        of an http source, 2801 unless configured\n";
            return Ok(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, told));
        }
        self.shared.translated.clone().oneshot(request).await
    }

    /// The answer to a page that may not call.
    fn refused(&self, headers: &HeaderMap) -> Option<Response<Body>> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = origins.find(|origin| !self.shared.allowed_origins.contains(origin))?;
        let origin = origin.to_str().unwrap_or("?");
        tracing::debug!(origin, "a page was refused");
        let told = format!(
            "pages of {origin} may not call this gateway: add it to grpc_web.allowed_origins\n"
        );
        Some(plain(StatusCode::FORBIDDEN, told))
    }
}

/// Whether a browser would write it so.
fn is_origin(text: &str) -> bool {
    let (rest, usual_port) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
        (Some(rest), _) => (rest, 80),
        (_, Some(rest)) => (rest, 443),
        (None, None) => return false,
    };
    let is_host = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    let is_address = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.bytes().all(is_address) => ("v6", port),
        Some(_) => return false,
        None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
    };
    let is_port = match port.strip_prefix(':') {
        Some(port) => port
            .parse::<u16>()
            .is_ok_and(|port| port != usual_port && port > 0),
        None => port.is_empty(),
    };
    is_port && !host.is_empty() && host.bytes().all(is_host)
}

pub(super) fn is_grpc_web(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(GRPC_WEB))
}

pub(super) fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(Body::new(text.into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        let check = |origin: &str| {
            let allowed_origins = vec![origin.to_owned()];
            Config { allowed_origins }.check()
        };
        for good in [
            "https://a.example.com",
            "http://localhost:8080",
            "http://[::1]:8080",
            "https://a:80",
        ] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in [
            "*",
            "a.example.com",
            "https://a/",
            "https://",
            "https://*.a",
            "https://A.Example.com",
            "https://a.example.com:443",
            "http://a:80",
            "https://user@a",
            "https://a?x",
            "https://:1",
            "https://a:99999",
            "https://ä.example",
            "http://[x]",
        ] {
            assert!(check(bad).unwrap_err().contains("is no origin"), "{bad}");
        }
    }
}
