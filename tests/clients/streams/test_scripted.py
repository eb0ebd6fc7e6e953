"""Every client against a gateway that behaves as the real one rarely does."""

import time

import grpc
from google.rpc import error_details_pb2
from scripted import Scripted, alert, closing, of_a_later_version, opened, quiet, refuse

from falcogateway.v1 import alert_service_pb2

EARLIEST = alert_service_pb2.ON_EXPIRED_CURSOR_EARLIEST


def test_who_may_not_is_told_and_does_not_try_again(follow):
    def script(context):
        yield from ()
        refuse(context, "PERMISSION_DENIED", "SCOPE_DENIED", identity="spiffe://a/b")

    with Scripted(script) as gateway:
        client = follow(gateway.address)
        error = client.find("error")
        assert (error["code"], error["reason"]) == ("PERMISSION_DENIED", "SCOPE_DENIED")
        assert error["metadata"] == {"identity": "spiffe://a/b"}
        assert client.exit_code() == 1


def test_three_heartbeats_missed_and_it_reconnects(follow):
    said = []

    def script(context):
        yield opened("a", heartbeat=1)
        said.append(time.monotonic())
        yield alert("b", "first")
        yield from quiet(context)

    with Scripted(script) as gateway:
        client = follow(gateway.address)
        assert gateway.request().after_cursor == ""
        assert client.find("reconnecting")["why"] == "the gateway fell silent"
        again = gateway.request()
        assert gateway.arrived[-1] - said[0] >= 3
        assert (again.after_cursor, again.on_expired_cursor) == ("b", EARLIEST)


def test_heartbeats_keep_it_open(follow):
    def script(context):
        yield opened("a", heartbeat=1)
        for beat in range(8):
            time.sleep(0.7)
            frame = opened(f"beat {beat}")
            frame.heartbeat.lag = 0
            yield frame
        yield alert("z", "last")
        yield from quiet(context)

    with Scripted(script) as gateway:
        client = follow(gateway.address)
        lines = []
        while (line := client.next())["kind"] != "alert":
            lines.append(line["kind"])
        assert "reconnecting" not in lines


def test_closing_is_honoured(follow):
    said = []

    def script(context):
        yield opened("a")
        said.append(time.monotonic())
        yield closing("b", 2)

    with Scripted(script) as gateway:
        client = follow(gateway.address)
        gateway.request()
        assert 2 <= client.find("reconnecting")["delay"] <= 3.1
        assert gateway.request().after_cursor == "b"
        assert gateway.arrived[-1] - said[0] >= 2


def test_a_frame_of_a_later_version_only_moves_the_cursor(follow):
    def script(context):
        yield opened("a")
        yield of_a_later_version("b")

    with Scripted(script) as gateway:
        client = follow(gateway.address)
        gateway.request()
        assert [client.next()["kind"] for _ in range(2)] == ["opened", "reconnecting"]
        assert gateway.request().after_cursor == "b"


def test_it_waits_as_long_as_the_gateway_asks(follow):
    def script(context):
        yield from ()
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(1800)
        refuse(context, "RESOURCE_EXHAUSTED", "STREAM_QUOTA", retry)

    with Scripted(script) as gateway:
        client = follow(gateway.address, filter="rule = a")
        gateway.request()
        assert 1.8 <= client.find("reconnecting")["delay"] <= 2.8
        # It was never open: the same is asked again.
        again = gateway.request()
        assert (again.filter, again.on_expired_cursor) == ("rule = a", 0)


def test_it_waits_longer_each_time_and_short_again_once_it_was_open(follow):
    def down(context):
        yield from ()
        refuse(context, "UNAVAILABLE", "NOT_READY")

    def script(context):
        yield opened("a")
        refuse(context, "INTERNAL", "")

    with Scripted(down, down, down, script) as gateway:
        client = follow(gateway.address)
        delays = [client.find("reconnecting")["delay"] for _ in range(4)]
        for delay, least in zip(delays, (0.5, 1, 2, 0.5)):
            assert least <= delay <= least * 1.51, delays


def test_who_asked_to_be_disconnected_is(follow):
    def script(context):
        yield opened("a")
        retry = error_details_pb2.RetryInfo()
        refuse(context, "RESOURCE_EXHAUSTED", "SLOW_CONSUMER", retry)

    with Scripted(script) as gateway:
        client = follow(gateway.address, overflowPolicy="OVERFLOW_POLICY_DISCONNECT")
        assert client.find("error")["reason"] == "SLOW_CONSUMER"


def test_an_end_without_a_word_is_no_end(follow):
    def script(context):
        yield opened("a")
        yield alert("b", "first")

    with Scripted(script) as gateway:
        client = follow(gateway.address, stopAtHead=True)
        gateway.request()
        client.find("reconnecting")
        assert gateway.request().after_cursor == "b"


def test_what_closing_asks_for_holds_when_the_call_then_fails(follow):
    def script(context):
        yield opened("a")
        yield closing("b", 2)
        refuse(context, "UNAVAILABLE", "NOT_READY")

    with Scripted(script) as gateway:
        client = follow(gateway.address)
        assert 2 <= client.find("reconnecting")["delay"] <= 3.1


def test_details_that_cannot_be_read_are_left_aside(follow):
    def script(context):
        yield from ()
        context.set_trailing_metadata([("grpc-status-details-bin", b"\xff\xff\xff")])
        context.abort(grpc.StatusCode.UNAVAILABLE, "not ready")

    with Scripted(script) as gateway:
        client = follow(gateway.address)
        client.find("reconnecting")
        gateway.request()
        gateway.request()


def test_a_frame_without_a_cursor_leaves_the_position(follow):
    def script(context):
        yield opened("a")
        yield alert("b", "first")
        frame = opened("")
        frame.heartbeat.lag = 0
        yield frame

    with Scripted(script) as gateway:
        follow(gateway.address)
        gateway.request()
        assert gateway.request().after_cursor == "b"


def test_times_that_cannot_be_meant_are_put_right(follow):
    def script(context):
        yield opened("a", heartbeat=0)
        yield alert("b", "first")
        time.sleep(1)
        yield opened("c", heartbeat=2**38)
        yield alert("d", "second")
        yield from quiet(context)

    with Scripted(script) as gateway:
        client = follow(gateway.address)
        kinds = [client.next()["kind"] for _ in range(4)]
        assert kinds == ["opened", "alert", "opened", "alert"]
