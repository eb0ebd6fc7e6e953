//! `docs/bridges.md` is true.

use falco_gateway::{bridge::Config as Bridge, config::Config};
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/bridges.md");

fn examples() -> Vec<Bridge> {
    PAGE.split("```yaml\n")
        .skip(1)
        .flat_map(|rest| {
            Config::parse(rest.split("```").next().unwrap())
                .unwrap()
                .bridges
        })
        .collect()
}

/// The bridge of this name, where it is shown first.
fn example(name: &str, has: impl Fn(&Bridge) -> bool) -> Bridge {
    let mut examples = examples().into_iter();
    examples.find(|it| it.name == name && has(it)).unwrap()
}

#[test]
fn every_key_of_every_example_is_one_and_every_key_is_on_the_page() {
    let examples = examples();
    assert!(examples.len() > 12);
    let kinds = "stdout file syslog webhook splunk_hec elasticsearch otlp nats";
    let mut shown = String::new();
    for example in examples {
        let config = Config {
            bridges: vec![example],
            ..Config::default()
        };
        let yaml = config.to_yaml().unwrap();
        let bridges = yaml.split_once("bridges:").unwrap().1;
        for line in bridges.lines() {
            let key = line
                .trim_start_matches(['-', ' '])
                .split(':')
                .next()
                .unwrap();
            assert!(
                key.is_empty() || PAGE.contains(key),
                "docs/bridges.md lacks {key}"
            );
            shown.push_str(key);
            shown.push('\n');
        }
    }
    for kind in kinds.split(' ') {
        assert!(
            shown.lines().any(|it| it == kind),
            "docs/bridges.md shows no {kind}"
        );
    }
}

/// Where each target is shown, what it cannot do without, and what is shown beside that has no default.
const TARGETS: [(&str, &str, &str); 7] = [
    (
        "siem",
        "syslog: {address: \"tls://siem.example.com:6514\"}",
        "tls",
    ),
    (
        "splunk",
        "splunk_hec: {url: \"https://splunk.example.com:8088\", token: x}",
        "token index",
    ),
    (
        "search",
        "elasticsearch: {url: \"https://search.example.com:9200\"}",
        "api_key user password",
    ),
    (
        "collector",
        "otlp: {endpoint: \"http://collector:4317\"}",
        "headers",
    ),
    (
        "sidekick",
        "webhook: {url: \"http://falcosidekick:2801\"}",
        "headers signing_secret",
    ),
    ("nats", "nats: {url: \"nats://nats:4222\"}", "user password"),
    (
        "file",
        "file: {path: /var/log/falco-gateway/alerts.jsonl}",
        "",
    ),
];

/// What a value is that the page shows, and what it is unasked.
#[test]
fn the_values_on_the_page_are_the_defaults() {
    let minimal = |yaml: &str| super::bridges(&format!("- name: siem\n  {yaml}\n")).remove(0);
    let all = example("siem", |it| it.stdout.is_some());
    let least = minimal("stdout: {}");
    assert_eq!(
        (
            all.batch,
            all.timeout,
            all.max_backoff,
            all.start,
            all.subscription(),
            &all.stdout
        ),
        (
            least.batch,
            least.timeout,
            least.max_backoff,
            least.start,
            "siem",
            &least.stdout
        )
    );
    for (name, yaml, asked) in TARGETS {
        let kind = yaml.split(':').next().unwrap();
        let target = |bridge: Bridge| serde_json::to_value(bridge).unwrap()[kind].clone();
        let is_whole = |it: &Bridge| {
            let shown = target(it.clone());
            shown.is_object() && (kind != "syslog" || shown["framing"] == "octet_counting")
        };
        let shown = without(target(example(name, is_whole)), asked);
        assert_eq!(shown, without(target(minimal(yaml)), asked), "{kind}");
    }
}

fn without(mut value: Value, keys: &str) -> Value {
    let object = value.as_object_mut().unwrap();
    for key in keys.split(' ') {
        object.remove(key);
    }
    value
}

