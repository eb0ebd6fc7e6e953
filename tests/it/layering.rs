//! The rule of ARCHITECTURE.md: which module may use which.
//!
//! It is read from the sources, since the compiler knows of no such rule within
//! one crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A module, and the others of this crate that it may use.
const MAY_USE: [(&str, &[&str]); 28] = [
    ("units", &[]),
    ("backoff", &[]),
    ("json", &["alert"]),
    ("format", &["alert", "json"]),
    ("client", &["pb"]),
    ("clock", &[]),
    ("pb", &[]),
    ("alert", &[]),
    ("filter", &["alert", "units"]),
    ("report", &["alert"]),
    ("state", &[]),
    ("log", &["alert", "state", "units"]),
    ("tls", &[]),
    ("trace", &["alert"]),
    ("telemetry", &["access", "trace"]),
    ("policy", &["alert", "filter", "normalize", "units"]),
    ("access", &["clock", "policy", "tls", "units"]),
    (
        "source",
        &[
            "alert", "backoff", "clock", "state", "tls", "trace", "units",
        ],
    ),
    ("normalize", &["alert", "source"]),
    ("ingest", &["alert", "log", "normalize", "source", "trace"]),
    (
        "delivery",
        &[
            "alert", "clock", "filter", "log", "policy", "source", "state",
        ],
    ),
    (
        "bridge",
        &[
            "alert",
            "backoff",
            "client",
            "clock",
            "filter",
            "format",
            "json",
            "log",
            "normalize",
            "pb",
            "source",
            "tls",
            "trace",
            "units",
        ],
    ),
    (
        "rpc",
        &[
            "access",
            "alert",
            "bridge",
            "clock",
            "delivery",
            "filter",
            "json",
            "log",
            "normalize",
            "pb",
            "policy",
            "report",
            "source",
            "tls",
            "trace",
            "units",
        ],
    ),
    (
        "web",
        &[
            "access", "bridge", "delivery", "filter", "ingest", "log", "rpc", "source", "tls",
            "trace",
        ],
    ),
    (
        "config",
        &[
            "access",
            "alert",
            "bridge",
            "delivery",
            "log",
            "rpc",
            "source",
            "telemetry",
            "tls",
            "units",
            "web",
        ],
    ),
    (
        "gateway",
        &[
            "access", "alert", "bridge", "client", "clock", "config", "delivery", "ingest", "log",
            "policy", "rpc", "source", "state", "tls", "web",
        ],
    ),
    (
        "cli",
        &[
            "access",
            "alert",
            "bridge",
            "client",
            "clock",
            "config",
            "filter",
            "format",
            "gateway",
            "json",
            "normalize",
            "pb",
            "policy",
            "report",
            "rpc",
            "source",
            "telemetry",
            "units",
            "web",
        ],
    ),
    ("main", &["cli"]),
];

/// A library, and the parts of `src` that may know it.
const LIBRARIES: [(&str, &[&str]); 21] = [
    ("redb", &["state"]),
    (
        "tonic",
        &[
            "pb",
            "rpc",
            "bridge",
            "cli",
            "client",
            "gateway",
            "source/falco_grpc",
            "telemetry/traces",
        ],
    ),
    (
        "prost",
        &[
            "pb",
            "rpc",
            "bridge/target/otlp",
            "cli",
            "source/falco_grpc",
        ],
    ),
    ("tonic_types", &["rpc", "client", "bridge/target/otlp"]),
    (
        "serde_json",
        &[
            "access",
            "json",
            "format",
            "normalize",
            "bridge",
            "source/http",
            "cli",
        ],
    ),
    (
        "opentelemetry_proto",
        &["format/otlp", "bridge/target/otlp"],
    ),
    ("opentelemetry", &["trace", "telemetry/traces"]),
    ("opentelemetry_otlp", &["telemetry/traces"]),
    ("opentelemetry_sdk", &["telemetry/traces"]),
    ("tracing_opentelemetry", &["trace", "telemetry/traces"]),
    ("axum", &["web"]),
    ("prometheus_client", &["web/metrics"]),
    ("clap", &["cli", "telemetry"]),
    ("rcgen", &["cli"]),
    ("tokio_rustls", &["tls", "rpc", "bridge/target"]),
    ("reqwest", &["access/jwks", "bridge/target"]),
    ("jsonwebtoken", &["access/jwt", "access/jwks"]),
    (
        "governor",
        &["access/audit", "access/usage", "trace/sampler"],
    ),
    ("aes", &["log/seal"]),
    ("async_nats", &["bridge/target/nats"]),
    ("hyper", &["source/http", "rpc", "cli", "web/listen"]),
];

