//! Attributes of a record, and values in OTLP's types.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};

use crate::{
    alert::{Alert, Endpoint, FieldValue, Fields},
    format::reading::{container_id, user_name},
};

/// Attributes in the making: what has no value is left out.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(super) fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.add(key, text_value(text));
        }
    }

    fn number(&mut self, key: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.add(key, any(Value::IntValue(number)));
        }
    }

    fn texts<'a>(&mut self, key: &str, texts: impl Iterator<Item = &'a str>) {
        let values: Vec<_> = texts.map(text_value).collect();
        if !values.is_empty() {
            self.add(key, any(Value::ArrayValue(ArrayValue { values })));
        }
    }

    fn add(&mut self, key: &str, value: AnyValue) {
        self.0.push(KeyValue {
            key: key.to_owned(),
            value: Some(value),
            ..KeyValue::default()
        });
    }

    pub(super) fn into_inner(self) -> Vec<KeyValue> {
        self.0
    }
}

pub(super) fn of_record(alert: &Alert) -> Vec<KeyValue> {
    let mut attributes = Attributes::default();
    attributes.text("log.record.uid", &alert.id.to_string());
    attributes.text("log.record.original", &alert.output);
    attributes.text("security_rule.name", &alert.rule);
    attributes.text("falco.source", &alert.source);
    attributes.text("falco.maturity", &alert.maturity);
    attributes.texts("falco.tags", alert.tags.iter().map(String::as_str));
    let attack = &alert.attack;
    attributes.texts(
        "falco.mitre.tactic.id",
        attack.tactics.iter().map(|it| it.id.as_str()),
    );
    attributes.texts(
        "falco.mitre.technique.id",
        attack.techniques.iter().map(|it| it.id.as_str()),
    );
    process(alert, &mut attributes);
    place(alert, &mut attributes);
    network(alert, &mut attributes);
    calls(alert, &mut attributes);
    fields("falco.output_fields", &alert.output_fields, &mut attributes);
    fields("falco.extra", &alert.extra, &mut attributes);
    attributes.into_inner()
}

fn process(alert: &Alert, attributes: &mut Attributes) {
    attributes.text("user.name", user_name(alert));
    if let Some(user) = &alert.user {
        let uid = user.uid.map(|uid| uid.to_string());
        attributes.text("user.id", uid.as_deref().unwrap_or_default());
    }
    let Some(process) = &alert.process else {
        return;
    };
    attributes.number("process.pid", process.pid);
    attributes.number("process.vpid", process.vpid);
    attributes.text("process.executable.name", &process.name);
    attributes.text("process.executable.path", &process.exe_path);
    attributes.text("process.command_line", &process.command_line);
    attributes.text("process.working_directory", &process.working_directory);
    let parent = process.ancestors.iter().find(|it| it.level == 1);
    attributes.number("process.parent_pid", parent.and_then(|it| it.pid));
}

fn place(alert: &Alert, attributes: &mut Attributes) {
    if let Some(container) = &alert.container {
        attributes.text("container.id", container_id(container));
        attributes.text("container.name", &container.name);
        attributes.text("container.runtime.name", &container.kind);
        attributes.text("container.image.name", &container.image_repository);
        let tag = Some(container.image_tag.as_str()).filter(|tag| !tag.is_empty());
        attributes.texts("container.image.tags", tag.into_iter());
    }
    if let Some(pod) = &alert.kubernetes {
        attributes.text("k8s.namespace.name", &pod.namespace);
        attributes.text("k8s.pod.name", &pod.pod_name);
        attributes.text("k8s.pod.uid", &pod.pod_uid);
        attributes.text("k8s.deployment.name", &pod.deployment);
        attributes.text("k8s.node.name", &pod.node);
    }
    if let Some(file) = &alert.file {
        attributes.text("file.path", &file.path);
    }
}

fn network(alert: &Alert, attributes: &mut Attributes) {
    let Some(network) = &alert.network else {
        return;
    };
    attributes.text("network.transport", &network.transport);
    let mut end = |name: &str, end: &Option<Endpoint>| {
        if let Some(end) = end {
            attributes.text(&format!("{name}.address"), &end.ip);
            attributes.number(&format!("{name}.port"), end.port.map(i64::from));
        }
    };
    end("client", &network.client);
    end("server", &network.server);
    end("network.local", &network.local);
    end("network.peer", &network.remote);
}

fn calls(alert: &Alert, attributes: &mut Attributes) {
    if let Some(audit) = &alert.audit {
        attributes.text("url.path", &audit.uri);
        attributes.number("http.response.status_code", audit.response_code);
        attributes.text("user_agent.original", &audit.user_agent);
    }
    if let Some(cloud) = &alert.cloud {
        attributes.text("cloud.provider", &cloud.provider);
        attributes.text("cloud.account.id", &cloud.account);
        attributes.text("cloud.region", &cloud.region);
        attributes.text("user_agent.original", &cloud.user_agent);
    }
}

/// Every field that has a value, under its own name.
fn fields(prefix: &str, fields: &Fields, attributes: &mut Attributes) {
    for (key, field) in fields.iter() {
        if *field != FieldValue::Null {
            attributes.add(&format!("{prefix}.{key}"), value(field));
        }
    }
}

/// A field with its type. What OTLP has no type for stays text.
fn value(field: &FieldValue) -> AnyValue {
    match field {
        FieldValue::Null => AnyValue::default(),
        FieldValue::String(text) | FieldValue::Number(text) | FieldValue::Json(text) => {
            text_value(text)
        }
        FieldValue::Int(number) => any(Value::IntValue(*number)),
        FieldValue::Uint(number) => text_value(&number.to_string()),
        FieldValue::Double(number) => any(Value::DoubleValue(*number)),
        FieldValue::Bool(truth) => any(Value::BoolValue(*truth)),
        FieldValue::List(values) => any(Value::ArrayValue(ArrayValue {
            values: values.iter().map(value).collect(),
        })),
    }
}

pub(super) fn text_value(text: &str) -> AnyValue {
    any(Value::StringValue(text.to_owned()))
}

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}
