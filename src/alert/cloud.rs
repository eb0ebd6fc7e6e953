use serde::Serialize;

/// A Kubernetes API call, from the k8s audit plugins (`ka.*`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct KubernetesAudit {
    /// `ka.user.name`.
    pub user: String,
    /// `ka.verb`.
    pub verb: String,
    /// `ka.target.resource`.
    pub resource: String,
    /// `ka.target.name`.
    pub target_name: String,
    /// `ka.target.namespace`.
    pub target_namespace: String,
    /// `ka.uri`.
    pub uri: String,
    /// `ka.response.code`, a numeric string in Falco.
    pub response_code: Option<i64>,
    /// `ka.response.reason`.
    pub response_reason: String,
    /// `ka.sourceips`.
    pub source_ips: Vec<String>,
    /// `ka.useragent`.
    pub user_agent: String,
    /// `ka.auth.decision`.
    pub decision: String,
}

/// A cloud or software-as-a-service call, from the plugins cloudtrail (`ct.*`),
/// gcpaudit (`gcp.*`), okta (`okta.*`) and github (`github.*`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Cloud {
    /// `aws`, `gcp`, `okta`, `github`.
    pub provider: String,
    /// The account, project or organisation.
    pub account: String,
    /// The region or location.
    pub region: String,
    /// The service that was called.
    pub service: String,
    /// What was done: `ct.name`, `gcp.methodName`, `okta.evt.type`, …
    pub operation: String,
    /// Who did it.
    pub user: String,
    /// Where from.
    pub source_ip: String,
    /// What with.
    pub user_agent: String,
    /// The error that the service answered; empty for none.
    pub error: String,
}
