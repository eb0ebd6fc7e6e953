use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// The container that an alert came from, or the host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Container {
    /// `container.id`, 12 characters; empty for the host.
    pub id: String,
    /// `container.full_id`.
    pub full_id: String,
    /// `container.name`; empty for the host.
    pub name: String,
    /// `container.type`: `docker`, `containerd`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `container.image.repository`.
    pub image_repository: String,
    /// `container.image.tag`.
    pub image_tag: String,
    /// `container.image.digest`.
    pub image_digest: String,
    /// `container.privileged`.
    pub privileged: Option<bool>,
    /// `container.start_ts`.
    pub start_time: Option<Timestamp>,
    /// `container.id` was `host`: it was no container.
    pub host: bool,
}

/// The pod that an alert came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Kubernetes {
    /// `k8s.ns.name`, else `k8smeta.ns.name`.
    pub namespace: String,
    /// `k8s.pod.name`, else `k8smeta.pod.name`.
    pub pod_name: String,
    /// `k8s.pod.uid`, else `k8smeta.pod.uid`.
    pub pod_uid: String,
    /// `k8smeta.deployment.name`, else the old `k8s.deployment.name`.
    pub deployment: String,
    /// `k8smeta.node.name`, where the plugin gives it.
    pub node: String,
    /// `k8s.pod.label[…]` and `k8smeta.pod.label[…]`.
    pub pod_labels: BTreeMap<String, String>,
}
