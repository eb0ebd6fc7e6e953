"""An OpenTelemetry Collector: OTLP over gRPC and HTTP, and its receiver for Splunk's HTTP Event Collector."""

import json
import signal

import pytest
from conftest import BUILT, free_port, listens
from waiting import until

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{grpc}"}}
      http: {{endpoint: "127.0.0.1:{http}"}}
  splunk_hec:
    endpoint: "127.0.0.1:{hec}"
    {ack}
exporters:
  file: {{path: {path}, append: true, flush_interval: 10ms}}
extensions:
  ack: {{}}
service:
  extensions: [ack]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    logs: {{receivers: [otlp, splunk_hec], exporters: [file]}}
"""


class Collector:
    def __init__(self, receiver, folder, ack=""):
        self.path = folder / "collected.jsonl"
        self.grpc, self.http, self.hec = free_port(), free_port(), free_port()
        config = folder / "collector.yaml"
        config.write_text(CONFIG.format(path=self.path, grpc=self.grpc, http=self.http, hec=self.hec, ack=ack))
        ports = (self.grpc, self.http, self.hec)
        self.process = receiver(
            [BUILT / "otelcol", "--config", f"file:{config}"], lambda: all(listens(port) for port in ports)
        )

    def records(self):
        """All log records, each with the attributes of its resource."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text().splitlines():
            for logs in json.loads(line)["resourceLogs"]:
                resource = attributes(logs["resource"])
                for scope in logs["scopeLogs"]:
                    found += [(record, resource) for record in scope["logRecords"]]
        return found

    def all(self, count):
        return until("all records", lambda: it if len(it := self.records()) >= count else None)


def attributes(of):
    return {it["key"]: next(iter(it["value"].values()), None) for it in of.get("attributes", [])}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_every_alert_is_a_log_record(receiver, bridge, tmp_path, captures, rules, protocol):
    collector = Collector(receiver, tmp_path)
    port = getattr(collector, protocol)
    gateway = bridge(f'otlp: {{endpoint: "http://127.0.0.1:{port}", protocol: {protocol}}}')
    gateway.post(*captures)
    assert gateway.settled() == {"delivered": len(rules), "refused": 0, "lost": 0, "behind": 0}
    records = collector.all(len(rules))
    assert [attributes(record)["security_rule.name"] for record, _ in records] == rules
    for (record, resource), body in zip(records, captures, strict=True):
        alert = json.loads(body)
        assert record["severityText"] == alert["priority"]
        assert resource["host.name"] == alert["hostname"]
        fields = {key for key, value in alert["output_fields"].items() if value is not None}
        told = attributes(record)
        assert fields <= {key.removeprefix("falco.output_fields.") for key in told}
        # Nanoseconds: as exact as Falco's own.
        assert int(record["timeUnixNano"]) % 10**9 == int(alert["time"].rstrip("Z").split(".")[1].ljust(9, "0"))
        assert int(record["observedTimeUnixNano"]) > int(record["timeUnixNano"])


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_nothing_is_lost_while_the_collector_is_restarted(receiver, bridge, tmp_path, captures, protocol):
    collector = Collector(receiver, tmp_path)
    port = getattr(collector, protocol)
    target = f'otlp: {{endpoint: "http://127.0.0.1:{port}", protocol: {protocol}}}'
    gateway = bridge(target, "  batch: {alerts: 10}\n")
    for part in range(3):
        gateway.post(*captures[part::3])
        collector.process.end(signal.SIGTERM)
        collector.process.start()
    gateway.settled()
    expected = len(captures)
    ids = until("all records", lambda: it if len(it := uids(collector)) >= expected else None)
    assert len(ids) == expected


def uids(collector):
    return {attributes(record)["log.record.uid"] for record, _ in collector.records()}


@pytest.mark.parametrize("acknowledged", [False, True])
def test_every_alert_is_an_event_of_splunk(receiver, bridge, tmp_path, captures, rules, acknowledged):
    collector = Collector(receiver, tmp_path, "ack: {extension: ack}" if acknowledged else "")
    gateway = bridge(
        f'splunk_hec: {{url: "http://127.0.0.1:{collector.hec}", token: any, index: security, sourcetype: falco}}'
    )
    gateway.post(*captures)
    assert gateway.settled() == {"delivered": len(rules), "refused": 0, "lost": 0, "behind": 0}
    line, _ = gateway.status()
    assert ("ackId" in line) == acknowledged
    records = collector.all(len(rules))
    for (record, resource), body in zip(records, captures, strict=True):
        alert = json.loads(body)
        event = {it["key"]: it["value"] for it in record["body"]["kvlistValue"]["values"]}
        assert event["rule"] == {"stringValue": alert["rule"]}
        fields = {it["key"] for it in event["output_fields"]["kvlistValue"]["values"]}
        assert fields == set(alert["output_fields"])
        assert attributes(record)["rule"] == alert["rule"]
        assert resource["host.name"] == alert["hostname"]
        assert resource["com.splunk.index"] == "security"
        assert resource["com.splunk.sourcetype"] == "falco"
