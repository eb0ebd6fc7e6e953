//! What the formats read of an alert alike.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::alert::{Alert, Container, Endpoint, Network};

/// What happened, for people.
pub(super) fn text(alert: &Alert) -> &str {
    if alert.message.is_empty() {
        &alert.output
    } else {
        &alert.message
    }
}

/// The rule, or for text lines, which carry none, what they say.
pub(super) fn title(alert: &Alert) -> &str {
    if alert.rule.is_empty() {
        text(alert)
    } else {
        &alert.rule
    }
}

/// The rule's name as an identifier: `write_below_etc`.
pub(super) fn slug(rule: &str) -> String {
    let words = rule
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_lowercase()
}

/// The time with all of its nine digits.
pub(super) fn exact(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

/// The address, if it is one: columns that are typed as addresses refuse a
/// document for any other text.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// Every address in the alert, none twice.
pub(super) fn addresses(alert: &Alert) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        if ip(text).is_some() && !found.iter().any(|known| known == text) {
            found.push(text.to_owned());
        }
    };
    if let Some(network) = &alert.network {
        let ends = [
            &network.client,
            &network.server,
            &network.local,
            &network.remote,
        ];
        ends.into_iter().flatten().for_each(|end| add(&end.ip));
    }
    if let Some(audit) = &alert.audit {
        audit.source_ips.iter().for_each(|ip| add(ip));
    }
    if let Some(cloud) = &alert.cloud {
        add(&cloud.source_ip);
    }
    found
}

/// Where the connection came from and where it went: its client and its server.
/// Where Falco does not say which is which, our end and the other one.
pub(super) fn ends(network: &Network) -> (Option<&Endpoint>, Option<&Endpoint>) {
    if network.client.is_some() || network.server.is_some() {
        (network.client.as_ref(), network.server.as_ref())
    } else {
        (network.local.as_ref(), network.remote.as_ref())
    }
}

/// Where a call to a Kubernetes or cloud API came from, as it was written.
pub(super) fn source_ip(alert: &Alert) -> &str {
    let audit = alert.audit.as_ref().and_then(|it| it.source_ips.first());
    let cloud = alert.cloud.as_ref().map(|it| &it.source_ip);
    audit.or(cloud).map_or("", String::as_str)
}

/// The name of whoever acted: a user of the host, of Kubernetes, of a cloud.
pub(super) fn user_name(alert: &Alert) -> &str {
    let user = alert.user.as_ref().map(|it| it.name.as_str());
    let audit = alert.audit.as_ref().map(|it| it.user.as_str());
    let cloud = alert.cloud.as_ref().map(|it| it.user.as_str());
    let names = [user, audit, cloud];
    let mut names = names.into_iter().flatten();
    names.find(|name| !name.is_empty()).unwrap_or_default()
}

/// The container's id: the full one, where it is known.
pub(super) fn container_id(container: &Container) -> &str {
    if container.full_id.is_empty() {
        &container.id
    } else {
        &container.full_id
    }
}

/// `repository:tag`, or what there is of it.
pub(super) fn image(container: &Container) -> String {
    if container.image_repository.is_empty() || container.image_tag.is_empty() {
        return container.image_repository.clone();
    }
    format!("{}:{}", container.image_repository, container.image_tag)
}

/// `namespace/pod`, or the pod's name; empty without a pod.
pub(super) fn pod(alert: &Alert) -> String {
    match &alert.kubernetes {
        Some(pod) if !pod.pod_name.is_empty() && !pod.namespace.is_empty() => {
            format!("{}/{}", pod.namespace, pod.pod_name)
        }
        Some(pod) => pod.pod_name.clone(),
        None => String::new(),
    }
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some(name) if !name.is_empty() => name,
        _ => path,
    }
}

/// The technique that `id` is a sub-technique of, if it is one.
pub(super) fn technique_of(id: &str) -> Option<&str> {
    id.split_once('.').map(|(technique, _)| technique)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_plain_words() {
        assert_eq!(slug("Write below etc (v2)"), "write_below_etc_v2");
        assert_eq!(slug("規則|]\" \n"), "");
    }

    #[test]
    fn a_file_has_a_name_whatever_its_path() {
        for (path, name) in [("/bin/sh", "sh"), ("/etc/", "etc"), ("/", "/"), ("x", "x")] {
            assert_eq!(file_name(path), name);
        }
    }
}
