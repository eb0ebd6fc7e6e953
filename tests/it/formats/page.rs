//! `docs/formats.md` is true.

use falco_gateway::{
    alert::{Alert, Origin, Priority, Transport},
    format::{Format, ecs, ocsf, otlp, severity::Severity},
};
use serde_json::Value;
use syslog_loose::{Variant, parse_message};

use super::alerts;

const PAGE: &str = include_str!("../../../docs/formats.md");

/// The section of a format.
fn section(format: Format) -> &'static str {
    let (_, section) = PAGE
        .split_once(&format!("(`{format}`)\n"))
        .unwrap_or_else(|| panic!("docs/formats.md lacks {format}"));
    section.split("\n## ").next().unwrap()
}

/// The first block of code in a section.
fn example(section: &str) -> &str {
    let mut blocks = section.split("\n```");
    let block = blocks.nth(1).unwrap();
    block.split_once('\n').unwrap().1
}

/// The founding alert, as it was published to the gateway that the page is of.
fn published() -> Alert {
    let shown: Value = serde_json::from_str(example(section(Format::Json))).unwrap();
    let mut alert = alerts::founding();
    alert.receive_time = shown["receive_time"].as_str().unwrap().parse().unwrap();
    alert.origin = Origin::new("publish", Transport::Publish);
    alert
}

#[test]
fn its_examples_are_what_the_founding_alert_becomes() {
    let alert = published();
    for format in Format::ALL {
        let line = format.line(&alert);
        let shown = example(section(format));
        match serde_json::from_str::<Value>(&line) {
            Ok(value) => {
                let shown: Value = serde_json::from_str(shown)
                    .unwrap_or_else(|error| panic!("{format}: {error}: {shown}"));
                assert_eq!(shown, value, "{format}");
            }
            // Wrapped on the page, where a blank stands.
            Err(_) => assert_eq!(shown.replace('\n', " "), line, "{format}"),
        }
    }
    let hec = example(section(Format::Hec));
    assert!(hec.contains("\"time\": 1762539427.218671851,"), "{hec}");
}

#[test]
fn its_table_of_severities_is_the_one_that_is_used() {
    for priority in Priority::ALL {
        let severity = Severity::from(priority);
        let row = format!(
            "| {priority} | {} | {} {} | {} | {} | {} |",
            priority.to_syslog(),
            severity.ocsf,
            severity.ocsf_caption,
            severity.ecs,
            severity.cef,
            severity.otel
        );
        assert!(PAGE.contains(&row), "{row}");
    }
}

/// Everything that a format calls by a name of its own.
fn names(format: Format, alert: &Alert) -> Vec<String> {
    let line = format.line(alert);
    let keys = |value: &Value| {
        let keys = value.as_object().into_iter().flat_map(|it| it.keys());
        keys.cloned().collect::<Vec<_>>()
    };
    match format {
        Format::Ecs => keys(&ecs::document(alert)),
        Format::Hec => keys(&serde_json::from_str::<Value>(&line).unwrap()["fields"]),
        Format::Rfc5424 => {
            let read = parse_message(&line, Variant::RFC5424);
            let own = read.structured_data[0].params();
            own.map(|(name, _)| (*name).to_owned()).collect()
        }
        Format::Cef => {
            let (_, extension) = super::cef::read(&line);
            let keys = extension.into_keys();
            keys.filter(|key| !key.ends_with("Label")).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn its_tables_have_every_name_that_is_used() {
    for alert in alerts::all() {
        for format in Format::ALL {
            for name in names(format, &alert) {
                let told = section(format)
                    .split('`')
                    .skip(1)
                    .step_by(2)
                    .any(|code| code.split('.').next() == Some(&name) || code == name);
                assert!(told, "docs/formats.md does not tell of {name} in {format}");
            }
        }
    }
}

#[test]
fn it_names_the_versions() {
    assert!(section(Format::Ocsf).contains(&format!("OCSF {}", ocsf::VERSION)));
    assert!(section(Format::Ecs).contains(&format!("ECS {}", ecs::VERSION)));
    assert!(section(Format::OtlpJson).contains(otlp::SEMANTIC_CONVENTIONS));
}
