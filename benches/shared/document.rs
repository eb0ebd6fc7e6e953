//! The tables of `docs/performance.md`, written by the benchmarks that made them.

use std::{fs, path::Path};

/// Puts `text` between the marks `<!-- name -->` and `<!-- /name -->`.
pub(crate) fn write(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let document = fs::read_to_string(&path).unwrap();
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = document.split_once(&start).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    let document = format!("{before}{start}{}\n{end}{after}", text.trim_end());
    fs::write(path, document).unwrap();
}

/// The machine, as far as it matters to read a table.
pub(crate) fn machine() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let release = kernel.split('.').take(2).collect::<Vec<_>>().join(".");
    let cores = std::thread::available_parallelism().unwrap();
    format!("Linux {release} with {cores} cores, loopback, nothing pinned")
}
