//! Filters on what a real Falco 0.43 sent. The numbers were counted in the
//! captured JSON by other means.

use serde_json::{Map, Value};

use super::{filter, read};
use crate::{
    alert::Alert,
    source::{FalcoResponse, Payload},
};

const CAPTURE: &str = include_str!("../../../tests/fixtures/captures/http.jsonl");

const COUNTS: [(&str, usize); 22] = [
    ("", 195),
    ("priority >= error", 56),
    ("priority < error", 195 - 56),
    ("tags = container", 156),
    ("tags intersects (container, nonesuch)", 156),
    ("attack.technique = T1059", 38),
    ("attack.tactic = persistence", 31),
    ("attack.tactic = TA0003", 31),
    ("rule = \"Drop and execute new binary in container\"", 12),
    ("rule glob \"Drop*\" and priority = critical", 12),
    ("container.id exists and container.id != host", 100),
    ("not k8s.ns.name exists", 195 - 56),
    ("user.uid exists", 165),
    ("user.uid = 0", 159),
    ("user.uid != 0", 165 - 159),
    ("not user.uid = 0", 195 - 159),
    ("user.loginuid < 0", 165),
    ("fd.name pmatch (/etc)", 11),
    ("evt.arg.flags contains O_CREAT", 14),
    ("proc.aname[2] exists", 32),
    ("proc.exe_ino.ctime >= 1795578469644776455", 12),
    ("len(proc.cmdline) > 200", 2),
];

fn documents() -> impl Iterator<Item = String> {
    CAPTURE.lines().map(|line| {
        let request: Value = serde_json::from_str(line).unwrap();
        request["body"].as_str().unwrap().to_owned()
    })
}

#[test]
fn as_typed_json() {
    let alerts: Vec<_> = documents()
        .map(|document| super::alert(&document))
        .collect();
    count(&alerts);
}

/// Falco's gRPC has a string for every value, and `<NA>` for none.
#[test]
fn as_the_strings_of_grpc() {
    let alerts: Vec<_> = documents().map(|document| as_strings(&document)).collect();
    count(&alerts);
}

fn count(alerts: &[Alert]) {
    for (text, expected) in COUNTS {
        let filter = filter(text);
        let matching = alerts.iter().filter(|alert| filter.matches(alert));
        assert_eq!(matching.count(), expected, "{text}");
    }
}

/// The document as Falco's gRPC would send it without `json_output`.
fn as_strings(document: &str) -> Alert {
    const FALCO: [&str; 8] = [
        "Emergency",
        "Alert",
        "Critical",
        "Error",
        "Warning",
        "Notice",
        "Informational",
        "Debug",
    ];
    let object: Map<String, Value> = serde_json::from_str(document).unwrap();
    let text = |key: &str| object[key].as_str().unwrap();
    let priority = FALCO.iter().position(|name| *name == text("priority"));
    let fields = object["output_fields"].as_object().into_iter().flatten();
    read(Payload::Falco(Box::new(FalcoResponse {
        time: Some((1_795_578_456, 0)),
        priority: i32::try_from(priority.unwrap()).unwrap(),
        rule: text("rule").to_owned().into(),
        source: text("source").to_owned().into(),
        output: "12:00:00.0: Notice something".into(),
        tags: object
            .get("tags")
            .into_iter()
            .flat_map(|tags| tags.as_array().unwrap())
            .map(|tag| tag.as_str().unwrap().to_owned().into())
            .collect(),
        output_fields: fields
            .map(|(key, value)| (key.clone().into(), display(value).into()))
            .collect(),
        ..FalcoResponse::default()
    })))
}

fn display(value: &Value) -> String {
    match value {
        Value::Null => "<NA>".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
