//! OTLP's messages, over the wire and back.

use std::collections::BTreeSet;

use falco_gateway::format::{Format, otlp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message;

use super::alerts;

#[test]
fn a_batch_survives_both_encodings() {
    let alerts = alerts::all();
    let request = otlp::request(&alerts);
    let decoded = ExportLogsServiceRequest::decode(request.encode_to_vec().as_slice()).unwrap();
    assert_eq!(decoded, request);
    let records = request.resource_logs.iter().flat_map(|it| &it.scope_logs);
    let records: usize = records.map(|it| it.log_records.len()).sum();
    assert_eq!(records, alerts.len());
    for alert in &alerts {
        let line = Format::OtlpJson.line(alert);
        let read: ExportLogsServiceRequest = serde_json::from_str(&line).unwrap();
        assert_eq!(read, otlp::request([alert]));
    }
}

#[test]
fn attributes_have_keys_of_their_own() {
    for alert in alerts::all() {
        let record = otlp::record(&alert);
        let keys: BTreeSet<_> = record.attributes.iter().map(|it| &it.key).collect();
        assert_eq!(keys.len(), record.attributes.len(), "{keys:?}");
    }
}
