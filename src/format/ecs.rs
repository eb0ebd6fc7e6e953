//! The Elastic Common Schema.
//!
//! ECS's fields are nested objects of the types that ECS gives them; a test holds
//! every captured alert against them. Falco's own fields stand in
//! `falco.output_fields` under their own names, all as text, for a `flattened`
//! mapping: `proc.exe_ino` is a number in one alert while
//! `proc.exe_ino.ctime` makes an object of it in the next, which no other mapping
//! takes.

mod category;
mod network;
mod process;

use serde_json::{Map, Value};

use super::{
    GATEWAY_VERSION, line,
    object::Object,
    reading::{addresses, container_id, exact, file_name, technique_of, text, user_name},
    severity::Severity,
};
use crate::{
    alert::{Alert, Container, FieldValue, Fields, File, Kind},
    json,
};

/// The version of ECS.
pub const VERSION: &str = "9.4.0";

/// What Elasticsearch's data stream is named by. Not `falco.alerts`: those of
/// Elastic's own integration have mappings that expand Falco's names.
const DATASET: &str = "falco_gateway.alerts";

/// The document for an alert.
pub fn document(alert: &Alert) -> Value {
    let document = Object::new()
        .set("@timestamp", exact(alert.event_time))
        .set("ecs", Object::new().set("version", VERSION))
        .set("message", text(alert))
        .set("tags", alert.tags.clone())
        .set("labels", labels(alert))
        .set("event", event(alert))
        .set("rule", rule(alert))
        .set("log", log(alert))
        .set("observer", observer(alert))
        .set("host", host(alert))
        .set("threat", threat(alert))
        .set("process", process::process(alert))
        .set("user", process::user(alert))
        .set("group", process::group(alert))
        .set("container", alert.container.as_ref().map(container))
        .set("orchestrator", orchestrator(alert))
        .set("file", alert.file.as_ref().map(file))
        .set("cloud", cloud(alert))
        .set("related", related(alert))
        .set("falco", falco(alert));
    network::network(alert, document).into()
}

fn event(alert: &Alert) -> Object {
    let kind = match alert.kind {
        Kind::Alert => "alert",
        Kind::Metrics => "metric",
        Kind::Drop | Kind::OtherInternal => "event",
    };
    let category = category::of(alert);
    Object::new()
        .set("kind", kind)
        .set("category", category.categories)
        .set("type", category.types)
        .set("action", category.action)
        .set("outcome", category::outcome(alert))
        .set("reason", category::reason(alert))
        .set("id", alert.id.to_string())
        .set("severity", Severity::from(alert.priority).ecs)
        .set("module", "falco")
        .set("dataset", DATASET)
        .set("provider", alert.source.as_str())
        .set("created", exact(alert.receive_time))
}

fn rule(alert: &Alert) -> Object {
    let ruleset = (!alert.maturity.is_empty()).then(|| format!("maturity_{}", alert.maturity));
    Object::new()
        .set("name", alert.rule.as_str())
        .set("ruleset", ruleset)
}

fn log(alert: &Alert) -> Object {
    let severity = Object::new()
        .set("code", alert.priority.to_syslog())
        .set("name", alert.priority.as_str());
    Object::new()
        .set("level", alert.priority.as_str().to_ascii_lowercase())
        .set("syslog", Object::new().set("severity", severity))
}

/// Falco on its host; the version is the gateway's, which observed it.
fn observer(alert: &Alert) -> Object {
    Object::new()
        .set("vendor", "Falco")
        .set("product", "falco-gateway")
        .set("version", GATEWAY_VERSION)
        .set("type", "sensor")
        .set("hostname", alert.hostname.as_str())
}

fn host(alert: &Alert) -> Object {
    Object::new()
        .set("name", alert.hostname.as_str())
        .set("hostname", alert.hostname.as_str())
}

/// Of the source's configuration. ECS wants no dots in their keys.
fn labels(alert: &Alert) -> Value {
    let labels = alert.origin.labels.iter();
    labels
        .map(|(key, value)| (key.replace('.', "_"), Value::from(value.as_str())))
        .collect::<Map<_, _>>()
        .into()
}

fn threat(alert: &Alert) -> Option<Object> {
    let attack = &alert.attack;
    let ids: Vec<_> = attack.tactics.iter().map(|it| it.id.as_str()).collect();
    let names = attack.tactics.iter().map(|it| it.name.as_str());
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    let tactic = Object::new().set("id", ids).set("name", names);
    let found = attack.techniques.iter().map(|it| it.id.as_str());
    let mut techniques: Vec<_> = found
        .clone()
        .map(|id| technique_of(id).unwrap_or(id))
        .collect();
    techniques.dedup();
    let below: Vec<_> = found.filter(|id| technique_of(id).is_some()).collect();
    let technique = Object::new()
        .set("id", techniques)
        .set("subtechnique", Object::new().set("id", below));
    Object::new()
        .set("tactic", tactic)
        .set("technique", technique)
        .filled()
        .map(|threat| threat.set("framework", "MITRE ATT&CK"))
}

