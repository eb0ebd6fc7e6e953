//! OCSF's events against the schema of their version.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use falco_gateway::{
    alert::{Alert, Kind},
    format::ocsf,
};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{alerts, hostile};
use crate::normalize::fixtures::text;

struct Attribute {
    kind: String,
    array: bool,
    required: bool,
    profile: String,
    values: BTreeSet<String>,
}

#[derive(Default)]
struct Object {
    attributes: BTreeMap<String, Attribute>,
    at_least_one: Vec<String>,
}

struct Schema(BTreeMap<String, Object>);

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::read);

impl Schema {
    fn read() -> Self {
        let table = text(&format!("schemas/ocsf-{}.tsv", ocsf::VERSION));
        let mut objects: BTreeMap<String, Object> = BTreeMap::new();
        for row in table.lines().skip(1) {
            let columns: Vec<_> = row.split('\t').collect();
            let object = objects.entry(columns[0].to_owned()).or_default();
            let words = columns[6].split(' ').filter(|it| !it.is_empty());
            let words = words.map(str::to_owned);
            if columns[1] == "*" {
                object.at_least_one = words.collect();
                continue;
            }
            let attribute = Attribute {
                kind: columns[2].to_owned(),
                array: columns[3] == "array",
                required: columns[4] == "required",
                profile: columns[5].to_owned(),
                values: words.collect(),
            };
            object.attributes.insert(columns[1].to_owned(), attribute);
        }
        Self(objects)
    }

    fn check(&self, path: &str, object: &str, value: &Map<String, Value>, profiles: &[&str]) {
        let schema = &self.0[object];
        for (name, attribute) in &schema.attributes {
            let applies =
                attribute.profile.is_empty() || profiles.contains(&attribute.profile.as_str());
            let missing = attribute.required && applies && !value.contains_key(name);
            assert!(!missing, "{path} lacks {name}");
        }
        let one = schema.at_least_one.is_empty()
            || schema.at_least_one.iter().any(|it| value.contains_key(it));
        assert!(one, "{path} has none of {:?}", schema.at_least_one);
        for (name, value) in value {
            let path = format!("{path}.{name}");
            let attribute = schema.attributes.get(name);
            let attribute = attribute.unwrap_or_else(|| panic!("{object} has no {name}"));
            let applies =
                attribute.profile.is_empty() || profiles.contains(&attribute.profile.as_str());
            assert!(applies, "{path} is of the profile {}", attribute.profile);
            match value {
                Value::Array(values) if attribute.array => {
                    let each = values.iter().enumerate();
                    each.for_each(|(at, it)| {
                        self.attribute(&format!("{path}[{at}]"), attribute, it, profiles)
                    });
                }
                _ => {
                    assert!(!attribute.array, "{path} is no array");
                    self.attribute(&path, attribute, value, profiles);
                }
            }
        }
    }

    fn attribute(&self, path: &str, attribute: &Attribute, value: &Value, profiles: &[&str]) {
        if let Some(object) = attribute.kind.strip_prefix("object:") {
            let fields = value.as_object();
            let fields = fields.unwrap_or_else(|| panic!("{path} is no object: {value}"));
            if object != "object" {
                self.check(path, object, fields, profiles);
            }
            return;
        }
        let fits = match attribute.kind.as_str() {
            "integer_t" => value.as_i64().is_some_and(|it| i32::try_from(it).is_ok()),
            "long_t" | "timestamp_t" => value.is_i64(),
            "port_t" => value.as_u64().is_some_and(|it| it < 65536),
            "boolean_t" => value.is_boolean(),
            "json_t" => true,
            "ip_t" => {
                let text = value.as_str();
                text.is_some_and(|it| it.parse::<std::net::IpAddr>().is_ok())
            }
            "uuid_t" => value.as_str().is_some_and(|it| it.len() == 36),
            _ => value.is_string(),
        };
        assert!(fits, "{path} is no {}: {value}", attribute.kind);
        let word = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let known = attribute.values.is_empty() || attribute.values.contains(&word);
        assert!(known, "{path} cannot be {value}");
    }
}

fn check(alert: &Alert) {
    let event = ocsf::event(alert);
    let class = match alert.kind {
        Kind::Alert => "detection_finding",
        _ => "base_event",
    };
    let profiles = event["metadata"]["profiles"].as_array();
    let profiles: Vec<_> = profiles
        .into_iter()
        .flatten()
        .map(|it| it.as_str().unwrap())
        .collect();
    SCHEMA.check(class, class, event.as_object().unwrap(), &profiles);
    assert_eq!(event["time"], alert.event_time.as_millisecond());
    let exact = event["metadata"]["original_time"].as_str().unwrap();
    let exact: jiff::Timestamp = exact.parse().unwrap();
    assert_eq!(exact, alert.event_time);
    let uid = event["class_uid"].as_i64().unwrap() * 100 + event["activity_id"].as_i64().unwrap();
    assert_eq!(event["type_uid"], uid);
    let fields = event["unmapped"]["output_fields"].as_object();
    assert_eq!(fields.map_or(0, Map::len), alert.output_fields.len());
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
