use serde::Deserialize;

use crate::alert::{Alert, Kind};

/// The kind of place that an alert is from, as far as it makes a difference to what can be
/// done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Workload {
    Pod,
    Container,
    Host,
    KubernetesAudit,
    Aws,
    Gcp,
    Okta,
    Github,
    /// Falco itself.
    Falco,
    Other,
}

impl Workload {
    #[cfg(test)]
    pub(super) const ALL: [Self; 10] = [
        Self::Pod,
        Self::Container,
        Self::Host,
        Self::KubernetesAudit,
        Self::Aws,
        Self::Gcp,
        Self::Okta,
        Self::Github,
        Self::Falco,
        Self::Other,
    ];

    /// Whether processes are what acts there.
    pub(super) fn has_processes(self) -> bool {
        matches!(self, Self::Pod | Self::Container | Self::Host)
    }

    pub(super) fn of(alert: &Alert) -> Self {
        if alert.kind != Kind::Alert {
            return Self::Falco;
        }
        if alert.audit.is_some() {
            return Self::KubernetesAudit;
        }
        if let Some(cloud) = &alert.cloud {
            return match cloud.provider.as_str() {
                "aws" => Self::Aws,
                "gcp" => Self::Gcp,
                "okta" => Self::Okta,
                "github" => Self::Github,
                _ => Self::Other,
            };
        }
        let is_pod = alert
            .kubernetes
            .as_ref()
            .is_some_and(|it| !it.pod_name.is_empty());
        match &alert.container {
            _ if is_pod => Self::Pod,
            Some(container) if container.host => Self::Host,
            Some(container) if !container.id.is_empty() => Self::Container,
            _ if alert.source == "syscall" => Self::Host,
            _ => Self::Other,
        }
    }
}
