//! ECS's documents against the fields of their version.

use std::{collections::BTreeMap, sync::LazyLock};

use falco_gateway::{alert::Alert, format::ecs};
use proptest::prelude::*;
use serde_json::Value;

use super::{alerts, hostile};
use crate::normalize::fixtures::text;

struct Field {
    kind: String,
    array: bool,
    allowed: Vec<String>,
}

static SCHEMA: LazyLock<BTreeMap<String, Field>> = LazyLock::new(schema);

fn schema() -> BTreeMap<String, Field> {
    let table = text(&format!("schemas/ecs-{}.tsv", ecs::VERSION));
    let rows = table.lines().skip(1).map(|row| {
        let columns: Vec<_> = row.split('\t').collect();
        let words = columns[3].split(' ').filter(|it| !it.is_empty());
        let field = Field {
            kind: columns[1].to_owned(),
            array: columns[2] == "array",
            allowed: words.map(str::to_owned).collect(),
        };
        (columns[0].to_owned(), field)
    });
    rows.collect()
}

fn check(alert: &Alert) {
    let document = ecs::document(alert);
    for (name, value) in document.as_object().unwrap() {
        match name.as_str() {
            "falco" => check_own(value),
            _ => walk(name, value),
        }
    }
    let time = document["@timestamp"].as_str().unwrap();
    let time: jiff::Timestamp = time.parse().unwrap();
    assert_eq!(time, alert.event_time);
}

fn walk(path: &str, value: &Value) {
    match (SCHEMA.get(path), value) {
        (Some(field), _) if field.kind != "object" => leaf(path, field, value),
        // Labels: keywords under keys without dots.
        (Some(_), Value::Object(labels)) if path == "labels" => {
            for (key, label) in labels {
                assert!(label.is_string() && !key.contains('.'), "{path}.{key}");
            }
        }
        (_, Value::Object(fields)) => {
            for (name, value) in fields {
                assert!(!name.contains('.'), "{path}.{name}");
                walk(&format!("{path}.{name}"), value);
            }
        }
        _ => panic!("ECS has no {path}"),
    }
}

fn leaf(path: &str, field: &Field, value: &Value) {
    let values = match value {
        Value::Array(values) => {
            assert!(field.array, "{path} is no array");
            values.as_slice()
        }
        one => {
            assert!(!field.array, "{path} is an array");
            std::slice::from_ref(one)
        }
    };
    for value in values {
        let text = value.as_str();
        let fits = match field.kind.as_str() {
            "long" => value.is_i64(),
            "boolean" => value.is_boolean(),
            "ip" => text.is_some_and(|it| it.parse::<std::net::IpAddr>().is_ok()),
            "date" => text.is_some_and(|it| it.parse::<jiff::Timestamp>().is_ok()),
            _ => value.is_string(),
        };
        assert!(fits, "{path} is no {}: {value}", field.kind);
        let known = field.allowed.is_empty()
            || text.is_some_and(|it| field.allowed.iter().any(|allowed| allowed == it));
        assert!(known, "{path} cannot be {value}");
    }
}

/// Falco's fields are flat and text, whatever their names.
fn check_own(falco: &Value) {
    for (name, value) in falco.as_object().unwrap() {
        match name.as_str() {
            "output" => assert!(value.is_string()),
            "output_fields" | "extra" => {
                for (key, value) in value.as_object().unwrap() {
                    assert!(is_text(value), "{key}: {value}");
                }
            }
            other => panic!("not told in docs/formats.md: {other}"),
        }
    }
}

fn is_text(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(is_text),
        other => other.is_string(),
    }
}

#[test]
fn every_alert_is_as_the_schema_says() {
    alerts::all().iter().for_each(check);
}

proptest! {
    #[test]
    fn a_hostile_one_too(alert in hostile::alert()) {
        check(&alert);
    }
}

/// Lucene's limit is of a path and a value together.
#[test]
fn no_value_is_too_long_for_a_term() {
    let mut alert = alerts::all().remove(0);
    let key = "k".repeat(1024);
    let value = "é".repeat(50_000);
    alert
        .output_fields
        .insert(key.clone(), value.as_str().into());
    let document = ecs::document(&alert);
    let value = document["falco"]["output_fields"][key.as_str()]
        .as_str()
        .unwrap();
    assert!("falco.output_fields.".len() + key.len() + 1 + value.len() <= 32_766);
    assert!(value.len() > 30_000 && value.ends_with("[...]"));
}