fn container(container: &Container) -> Object {
    let tags = Some(container.image_tag.as_str()).filter(|tag| !tag.is_empty());
    let digests = Some(container.image_digest.as_str()).filter(|digest| !digest.is_empty());
    let image = Object::new()
        .set("name", container.image_repository.as_str())
        .set("tag", tags.into_iter().collect::<Vec<_>>())
        .set(
            "hash",
            Object::new().set("all", digests.into_iter().collect::<Vec<_>>()),
        );
    let security = Object::new().set("privileged", container.privileged);
    Object::new()
        .set("id", container_id(container))
        .set("name", container.name.as_str())
        .set("runtime", container.kind.as_str())
        .set("image", image)
        .set("security_context", security)
}

/// The pod, or the object of a call to the Kubernetes API.
fn orchestrator(alert: &Alert) -> Option<Object> {
    let (namespace, resource) = if let Some(pod) = &alert.kubernetes {
        let labels = pod.pod_labels.iter();
        let labels: Vec<_> = labels
            .map(|(key, value)| format!("{key}:{value}"))
            .collect();
        let resource = Object::new()
            .set("name", pod.pod_name.as_str())
            .set("id", pod.pod_uid.as_str())
            .filled()
            .map(|it| it.set("type", "pod").set("label", labels));
        (&pod.namespace, resource)
    } else {
        let audit = alert.audit.as_ref()?;
        let resource = Object::new()
            .set("name", audit.target_name.as_str())
            .set("type", audit.resource.as_str());
        (&audit.target_namespace, Some(resource))
    };
    let cluster = Object::new().set("name", alert.origin.cluster.as_ref());
    Object::new()
        .set("namespace", namespace.as_str())
        .set("resource", resource)
        .set("cluster", cluster)
        .filled()
        .map(|it| it.set("type", "kubernetes"))
}

fn file(file: &File) -> Object {
    let name = if file.name.is_empty() {
        file_name(&file.path)
    } else {
        &file.name
    };
    Object::new()
        .set("path", file.path.as_str())
        .set("directory", file.directory.as_str())
        .set("name", name)
        .set("inode", file.inode.map(|inode| inode.to_string()))
        .set("target_path", file.target_path.as_str())
        .set(
            "type",
            if file.kind == "directory" {
                "dir"
            } else {
                file.kind.as_str()
            },
        )
}

fn cloud(alert: &Alert) -> Option<Object> {
    let cloud = alert.cloud.as_ref()?;
    Some(
        Object::new()
            .set("provider", cloud.provider.as_str())
            .set("account", Object::new().set("id", cloud.account.as_str()))
            .set("region", cloud.region.as_str())
            .set("service", Object::new().set("name", cloud.service.as_str())),
    )
}

fn related(alert: &Alert) -> Object {
    let user = user_name(alert);
    let login = alert.user.as_ref().map_or("", |it| &it.login_name);
    let mut users: Vec<_> = [user, login]
        .into_iter()
        .filter(|it| !it.is_empty())
        .collect();
    users.dedup();
    let host = Some(alert.hostname.as_str()).filter(|host| !host.is_empty());
    Object::new()
        .set("ip", addresses(alert))
        .set("user", users)
        .set("hosts", host.into_iter().collect::<Vec<_>>())
}

fn falco(alert: &Alert) -> Object {
    Object::new()
        .set("output", alert.output.as_str())
        .set("output_fields", flattened(&alert.output_fields))
        .set("extra", flattened(&alert.extra))
}

/// Values as text: one Falco's numbers are another's strings. Those without a
/// value are left out, as Elasticsearch would.
fn flattened(fields: &Fields) -> Value {
    let present = fields.iter().filter(|(_, value)| !value.is_absent());
    present
        .map(|(key, value)| (key.to_owned(), as_text(value)))
        .collect::<Map<_, _>>()
        .into()
}

/// Lucene takes terms of up to 32,766 bytes, and makes one of the path and the value. An
/// alert with a longer one would be refused whole: a long command line must not hide it.
const MOST_VALUE_BYTES: usize = 31_000;

fn as_text(value: &FieldValue) -> Value {
    match value {
        FieldValue::List(values) => values.iter().map(as_text).collect(),
        FieldValue::String(text) | FieldValue::Json(text) => {
            line::cut_bytes(text, MOST_VALUE_BYTES).into()
        }
        other => json::value(other).to_string().into(),
    }
}
