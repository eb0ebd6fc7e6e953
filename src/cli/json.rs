//! Alerts as JSON.

use serde_json::{Map, Number, Value, json};

use crate::alert::{Alert, FieldValue, Fields};

/// In the gateway's schema: the names of `alert.proto`, empty ones left out,
/// fields as plain JSON values.
pub(super) fn alert(alert: &Alert) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            Value::Object(values) => values.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !empty {
            object.insert(key.to_owned(), value);
        }
    };
    put("id", json!(alert.id.to_string()));
    put("event_time", json!(alert.event_time.to_string()));
    put("receive_time", json!(alert.receive_time.to_string()));
    put("priority", json!(alert.priority.as_str()));
    put("rule", json!(alert.rule));
    put("source", json!(alert.source));
    put("hostname", json!(alert.hostname));
    put("kind", json!(alert.kind.as_str()));
    put("tags", json!(alert.tags));
    put("message", json!(alert.message));
    put("output", json!(alert.output));
    put("maturity", json!(alert.maturity));
    put(
        "tactics",
        alert
            .attack
            .tactics
            .iter()
            .map(|tactic| json!({"id": tactic.id, "name": tactic.name}))
            .collect(),
    );
    put(
        "techniques",
        alert
            .attack
            .techniques
            .iter()
            .map(|technique| json!(technique.id))
            .collect(),
    );
    put(
        "compliance",
        alert
            .compliance
            .iter()
            .map(|control| json!({"standard": control.standard, "control": control.control}))
            .collect(),
    );
    put("output_fields", fields(&alert.output_fields));
    put("extra", fields(&alert.extra));
    put(
        "origin",
        json!({
            "source_id": alert.origin.source_id.as_ref(),
            "transport": alert.origin.transport.as_str(),
            "cluster": alert.origin.cluster.as_ref(),
            "labels": alert.origin.labels.as_ref(),
        }),
    );
    put("remarks", alert.remarks.iter().map(|remark| json!({"kind": format!("{:?}", remark.kind), "field": remark.field, "detail": remark.detail})).collect());
    Value::Object(object)
}

/// As Falco's `json_output` writes it.
pub(super) fn falco(alert: &Alert) -> Value {
    json!({
        "hostname": alert.hostname,
        "output": alert.output,
        "output_fields": fields(&alert.output_fields),
        "priority": alert.priority.as_str(),
        "rule": alert.rule,
        "source": alert.source,
        "tags": alert.tags,
        "time": alert.event_time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string(),
    })
}

/// One field's value.
pub(super) fn value(value: &FieldValue) -> Value {
    match value {
        FieldValue::Null => Value::Null,
        FieldValue::String(text) => json!(text),
        FieldValue::Int(number) => json!(number),
        FieldValue::Uint(number) => json!(number),
        FieldValue::Double(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        FieldValue::Bool(truth) => json!(truth),
        FieldValue::List(values) => values.iter().map(self::value).collect(),
        // Beyond 64 bits: as text, since JSON's readers would round it.
        FieldValue::Number(text) => json!(text),
        FieldValue::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

fn fields(fields: &Fields) -> Value {
    fields
        .iter()
        .map(|(key, field)| (key.to_owned(), value(field)))
        .collect::<Map<_, _>>()
        .into()
}