/// What cannot be meant, and what is said of it.
const PROBLEMS: [(&str, &str); 21] = [
    ("{}", "has 0 targets: give it exactly one of stdout,"),
    ("{stdout: {}, file: {path: x}}", "has 2 targets"),
    ("{stdout: {}, filter: 'priority >'}", "filter: "),
    (
        "{stdout: {}, batch: {alerts: 0}}",
        "batch.alerts must be 1 to 5000",
    ),
    (
        "{stdout: {}, batch: {bytes: 1GiB}}",
        "batch.bytes must be 1B to 32MiB",
    ),
    ("{stdout: {}, timeout: 0s}", "timeout is zero"),
    (
        "{stdout: {}, subscription: 'A b'}",
        "is no name: write 1 to 63 of a to z",
    ),
    ("{syslog: {address: siem}}", "write udp://HOST:PORT"),
    (
        "{syslog: {address: 'udp://siem:514', tls: {ca: x}}}",
        "is for an address that begins with tls://",
    ),
    (
        "{syslog: {address: 'udp://siem:514', facility: 24}}",
        "write 0 to 23",
    ),
    (
        "{webhook: {url: 'siem'}}",
        "webhook.url \"siem\" cannot be used: write http://HOST:PORT/PATH",
    ),
    (
        "{webhook: {url: 'http://me:x@siem'}}",
        "without a password in it",
    ),
    (
        "{webhook: {url: 'http://siem', format: cef, body: array}}",
        "an array needs a format of JSON",
    ),
    (
        "{webhook: {url: 'http://siem', headers: {'a b': c}}}",
        "is no name of a header",
    ),
    (
        "{webhook: {url: 'http://siem', tls: {key: x}}}",
        "tls.certificate and tls.key go together",
    ),
    (
        "{elasticsearch: {url: 'http://siem', index: 'A*'}}",
        "is no name of a data stream or an index",
    ),
    (
        "{elasticsearch: {url: 'http://siem', user: a}}",
        "user and elasticsearch.password go together",
    ),
    (
        "{elasticsearch: {url: 'http://siem', user: a, password: b, api_key: c}}",
        "give it one of them",
    ),
    (
        "{otlp: {endpoint: 'collector:4317'}}",
        "write http://HOST:PORT",
    ),
    (
        "{nats: {url: 'nats://n', subject: 'a.{rul}'}}",
        "known are {priority}",
    ),
    (
        "{nats: {url: 'nats://n', user: a}}",
        "nats.user and nats.password go together",
    ),
];

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    for (yaml, problem) in PROBLEMS {
        let yaml = format!("bridges:\n- {{name: siem, {}\n", &yaml[1..]);
        let error = Config::parse(&yaml).unwrap_err().to_string();
        assert!(error.contains(problem), "{yaml}{error}");
        assert!(error.starts_with("bridges[0] (\"siem\"): "), "{error}");
    }
    for (second, problem) in [
        ("name: siem", "the name is taken"),
        (
            "name: other, subscription: siem",
            "the subscription is another bridge's",
        ),
    ] {
        let yaml =
            format!("bridges:\n- {{name: siem, stdout: {{}}}}\n- {{{second}, stdout: {{}}}}\n");
        let error = Config::parse(&yaml).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

/// OpenSearch has no component templates of ECS, so ours says everything itself.
#[test]
fn the_index_template_has_the_types_of_ecs() {
    let root = env!("CARGO_MANIFEST_DIR");
    let read = |path: &str| std::fs::read_to_string(format!("{root}/{path}")).unwrap();
    let template: Value =
        serde_json::from_str(&read("deploy/opensearch/index-template.json")).unwrap();
    let table = read("tests/fixtures/schemas/ecs-9.4.0.tsv");
    for row in table.lines().skip(1) {
        let mut columns = row.split('\t');
        let (name, kind) = (columns.next().unwrap(), columns.next().unwrap());
        let wanted = match kind {
            "date" => "date_nanos",
            "flattened" => "flat_object",
            "ip" | "long" | "float" | "boolean" | "match_only_text" => kind,
            // By the template's rule for text, or numbers whatever their size.
            _ => continue,
        };
        let mut place = &template["template"]["mappings"];
        for part in name.split('.') {
            place = &place["properties"][part];
        }
        assert_eq!(place["type"], wanted, "{name}");
    }
    let elastic: Value =
        serde_json::from_str(&read("deploy/elasticsearch/index-template.json")).unwrap();
    for template in [template, elastic] {
        let pattern = template["index_patterns"][0].as_str().unwrap();
        let index =
            super::bridges("- name: siem\n  elasticsearch: {url: \"http://x\"}\n").remove(0);
        let index = index.elasticsearch.unwrap().index;
        assert!(index.starts_with(pattern.trim_end_matches('*')), "{index}");
    }
}
