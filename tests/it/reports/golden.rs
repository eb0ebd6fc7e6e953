//! Reports, whole, on alerts of every kind. Read them as who is woken by one.

use falco_gateway::report::Form;

use super::{alone, among, hostile, of_sample};
use crate::normalize::fixtures::{alert, bodies};

/// What each sample is of.
const SAMPLES: [(&str, &str); 10] = [
    ("F100", "founding"),
    ("F033", "host"),
    ("F040", "pod"),
    ("F063", "connection"),
    ("F087", "fileless"),
    ("F058", "kubernetes_audit"),
    ("F082", "gcp"),
    ("F106", "cloudtrail_unknown_rule"),
    ("F073", "drop"),
    ("F166", "odd_letters"),
];

#[test]
fn samples() {
    for (id, name) in SAMPLES {
        insta::assert_snapshot!(name, alone(&of_sample(id), Form::Markdown));
    }
}

#[test]
fn hostile_values() {
    let alert = hostile::of(hostile::HOSTILE[11]);
    insta::assert_snapshot!("hostile", alone(&alert, Form::Markdown));
}

#[test]
fn a_line_of_text() {
    insta::assert_snapshot!("text", alone(&of_sample("F144"), Form::Text));
}

#[test]
fn a_captured_alert_among_the_others() {
    let captured: Vec<_> = bodies("http").into_iter().map(alert).collect();
    let dropped = captured
        .iter()
        .find(|it| it.rule == "Drop and execute new binary in container")
        .unwrap();
    insta::assert_snapshot!("among_others", among(dropped, &captured, Form::Text));
    insta::assert_snapshot!("html", among(dropped, &captured, Form::Html));
}

/// The example is made with `report --file`, on some day: what says when it was is left out.
#[test]
fn the_example_of_the_page_is_what_is_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report-example.md");
    let page = std::fs::read_to_string(path).unwrap();
    let is_of_the_day = |line: &str| {
        [
            "| reached the gateway |",
            "| by the gateway's source |",
            "falco-gateway list",
        ]
        .iter()
        .any(|it| line.starts_with(it))
    };
    let lasting = |report: &str| {
        let lines = report.lines().filter(|line| !is_of_the_day(line));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let written = alone(&of_sample("F100"), Form::Markdown);
    assert_eq!(lasting(&page), lasting(&written));
}
