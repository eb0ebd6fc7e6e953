//! The page: its files, and what a browser may do with them.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{
    Config,
    door::{Asked, Door, Refusal},
};
use crate::{
    access::{Access, Peer},
    filter,
    rpc::PageCalls,
    tls,
};

/// What the page may do: nothing but run its own files and call its own gateway.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types report",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    (
        "permissions-policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// The page, for those who may see it.
#[derive(Debug, Clone)]
pub struct Page {
    door: Door,
    calls: PageCalls,
}

impl Page {
    /// The page as `config` has it, whose calls are answered by `calls`. None if there is
    /// to be none. `is_open_here` says whether a listener for gRPC takes everybody on this
    /// machine.
    pub fn new(
        config: &Config,
        access: Access,
        calls: PageCalls,
        is_open_here: bool,
    ) -> Option<Self> {
        let door = Door {
            hosts: config.hosts.clone(),
            tls: config.tls.is_some(),
            asks_everybody: config.tls.as_ref().is_some_and(tls::Config::asks_everybody),
            is_open_here,
            access,
        };
        config.page.then_some(Self { door, calls })
    }

    /// Its paths, and those of its calls.
    pub(super) fn router(self) -> Router {
        let files = Router::new()
            .route(
                "/",
                get(async |headers: HeaderMap| file("index.html", &headers)),
            )
            .route("/page/{name}", get(named))
            .layer(middleware::from_fn_with_state(self.door.clone(), guard));
        files.fallback(call).with_state(self)
    }
}

/// A file of the page.
struct File {
    name: &'static str,
    content: &'static [u8],
    etag: HeaderValue,
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let fields = filter::vocabulary().into_bytes().leak();
    let made: [(&str, &[u8]); 1] = [("fields.tsv", fields)];
    let all = EMBEDDED.into_iter().chain(made);
    all.map(|(name, content)| File {
        name,
        content,
        etag: etag(content),
    })
    .collect()
});

/// The files below `page/`, and what `build.rs` makes of the protos.
const EMBEDDED: [(&str, &[u8]); 20] = [
    ("index.html", include_bytes!("page/index.html")),
    ("page.css", include_bytes!("page/page.css")),
    ("icon.svg", include_bytes!("page/icon.svg")),
    ("main.js", include_bytes!("page/main.js")),
    ("protobuf.js", include_bytes!("page/protobuf.js")),
    ("grpc.js", include_bytes!("page/grpc.js")),
    ("dom.js", include_bytes!("page/dom.js")),
    ("words.js", include_bytes!("page/words.js")),
    ("session.js", include_bytes!("page/session.js")),
    ("store.js", include_bytes!("page/store.js")),
    ("stream.js", include_bytes!("page/stream.js")),
    ("list.js", include_bytes!("page/list.js")),
    ("filter.js", include_bytes!("page/filter.js")),
    ("complete.js", include_bytes!("page/complete.js")),
    ("detail.js", include_bytes!("page/detail.js")),
    ("report.js", include_bytes!("page/report.js")),
    ("timeline.js", include_bytes!("page/timeline.js")),
    ("overview.js", include_bytes!("page/overview.js")),
    ("keys.js", include_bytes!("page/keys.js")),
    (
        "schema.json",
        include_bytes!(concat!(env!("OUT_DIR"), "/schema.json")),
    ),
];

/// So a browser asks each time, and is told in a few bytes that nothing has changed.
fn etag(content: &[u8]) -> HeaderValue {
    let hash = blake3::hash(content).to_hex();
    let short = hash.get(..16).unwrap_or_default();
    HeaderValue::from_str(&format!("\"{short}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return (StatusCode::NOT_FOUND, "there is nothing here\n").into_response();
    };
    let known = [
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (ETAG, file.etag.clone()),
    ];
    if headers.get(IF_NONE_MATCH) == Some(&file.etag) {
        return (StatusCode::NOT_MODIFIED, known).into_response();
    }
    let kind = [(CONTENT_TYPE, content_type(file.name))];
    (known, kind, file.content).into_response()
}

async fn named(Path(name): Path<String>, headers: HeaderMap) -> Response {
    file(&name, &headers)
}

/// Lets nobody see the page who may not, and says to his browser what it may do.
async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let peer = peer(&request);
    let admitted = door.admit(&peer, &asked(&request));
    let mut answer = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refused(&refusal),
    };
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Everything else is a call, or nothing.
async fn call(State(page): State<Page>, request: Request) -> Response {
    let peer = peer(&request);
    let door = &page.door;
    match door.admit_call(&peer, &asked(&request)) {
        Ok(()) => page.calls.answer(request).await.into_response(),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Response {
    tracing::debug!(%refusal, "somebody was not shown the page");
    (StatusCode::FORBIDDEN, format!("{refusal}\n")).into_response()
}

fn asked(request: &Request) -> Asked<'_> {
    Asked {
        version: request.version(),
        uri: request.uri(),
        headers: request.headers(),
    }
}

/// Who asks, as the listener has it.
fn peer(request: &Request) -> Arc<Peer> {
    let known = request.extensions().get::<Arc<Peer>>().cloned();
    known.unwrap_or_else(|| Arc::new(Peer::tcp(None)))
}
