//! The page of promises names tests that exist.

use std::{collections::BTreeSet, fs, path::Path};

const PAGE: &str = include_str!("../../docs/guarantees.md");

/// The names of all functions in the code.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let after_fn = text.split("fn ").skip(1);
        names.extend(after_fn.filter_map(|rest| rest.split('(').next().map(str::to_owned)));
    }
}

#[test]
fn every_promise_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    functions(&root.join("src"), &mut names);
    functions(&root.join("tests/it"), &mut names);
    let rows = PAGE
        .lines()
        .filter(|line| line.starts_with("| ") && !line.ends_with("| test |"));
    let mut promises = 0;
    for row in rows {
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let tests: Vec<_> = last.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test for: {row}");
        for test in tests {
            assert!(names.contains(test), "there is no test {test}");
        }
        promises += 1;
    }
    assert!(promises > 15, "{promises}");
}
