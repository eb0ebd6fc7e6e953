//! Alerts as JSON.

use serde_json::{Map, Number, Value, json};

use crate::alert::{Alert, FieldValue, Fields, Remark};

/// In the gateway's schema: the names of `alert.proto`, empty ones left out,
/// fields as plain JSON values.
pub fn alert(alert: &Alert) -> Value {
    let mut value = json!({
        "id": alert.id.to_string(),
        "event_time": alert.event_time,
        "receive_time": alert.receive_time,
        "priority": alert.priority.as_str(),
        "rule": alert.rule,
        "source": alert.source,
        "hostname": alert.hostname,
        "kind": alert.kind.as_str(),
        "tags": alert.tags,
        "message": alert.message,
        "output": alert.output,
        "maturity": alert.maturity,
        "process": alert.process,
        "user": alert.user,
        "group": alert.group,
        "container": alert.container,
        "kubernetes": alert.kubernetes,
        "file": alert.file,
        "network": alert.network,
        "syscall": alert.syscall,
        "audit": alert.audit,
        "cloud": alert.cloud,
        "attack": alert.attack,
        "compliance": alert.compliance,
        "origin": {
            "source_id": alert.origin.source_id.as_ref(),
            "transport": alert.origin.transport.as_str(),
            "cluster": alert.origin.cluster.as_ref(),
            "labels": alert.origin.labels.as_ref(),
        },
        "remarks": alert.remarks.iter().map(remark).collect::<Value>(),
    });
    prune(&mut value);
    // These are verbatim: an empty value is what Falco sent.
    if let Value::Object(object) = &mut value {
        for (key, verbatim) in [
            ("output_fields", &alert.output_fields),
            ("extra", &alert.extra),
        ] {
            if !verbatim.is_empty() {
                object.insert(key.to_owned(), fields(verbatim));
            }
        }
    }
    value
}

fn remark(remark: &Remark) -> Value {
    json!({
        "kind": format!("{:?}", remark.kind),
        "field": remark.field,
        "detail": remark.detail,
    })
}

/// Takes out what has no value, all the way down.
fn prune(value: &mut Value) {
    let Value::Object(object) = value else {
        return;
    };
    object.retain(|_, value| {
        prune(value);
        match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(values) => !values.is_empty(),
            Value::Object(values) => !values.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        }
    });
}

/// As Falco's `json_output` writes it.
pub fn falco(alert: &Alert) -> Value {
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
pub fn value(value: &FieldValue) -> Value {
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

/// Every field, under its own key.
pub fn fields(fields: &Fields) -> Value {
    fields
        .iter()
        .map(|(key, field)| (key.to_owned(), value(field)))
        .collect::<Map<_, _>>()
        .into()
}
