"""A subscriber written in Python, as any would be."""

import json

import grpc
import pytest
from google.protobuf import empty_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from falcogateway.v1 import (
    alert_pb2,
    alert_service_pb2,
    alert_service_pb2_grpc,
    gateway_service_pb2,
    gateway_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    stream_pb2,
)

PATIENCE = 30
SERIOUS = ("Emergency", "Alert", "Critical", "Error")


def stream(channel, **request):
    stub = alert_service_pb2_grpc.AlertServiceStub(channel)
    return stub.StreamAlerts(alert_service_pb2.StreamAlertsRequest(**request), timeout=PATIENCE)


def records(frames):
    for frame in frames:
        yield from frame.alerts.records


def from_the_start(filter="", **more):
    return dict(filter=filter, earliest=empty_pb2.Empty(), **more)


def serious(captures):
    return [body for body in map(json.loads, captures) if body["priority"] in SERIOUS]


def test_a_live_filtered_stream_of_real_alerts(gateway, captures):
    with gateway.channel() as channel:
        frames = stream(channel, filter="priority >= error", client_label="python")
        opened = next(frames)
        assert opened.opened.effective_filter == "priority >= error"
        assert next(frames).state_change.state == stream_pb2.STREAM_STATE_CATCHING_UP
        assert next(frames).state_change.state == stream_pb2.STREAM_STATE_LIVE
        gateway.post(*captures)
        expected = serious(captures)
        assert len(expected) == 56
        for sent, record in zip(expected, records(frames)):
            alert = record.alert
            assert (alert.rule, alert.hostname) == (sent["rule"], "node-a")
            assert alert.priority >= alert_pb2.PRIORITY_ERROR
            assert set(alert.output_fields) == set(sent["output_fields"])
        frames.cancel()


def test_typed_groups_and_exact_numbers(gateway, captures):
    gateway.post(*captures)
    with gateway.channel() as channel:
        request = from_the_start("proc.pid exists and evt.time exists", stop_at_head=True)
        for record in records(stream(channel, **request)):
            fields = record.alert.output_fields
            assert record.alert.process.pid == fields["proc.pid"].int64_value
            time = record.alert.event_time
            assert fields["evt.time"].int64_value == time.seconds * 10**9 + time.nanos


def test_resuming_neither_repeats_nor_skips(gateway, captures):
    with gateway.channel() as channel:
        seen, request = [], from_the_start()
        for start in range(0, 195, 65):
            gateway.post(*captures[start : start + 65])
            frames = stream(channel, **request)
            for record in records(frames):
                seen.append(record)
                if len(seen) == start + 60:
                    break
            frames.cancel()
            request = dict(after_cursor=seen[-1].cursor)
        seen.extend(records(stream(channel, stop_at_head=True, **request)))
        assert [record.alert.output for record in seen] == [
            json.loads(body)["output"] for body in captures
        ]


def test_over_the_unix_socket(gateway, captures):
    gateway.post(captures[0])
    options = [("grpc.default_authority", "localhost")]
    with grpc.insecure_channel(f"unix:{gateway.socket}", options) as channel:
        assert len(list(records(stream(channel, **from_the_start(stop_at_head=True))))) == 1


def test_over_mutual_tls(gateway, captures):
    gateway.post(*captures)
    with gateway.tls_channel() as channel:
        assert len(list(records(stream(channel, **from_the_start(stop_at_head=True))))) == 195
    certificates = (gateway.certs / "ca.crt").read_bytes()
    anonymous = grpc.ssl_channel_credentials(certificates)
    with grpc.secure_channel(gateway.tls, anonymous) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            next(stream(channel))
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_publishing(gateway, captures):
    with gateway.channel() as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        documents = [body.encode() for body in captures] + [b"nonsense"]
        answer = stub.Publish(ingest_service_pb2.PublishRequest(documents=documents))
        assert answer.accepted == 195
        (refusal,) = answer.refusals
        assert (refusal.index, refusal.reason) == (195, "UNKNOWN_TEXT")
        info = gateway_service_pb2_grpc.GatewayServiceStub(channel).GetGatewayInfo(
            gateway_service_pb2.GetGatewayInfoRequest()
        )
        assert info.log.alerts == 195


def test_a_wrong_filter_says_why_and_where(gateway):
    with gateway.channel() as channel, pytest.raises(grpc.RpcError) as raised:
        next(stream(channel, filter="priority >= "))
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(raised.value)
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert any(detail.Unpack(info) for detail in status.details)
    assert (info.domain, info.reason) == ("falcogateway", "FILTER_SYNTAX")
    assert info.metadata["position"] == "12"
    assert any(detail.Unpack(request) for detail in status.details)
    assert request.field_violations[0].field == "filter"