/// A file of `src` without its tests and comments.
struct File {
    /// Below `src`, without `.rs`.
    path: String,
    code: String,
}

impl File {
    /// Nothing, if it is all test, or for the fuzz targets.
    fn read(path: &Path, root: &Path) -> Option<Self> {
        let inside = path.strip_prefix(root).unwrap().with_extension("");
        let inside = inside.to_str().unwrap().to_owned();
        let is_shipped = !inside.contains("test") && !inside.contains("fuzzing");
        if inside == "lib" || !is_shipped {
            return None;
        }
        let text = fs::read_to_string(path).unwrap();
        let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let code = shipped
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .fold(String::new(), |all, line| all + line + "\n");
        Some(Self { path: inside, code })
    }

    fn module(&self) -> &str {
        self.path.split('/').next().unwrap()
    }
}

fn code() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    files(&root)
        .iter()
        .filter_map(|path| File::read(path, &root))
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The words that follow `prefix`, also in a group: `crate::{a::B, c}`.
fn used(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(top_names(group)),
            None => names.extend(word(rest)),
        }
    }
    names
}

fn top_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut fresh = true;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            _ if fresh && letter.is_alphanumeric() => {
                names.extend(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let word = &text[..end.unwrap_or(text.len())];
    (!word.is_empty()).then(|| word.to_owned())
}

#[test]
fn modules_use_only_what_they_may() {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in code() {
        let module = file.module();
        let prefix = if module == "main" {
            "falco_gateway::"
        } else {
            "crate::"
        };
        let names = uses.entry(module.to_owned()).or_default();
        names.extend(used(&file.code, prefix));
    }
    let known: BTreeSet<_> = MAY_USE.iter().map(|(module, _)| *module).collect();
    let modules: BTreeSet<_> = uses.keys().map(String::as_str).collect();
    assert_eq!(modules, known, "a module has no rule, or a rule no module");
    for (module, allowed) in MAY_USE {
        let allowed: BTreeSet<_> = allowed.iter().copied().collect();
        let used: BTreeSet<_> = uses[module]
            .iter()
            .map(String::as_str)
            .filter(|name| *name != module && modules.contains(name))
            .collect();
        assert_eq!(
            used, allowed,
            "{module} uses the left, and may use the right"
        );
    }
}

/// Whether a path begins with `library`, or it is brought in whole. A module of
/// another library may have the same name.
fn is_named(code: &str, library: &str) -> bool {
    let begins = |(at, _): (usize, &str)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == ':')
    };
    code.match_indices(&format!("{library}::")).any(begins)
        || code.contains(&format!("use {library};"))
}

#[test]
fn libraries_are_known_only_where_they_belong() {
    for (library, allowed) in LIBRARIES {
        for file in code() {
            let knows = is_named(&file.code, library);
            let may = allowed.iter().any(|part| file.path.starts_with(part));
            assert!(!knows || may, "{} must not know {library}", file.path);
        }
    }
}

#[test]
fn the_reading_of_uses_sees_groups_and_paths() {
    let code = "use crate::{alert::{A, b::C}, log, source::X};\nlet y = crate::clock::now();";
    let names = used(code, "crate::");
    let expected = ["alert", "clock", "log", "source"].map(str::to_owned);
    assert_eq!(names, BTreeSet::from(expected));
}
