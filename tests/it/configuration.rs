//! The page about the configuration is true.

use falco_gateway::{
    config::{Config, SourceConfig},
    source::{falco_grpc, file, http, stdin},
};

const PAGE: &str = include_str!("../../docs/configuration.md");

fn examples() -> Vec<Config> {
    PAGE.split("```yaml\n")
        .skip(1)
        .map(|rest| Config::parse(rest.split("```").next().unwrap()).unwrap())
        .collect()
}

/// Those that the page writes, and not those that an example has by default.
fn sources() -> Vec<SourceConfig> {
    let default = Config::default().sources;
    let shown = examples().into_iter().skip(1).map(|it| it.sources);
    shown.filter(|it| *it != default).flatten().collect()
}

#[test]
fn the_first_example_is_the_default() {
    let default = Config::default();
    let example = Config {
        data_dir: default.data_dir.clone(),
        ..examples().remove(0)
    };
    assert_eq!(example, default);
}

#[test]
fn the_values_of_the_sources_are_their_defaults() {
    let sources = sources();
    let http: Vec<_> = sources.iter().filter_map(|it| it.http.clone()).collect();
    assert_eq!(http, [http::Config::default()]);
    let falcos: Vec<_> = sources
        .iter()
        .filter_map(|it| it.falco_grpc.clone())
        .collect();
    for falco in &falcos {
        let default = falco_grpc::Config::new(falco.address.clone());
        let tls = falco.tls.clone();
        assert_eq!(*falco, falco_grpc::Config { tls, ..default });
    }
    assert_eq!(falcos.len(), 2);
    let file = sources.iter().find_map(|it| it.file.clone()).unwrap();
    let path = file.path.clone();
    assert_eq!(
        file,
        file::Config {
            path,
            ..file::Config::default()
        }
    );
    let stdin = sources.iter().find_map(|it| it.stdin.clone()).unwrap();
    assert_eq!(stdin, stdin::Config::default());
}

#[test]
fn every_key_is_on_the_page() {
    for example in examples() {
        let yaml = example.to_yaml().unwrap();
        for line in yaml.lines() {
            let key = line
                .trim_start_matches(['-', ' '])
                .split(':')
                .next()
                .unwrap();
            let known = key.is_empty() || PAGE.contains(key);
            assert!(known, "docs/configuration.md lacks {key}");
        }
    }
}
