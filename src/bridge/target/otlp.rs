//! OpenTelemetry's logs, over gRPC or HTTP.

use std::{collections::BTreeMap, time::Duration};

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse, logs_service_client::LogsServiceClient,
};
use prost::Message;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use tonic::{
    Code, Request, Status,
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_types::StatusExt;

use super::{
    http::{Http, check_headers, check_url, preview as preview_request},
    secret::Secret,
    tls::Tls,
};
use crate::{
    bridge::{
        batch::Item,
        outcome::{Outcome, Trouble, Verdict, shown},
    },
    format::{Format, otlp},
    trace,
};

/// Whatever takes OpenTelemetry's logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `http://collector:4317` for gRPC, `http://collector:4318` for HTTP, which adds
    /// `/v1/logs` to it.
    pub endpoint: String,
    /// How it is spoken.
    #[serde(default)]
    pub protocol: Protocol,
    /// Further headers, such as `Authorization`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// For `https`.
    #[serde(default)]
    pub tls: Tls,
}

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// gRPC.
    #[default]
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

const CONTENT_TYPE: &str = "application/x-protobuf";

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Config {
    pub(in crate::bridge) fn check(&self) -> Result<(), String> {
        check_url(&self.endpoint).map_err(|_| {
            let endpoint = &self.endpoint;
            format!("otlp.endpoint {endpoint:?} cannot be used: write http://HOST:PORT or https://HOST:PORT")
        })?;
        check_headers(&self.headers).map_err(|problem| format!("otlp.{problem}"))?;
        self.tls.check()
    }

    /// Some write the path into the endpoint.
    fn url(&self) -> String {
        let base = self.endpoint.trim_end_matches('/');
        format!("{}/v1/logs", base.strip_suffix("/v1/logs").unwrap_or(base))
    }
}

pub(super) fn preview(config: &Config, item: &Item) -> String {
    let body = Format::OtlpJson.line(&item.alert);
    match config.protocol {
        Protocol::Grpc => format!(
            "opentelemetry.proto.collector.logs.v1.LogsService/Export at {}\n\n{body}",
            config.endpoint
        ),
        Protocol::Http => {
            let note = format!("{CONTENT_TYPE} (here as JSON)");
            preview_request(&config.url(), &note, &config.headers, &body)
        }
    }
}

#[derive(Debug)]
pub(in crate::bridge) struct Otlp {
    config: Config,
    transport: Transport,
}

#[derive(Debug)]
enum Transport {
    Grpc(LogsServiceClient<Channel>),
    Http(Http),
}

impl Otlp {
    pub(super) async fn connect(config: Config) -> Result<Self, Trouble> {
        let transport = match config.protocol {
            Protocol::Grpc => Transport::Grpc(LogsServiceClient::new(channel(&config).await?)),
            Protocol::Http => Transport::Http(Http::new(&config.tls, config.headers.clone())?),
        };
        Ok(Self { config, transport })
    }

    pub(super) async fn send(&mut self, items: &[Item]) -> Result<Outcome, Trouble> {
        let request = otlp::request(items.iter().map(|item| &item.alert));
        match &mut self.transport {
            Transport::Grpc(client) => export(client, &self.config, request, items.len()).await,
            Transport::Http(http) => post(http, &self.config.url(), &request, items.len()).await,
        }
    }
}

async fn export(
    client: &mut LogsServiceClient<Channel>,
    config: &Config,
    request: ExportLogsServiceRequest,
    sent: usize,
) -> Result<Outcome, Trouble> {
    let mut request = Request::new(request);
    for (name, secret) in &config.headers {
        let wrong = |_| Trouble::new(format!("the header {name} cannot be sent over gRPC"));
        let key: AsciiMetadataKey = name.to_ascii_lowercase().parse().map_err(|_| wrong(()))?;
        let value = secret.read().await?;
        let value: AsciiMetadataValue = value.parse().map_err(|_| wrong(()))?;
        request.metadata_mut().insert(key, value);
    }
    if let Some(parent) = trace::current().and_then(|it| it.to_string().parse().ok()) {
        request.metadata_mut().insert(trace::HEADER, parent);
    }
    Ok(match client.export(request).await {
        Ok(answer) => outcome(answer.into_inner(), sent),
        Err(status) => failure(&status),
    })
}

async fn post(
    http: &Http,
    url: &str,
    request: &ExportLogsServiceRequest,
    sent: usize,
) -> Result<Outcome, Trouble> {
    let body = request.encode_to_vec();
    let answer = http.post(url, CONTENT_TYPE, HeaderMap::new(), body).await?;
    if !answer.status.is_success() {
        return Ok(answer.outcome());
    }
    // A proxy that answers for a collector is none.
    let told = ExportLogsServiceResponse::decode(answer.body.clone())
        .map_err(|_| Trouble::new(format!("what answered is no OTLP: {}", answer.shown())))?;
    Ok(outcome(told, sent))
}

