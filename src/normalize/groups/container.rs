use std::collections::BTreeMap;

use super::{argument, lookup, lookup::Lookup, unless_empty};
use crate::alert::{Container, Kubernetes};

/// What Falco calls the container of a process that is in none.
const HOST: &str = "host";

pub(super) fn read(fields: Lookup<'_>) -> Option<Container> {
    if !fields.has("container.") {
        return None;
    }
    let mut container = Container {
        id: fields.text("container.id"),
        full_id: fields.text("container.full_id"),
        name: fields.text("container.name"),
        kind: fields.text("container.type"),
        image_repository: fields.text("container.image.repository"),
        image_tag: fields.text("container.image.tag"),
        image_digest: fields.text("container.image.digest"),
        privileged: fields.flag("container.privileged"),
        start_time: fields.time("container.start_ts"),
        host: false,
    };
    if container.id == HOST {
        container.host = true;
        for name in [
            &mut container.id,
            &mut container.full_id,
            &mut container.name,
            &mut container.kind,
        ] {
            if name == HOST {
                name.clear();
            }
        }
    }
    unless_empty(container)
}

pub(super) fn read_kubernetes(fields: Lookup<'_>) -> Option<Kubernetes> {
    if !fields.has("k8s") {
        return None;
    }
    unless_empty(Kubernetes {
        namespace: fields.first_text(&["k8s.ns.name", "k8smeta.ns.name"]),
        pod_name: fields.first_text(&["k8s.pod.name", "k8smeta.pod.name"]),
        pod_uid: fields.first_text(&["k8s.pod.uid", "k8smeta.pod.uid"]),
        deployment: fields.first_text(&["k8smeta.deployment.name", "k8s.deployment.name"]),
        node: fields.first_text(&["k8smeta.node.name", "k8s.node.name"]),
        pod_labels: pod_labels(fields),
    })
}

fn pod_labels(fields: Lookup<'_>) -> BTreeMap<String, String> {
    // Of a label that both give, the one of the container's metadata wins, as
    // for the names above.
    ["k8smeta.pod.label", "k8s.pod.label"]
        .into_iter()
        .flat_map(|base| {
            fields.with_prefix(base).filter_map(move |(key, value)| {
                let label = argument(key, base)?;
                Some((label.to_owned(), lookup::text(value).into_owned()))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::groups::tests::groups;

    #[test]
    fn the_host_is_no_container() {
        let container = groups(r#"{"container.id": "host", "container.name": "host"}"#).container;
        assert_eq!(
            container,
            Some(Container {
                host: true,
                ..Container::default()
            })
        );
    }

    #[test]
    fn pods_are_named_by_either_plugin() {
        let pod = groups(
            r#"{"k8s.ns.name": null, "k8smeta.ns.name": "shop", "k8s.pod.name": "a",
                "k8smeta.pod.name": "b", "k8s.pod.label[app.kubernetes.io/name]": "x",
                "k8smeta.pod.label[tier]": "web", "k8s.pod.labels": "l:m"}"#,
        )
        .kubernetes
        .unwrap();
        assert_eq!(
            (pod.namespace.as_str(), pod.pod_name.as_str()),
            ("shop", "a")
        );
        let labels: Vec<_> = pod.pod_labels.into_iter().collect();
        assert_eq!(
            labels,
            [
                ("app.kubernetes.io/name".to_owned(), "x".to_owned()),
                ("tier".to_owned(), "web".to_owned()),
            ]
        );
    }
}
