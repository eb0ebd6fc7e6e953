use super::{time, timestamp};
use crate::{
    alert::{Cloud, Container, Endpoint, File, Kubernetes, KubernetesAudit, Network, Syscall},
    pb,
};

impl From<&Container> for pb::Container {
    fn from(container: &Container) -> Self {
        Self {
            id: container.id.clone(),
            full_id: container.full_id.clone(),
            name: container.name.clone(),
            r#type: container.kind.clone(),
            image_repository: container.image_repository.clone(),
            image_tag: container.image_tag.clone(),
            image_digest: container.image_digest.clone(),
            privileged: container.privileged,
            start_time: container.start_time.map(timestamp),
            host: container.host,
        }
    }
}

impl From<pb::Container> for Container {
    fn from(container: pb::Container) -> Self {
        Self {
            id: container.id,
            full_id: container.full_id,
            name: container.name,
            kind: container.r#type,
            image_repository: container.image_repository,
            image_tag: container.image_tag,
            image_digest: container.image_digest,
            privileged: container.privileged,
            start_time: container.start_time.as_ref().and_then(time),
            host: container.host,
        }
    }
}

impl From<&Kubernetes> for pb::Kubernetes {
    fn from(kubernetes: &Kubernetes) -> Self {
        Self {
            namespace: kubernetes.namespace.clone(),
            pod_name: kubernetes.pod_name.clone(),
            pod_uid: kubernetes.pod_uid.clone(),
            deployment: kubernetes.deployment.clone(),
            node: kubernetes.node.clone(),
            pod_labels: kubernetes.pod_labels.clone(),
        }
    }
}

impl From<pb::Kubernetes> for Kubernetes {
    fn from(kubernetes: pb::Kubernetes) -> Self {
        Self {
            namespace: kubernetes.namespace,
            pod_name: kubernetes.pod_name,
            pod_uid: kubernetes.pod_uid,
            deployment: kubernetes.deployment,
            node: kubernetes.node,
            pod_labels: kubernetes.pod_labels,
        }
    }
}

impl From<&File> for pb::File {
    fn from(file: &File) -> Self {
        Self {
            path: file.path.clone(),
            directory: file.directory.clone(),
            name: file.name.clone(),
            inode: file.inode,
            target_path: file.target_path.clone(),
            r#type: file.kind.clone(),
        }
    }
}

impl From<pb::File> for File {
    fn from(file: pb::File) -> Self {
        Self {
            path: file.path,
            directory: file.directory,
            name: file.name,
            inode: file.inode,
            target_path: file.target_path,
            kind: file.r#type,
        }
    }
}

impl From<&Network> for pb::Network {
    fn from(network: &Network) -> Self {
        Self {
            transport: network.transport.clone(),
            family: network.family.clone(),
            local: network.local.as_ref().map(Into::into),
            remote: network.remote.as_ref().map(Into::into),
            client: network.client.as_ref().map(Into::into),
            server: network.server.as_ref().map(Into::into),
            connection: network.connection.clone(),
        }
    }
}

impl From<pb::Network> for Network {
    fn from(network: pb::Network) -> Self {
        Self {
            transport: network.transport,
            family: network.family,
            local: network.local.map(Into::into),
            remote: network.remote.map(Into::into),
            client: network.client.map(Into::into),
            server: network.server.map(Into::into),
            connection: network.connection,
        }
    }
}

impl From<&Endpoint> for pb::Endpoint {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            ip: endpoint.ip.clone(),
            port: endpoint.port.map(u32::from),
            name: endpoint.name.clone(),
        }
    }
}

impl From<pb::Endpoint> for Endpoint {
    fn from(endpoint: pb::Endpoint) -> Self {
        Self {
            ip: endpoint.ip,
            port: endpoint.port.and_then(|port| port.try_into().ok()),
            name: endpoint.name,
        }
    }
}

impl From<&Syscall> for pb::Syscall {
    fn from(syscall: &Syscall) -> Self {
        Self {
            r#type: syscall.kind.clone(),
            result: syscall.result.clone(),
            arguments: syscall.arguments.clone(),
        }
    }
}

impl From<pb::Syscall> for Syscall {
    fn from(syscall: pb::Syscall) -> Self {
        Self {
            kind: syscall.r#type,
            result: syscall.result,
            arguments: syscall.arguments,
        }
    }
}

impl From<&KubernetesAudit> for pb::KubernetesAudit {
    fn from(audit: &KubernetesAudit) -> Self {
        Self {
            user: audit.user.clone(),
            verb: audit.verb.clone(),
            resource: audit.resource.clone(),
            target_name: audit.target_name.clone(),
            target_namespace: audit.target_namespace.clone(),
            uri: audit.uri.clone(),
            response_code: audit.response_code,
            response_reason: audit.response_reason.clone(),
            source_ips: audit.source_ips.clone(),
            user_agent: audit.user_agent.clone(),
            decision: audit.decision.clone(),
        }
    }
}

impl From<pb::KubernetesAudit> for KubernetesAudit {
    fn from(audit: pb::KubernetesAudit) -> Self {
        Self {
            user: audit.user,
            verb: audit.verb,
            resource: audit.resource,
            target_name: audit.target_name,
            target_namespace: audit.target_namespace,
            uri: audit.uri,
            response_code: audit.response_code,
            response_reason: audit.response_reason,
            source_ips: audit.source_ips,
            user_agent: audit.user_agent,
            decision: audit.decision,
        }
    }
}

impl From<&Cloud> for pb::Cloud {
    fn from(cloud: &Cloud) -> Self {
        Self {
            provider: cloud.provider.clone(),
            account: cloud.account.clone(),
            region: cloud.region.clone(),
            service: cloud.service.clone(),
            operation: cloud.operation.clone(),
            user: cloud.user.clone(),
            source_ip: cloud.source_ip.clone(),
            user_agent: cloud.user_agent.clone(),
            error: cloud.error.clone(),
        }
    }
}

impl From<pb::Cloud> for Cloud {
    fn from(cloud: pb::Cloud) -> Self {
        Self {
            provider: cloud.provider,
            account: cloud.account,
            region: cloud.region,
            service: cloud.service,
            operation: cloud.operation,
            user: cloud.user,
            source_ip: cloud.source_ip,
            user_agent: cloud.user_agent,
            error: cloud.error,
        }
    }
}
