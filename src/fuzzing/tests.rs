use std::{fs, path::Path};

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 13] = [
    ("authority", super::authority),
    ("config", super::config),
    ("cursor", super::cursor),
    ("falco_grpc", super::falco_grpc),
    ("filter", super::filter),
    ("formats", super::formats),
    ("http_body", super::http_body),
    ("jwt", super::jwt),
    ("lines", super::lines),
    ("log", super::log),
    ("normalize", super::normalize),
    ("stored", super::stored),
    ("tokens", super::tokens),
];

/// A good input at least, so that a target asks something, and what once failed.
#[test]
fn what_is_kept_for_the_targets_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    for (name, target) in TARGETS {
        for file in fs::read_dir(folder.join(name)).unwrap() {
            let path = file.unwrap().path();
            // Shown when it fails.
            println!("{}", path.display());
            target(&fs::read(path).unwrap());
        }
        target(b"");
    }
}

#[test]
fn every_target_has_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/fuzz_targets");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_owned())
        .collect();
    files.sort();
    assert_eq!(files, TARGETS.map(|(name, _)| name));
}