/// What the collector took. It may refuse a part and does not say which, and what is
/// refused so must not be sent again: the same request's accepted records would come
/// twice.
fn outcome(answer: ExportLogsServiceResponse, sent: usize) -> Outcome {
    let partial = answer.partial_success.unwrap_or_default();
    if partial.rejected_log_records <= 0 {
        let told = match shown(&partial.error_message) {
            empty if empty.is_empty() => "accepted".to_owned(),
            warning => format!("accepted: {warning}"),
        };
        return Outcome::Delivered(told);
    }
    let why = format!(
        "the collector refused {} of the {sent} records of a request, and does not say which: {}",
        partial.rejected_log_records,
        shown(&partial.error_message)
    );
    if partial.rejected_log_records >= i64::try_from(sent).unwrap_or(i64::MAX) {
        return Outcome::Each(vec![Verdict::Refused(why); sent]);
    }
    Outcome::Partly(why)
}

/// By the codes of the OTLP specification.
fn failure(status: &Status) -> Outcome {
    let why = shown(&format!("{:?}: {}", status.code(), status.message()));
    let pause = status
        .get_details_retry_info()
        .and_then(|it| it.retry_delay);
    match status.code() {
        Code::InvalidArgument => Outcome::Refused(why),
        // So gRPC's libraries call a message that is too long for the receiver.
        Code::ResourceExhausted if pause.is_none() && why.contains("larger than max") => {
            Outcome::Refused(why)
        }
        _ => Outcome::Again(Trouble { why, pause }),
    }
}

async fn channel(config: &Config) -> Result<Channel, Trouble> {
    let endpoint = &config.endpoint;
    let failed = |error: tonic::transport::Error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let cause = cause.unwrap_or_else(|| error.to_string());
        Trouble::new(format!("failed to connect to {endpoint}: {cause}"))
    };
    let mut builder = Endpoint::from_shared(endpoint.clone())
        .map_err(failed)?
        .connect_timeout(CONNECT_TIMEOUT);
    if endpoint.starts_with("https:") {
        builder = builder
            .tls_config(tls(&config.tls).await?)
            .map_err(failed)?;
    }
    builder.connect().await.map_err(failed)
}

async fn tls(tls: &Tls) -> Result<ClientTlsConfig, Trouble> {
    // With the words for what is wrong with the files.
    tls.client()?;
    let mut config = ClientTlsConfig::new();
    config = match &tls.ca {
        Some(ca) => config.ca_certificate(Certificate::from_pem(read(ca).await?)),
        None => config.with_native_roots(),
    };
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
        config = config.identity(Identity::from_pem(
            read(certificate).await?,
            read(key).await?,
        ));
    }
    Ok(match &tls.server_name {
        Some(name) => config.domain_name(name),
        None => config,
    })
}

async fn read(path: &std::path::Path) -> Result<Vec<u8>, Trouble> {
    let read = tokio::fs::read(path).await;
    read.map_err(|error| Trouble::new(format!("failed to read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsPartialSuccess;

    use super::*;

    fn answer(rejected: i64, message: &str) -> ExportLogsServiceResponse {
        ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess {
                rejected_log_records: rejected,
                error_message: message.to_owned(),
            }),
        }
    }

    #[test]
    fn the_path_of_logs_may_be_written_or_left_out() {
        for endpoint in ["http://c:4318", "http://c:4318/", "http://c:4318/v1/logs"] {
            let yaml = format!("{{endpoint: {endpoint}, protocol: http}}");
            let config: Config = serde_saphyr::from_str(&yaml).unwrap();
            assert_eq!(config.url(), "http://c:4318/v1/logs", "{endpoint}");
        }
    }

    #[test]
    fn a_part_that_is_refused_is_not_sent_again() {
        let Outcome::Partly(why) = outcome(answer(1, "too old"), 2) else {
            panic!("not refused");
        };
        assert!(
            why.contains("1 of the 2") && why.contains("too old"),
            "{why}"
        );
        let Outcome::Each(verdicts) = outcome(answer(2, "too old"), 2) else {
            panic!("not refused");
        };
        let is_refused = |it: &Verdict| matches!(it, Verdict::Refused(_));
        assert!(verdicts.iter().all(is_refused));
        assert!(
            matches!(outcome(answer(0, "slow down"), 2), Outcome::Delivered(told) if told == "accepted: slow down")
        );
        assert!(matches!(
            outcome(ExportLogsServiceResponse::default(), 2),
            Outcome::Delivered(_)
        ));
    }

    #[test]
    fn a_code_is_the_contents_fault_or_the_moments() {
        for (code, message, is_refusal) in [
            (Code::InvalidArgument, "bad", true),
            (
                Code::ResourceExhausted,
                "grpc: received message larger than max (5 vs. 4)",
                true,
            ),
            (Code::ResourceExhausted, "quota", false),
            (Code::Unavailable, "later", false),
            (Code::Unauthenticated, "who", false),
            (Code::Unimplemented, "what", false),
        ] {
            let outcome = failure(&Status::new(code, message));
            assert_eq!(
                matches!(outcome, Outcome::Refused(_)),
                is_refusal,
                "{code:?}"
            );
        }
    }
}
