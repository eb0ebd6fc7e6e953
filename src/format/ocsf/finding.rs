//! The Detection Finding, class 2004.

use serde_json::Value;

use super::{base, evidence, milliseconds, uuid};
use crate::{
    alert::{ATTACK_VERSION, Alert, Attack},
    format::{
        object::Object,
        reading::{container_id, slug, technique_of, text, title},
    },
};

pub(super) fn finding(alert: &Alert) -> Object {
    let device = Object::new()
        .set("hostname", alert.hostname.as_str())
        .filled()
        .map(|device| device.set("type_id", 0).set("type", "Unknown"));
    base(alert)
        .set("activity_id", 1)
        .set("activity_name", "Create")
        .set("category_uid", 2)
        .set("category_name", "Findings")
        .set("class_uid", 2004)
        .set("class_name", "Detection Finding")
        .set("type_uid", 200_401)
        .set("type_name", "Detection Finding: Create")
        .set("status_id", 1)
        .set("status", "New")
        .set("is_alert", true)
        .set("finding_info", finding_info(alert))
        .set("device", device)
        .set("evidences", evidence::evidences(alert))
        .set("resources", resources(alert))
        .set("cloud", cloud(alert))
        .set("api", cloud(alert).and_then(|_| evidence::cloud_api(alert)))
}

fn finding_info(alert: &Alert) -> Object {
    let analytic = Object::new()
        .set("name", alert.rule.as_str())
        .filled()
        .map(|analytic| {
            analytic
                .set("uid", slug(&alert.rule))
                .set("type_id", 1)
                .set("type", "Rule")
        });
    let sources = [alert.source.as_str()].into_iter();
    let sources: Vec<_> = sources.filter(|source| !source.is_empty()).collect();
    Object::new()
        .set("uid", alert.id.to_string())
        .set("title", title(alert))
        .set("desc", text(alert))
        .set("created_time", milliseconds(alert.event_time))
        .set("analytic", analytic)
        .set("attacks", attacks(&alert.attack))
        .set("data_sources", sources)
        .set("tags", controls(alert))
}

/// Each tactic and each technique by itself: tags do not say which belongs to
/// which.
fn attacks(attack: &Attack) -> Vec<Object> {
    let tactics = attack.tactics.iter().map(|tactic| {
        let tactic = Object::new()
            .set("uid", tactic.id.as_str())
            .set("name", tactic.name.as_str());
        Object::new().set("tactic", tactic)
    });
    let techniques = attack.techniques.iter().map(|technique| {
        let id = technique.id.as_str();
        let named = |uid: &str| Object::new().set("uid", uid);
        match technique_of(id) {
            None => Object::new().set("technique", named(id)),
            Some(above) => Object::new()
                .set("technique", named(above))
                .set("sub_technique", named(id)),
        }
    });
    tactics
        .chain(techniques)
        .map(|attack| attack.set("version", ATTACK_VERSION))
        .collect()
}

/// The controls that the rule serves: Detection Finding has no object for them.
fn controls(alert: &Alert) -> Vec<Object> {
    let mut tags: Vec<_> = alert
        .compliance
        .iter()
        .map(|it| tag(&it.standard, &it.control))
        .collect();
    if !alert.maturity.is_empty() {
        tags.push(tag("maturity", &alert.maturity));
    }
    tags
}

fn tag(name: &str, value: &str) -> Object {
    Object::new().set("name", name).set("value", value)
}

/// The pod, the container and the object of a Kubernetes call.
fn resources(alert: &Alert) -> Vec<Object> {
    let mut resources = Vec::new();
    let mut add = |kind: &str, identity: Object| {
        resources.extend(identity.filled().map(|it| it.set("type", kind)));
    };
    if let Some(pod) = &alert.kubernetes {
        let labels = pod.pod_labels.iter();
        let labels: Vec<_> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let identity = Object::new()
            .set("name", pod.pod_name.as_str())
            .set("uid", pod.pod_uid.as_str());
        let rest = |it: Object| {
            it.set("namespace", pod.namespace.as_str())
                .set("labels", labels)
        };
        add("Pod", identity.filled().map(rest).unwrap_or_default());
    }
    if let Some(container) = &alert.container {
        let identity = Object::new()
            .set("name", container.name.as_str())
            .set("uid", container_id(container));
        add("Container", identity);
    }
    if let Some(audit) = &alert.audit {
        let identity = Object::new().set("name", audit.target_name.as_str());
        let rest = |it: Object| it.set("namespace", audit.target_namespace.as_str());
        add(
            &audit.resource,
            identity.filled().map(rest).unwrap_or_default(),
        );
    }
    resources
}

/// The cloud, of which the profile wants to know the provider.
pub(super) fn cloud(alert: &Alert) -> Option<Object> {
    let cloud = alert.cloud.as_ref()?;
    let provider = Object::new()
        .set("provider", cloud.provider.as_str())
        .filled()?;
    let account_type: Value = match cloud.provider.as_str() {
        "aws" => 10.into(),
        "gcp" => 11.into(),
        _ => Value::Null,
    };
    let account = Object::new()
        .set("uid", cloud.account.as_str())
        .filled()
        .map(|it| it.set("type_id", account_type));
    Some(
        provider
            .set("account", account)
            .set("region", cloud.region.as_str()),
    )
}

/// A pod's uid, where it is one.
pub(super) fn pod_uuid(alert: &Alert) -> Option<&str> {
    alert.kubernetes.as_ref().and_then(|pod| uuid(&pod.pod_uid))
}
