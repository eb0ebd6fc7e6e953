"""Every client against the real gateway."""

import json

import pytest

from falcogateway.v1 import alert_service_pb2, alert_service_pb2_grpc

SERIOUS = ("Emergency", "Alert", "Critical", "Error")
SMALL_LOG = "log: {retention_bytes: 4MiB}\n"
LARGE = 30_000


def numbered(numbers, size=0):
    for number in numbers:
        yield json.dumps(
            {
                "rule": f"r{number}",
                "priority": "Notice",
                "time": f"2026-11-25T03:48:04.{number:09}Z",
                "output": "x" * size,
                "output_fields": {"proc.pid": number},
            }
        )


def ids_of_all(gateway, **request):
    """What is in the log, by the plain call."""
    with gateway.channel() as channel:
        stub = alert_service_pb2_grpc.AlertServiceStub(channel)
        request = alert_service_pb2.StreamAlertsRequest(stop_at_head=True, **request)
        request.earliest.SetInParent()
        return [record.alert.id for frame in stub.StreamAlerts(request) for record in frame.alerts.records]


def test_a_filter_and_an_end(gateway, captures, follow):
    gateway.post(*captures)
    client = follow(gateway.grpc, filter="priority >= error", earliest={}, stopAtHead=True)
    lines = client.rest()
    assert (lines[0]["kind"], lines[0]["filter"]) == ("opened", "priority >= error")
    assert lines[-1]["kind"] == "end"
    alerts = [line for line in lines if line["kind"] == "alert"]
    assert len(alerts) == sum(json.loads(body)["priority"] in SERIOUS for body in captures) == 56
    assert [alert["id"] for alert in alerts] == ids_of_all(gateway, filter="priority >= error")
    assert client.exit_code() == 0


def test_a_cursor_goes_on_where_it_was(gateway, captures, follow):
    gateway.post(*captures)
    first = follow(gateway.grpc, earliest={}).take(100)
    rest = follow(gateway.grpc, afterCursor=first[-1]["cursor"], stopAtHead=True).rest()
    got = first + [line for line in rest if line["kind"] == "alert"]
    assert [alert["id"] for alert in got] == ids_of_all(gateway)


def test_no_gap_and_no_repeat_over_a_kill_and_a_restart(gateway, captures, follow):
    client = follow(gateway.grpc)
    client.find("state", state="STREAM_STATE_LIVE")
    got = []
    gateway.post(*captures[:65])
    got += client.take(65)
    gateway.kill()
    client.find("reconnecting")
    gateway.start()
    gateway.post(*captures[65:130])
    got += client.take(65)
    gateway.stop()
    assert client.find("reconnecting")["why"] == "the gateway closed the stream"
    gateway.start()
    gateway.post(*captures[130:])
    got += client.take(65)
    assert [alert["id"] for alert in got] == ids_of_all(gateway)


def test_a_loss_is_told_with_its_count(start_gateway, follow):
    gateway = start_gateway(SMALL_LOG)
    client = follow(gateway.grpc)
    client.find("state", state="STREAM_STATE_LIVE")
    gateway.post(*numbered(range(10)))
    client.take(10)
    client.pause()
    gateway.kill()
    gateway.start()
    gateway.post(*numbered(range(10, 310), LARGE))
    client.go_on()
    loss = client.find("loss")
    assert loss["cause"] == "LOSS_CAUSE_RETENTION" and not loss["lowerBound"]
    first = client.find("alert")
    assert first["rule"] == f"r{10 + loss['lost']}"
    assert client.take(299 - loss["lost"])[-1]["rule"] == "r309"


def test_an_expired_cursor_is_refused_with_what_is_left(start_gateway, follow):
    gateway = start_gateway(SMALL_LOG)
    gateway.post(*numbered(range(2)))
    old = follow(gateway.grpc, earliest={}).find("alert")["cursor"]
    gateway.post(*numbered(range(2, 302), LARGE))
    client = follow(gateway.grpc, afterCursor=old)
    error = client.find("error")
    assert (error["code"], error["reason"]) == ("OUT_OF_RANGE", "CURSOR_EXPIRED")
    earliest = error["metadata"]["earliest_cursor"]
    assert client.exit_code() == 1
    # It leads where it says.
    rest = follow(gateway.grpc, afterCursor=earliest, stopAtHead=True).rest()
    assert rest[-2]["kind"] != "loss" and rest[-1]["kind"] == "end"
    assert [line["rule"] for line in rest if line["kind"] == "alert"][-1] == "r301"


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        ({"filter": "priority >="}, "FILTER_SYNTAX", "filter"),
        ({"filter": "rule > 3"}, "FILTER_TYPE", "filter"),
        ({"afterCursor": "no cursor"}, "CURSOR_MALFORMED", "after_cursor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_request_is_told(gateway, follow, request_, reason, field):
    client = follow(gateway.grpc, **request_)
    error = client.find("error")
    assert (error["code"], error["reason"]) == ("INVALID_ARGUMENT", reason)
    assert error["fields"] == [field]
    if field == "filter":
        assert int(error["metadata"]["position"]) >= 0
    assert client.exit_code() == 1
