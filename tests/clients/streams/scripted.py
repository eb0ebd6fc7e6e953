"""A gateway that does what a test says, frame by frame: what the real one never does, or not when it suits."""

import queue
import time
from concurrent import futures

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from falcogateway.v1 import alert_service_pb2_grpc, stream_pb2

PATIENCE = 45


class Scripted(alert_service_pb2_grpc.AlertServiceServicer):
    """Each call runs the next script: a function that is given the context and yields frames."""

    def __init__(self, *scripts):
        self._scripts = list(scripts)
        self._requests = queue.Queue()
        self.arrived = []
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        alert_service_pb2_grpc.add_AlertServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stop(0).wait()

    def StreamAlerts(self, request, context):  # noqa: N802
        self.arrived.append(time.monotonic())
        self._requests.put(request)
        script = self._scripts.pop(0) if self._scripts else quiet
        yield from script(context)

    def request(self):
        """The request of the next call."""
        return self._requests.get(timeout=PATIENCE)


def opened(cursor, heartbeat=60):
    frame = stream_pb2.StreamFrame(cursor=cursor)
    frame.opened.stream_id = "scripted"
    frame.opened.heartbeat_interval.seconds = heartbeat
    return frame


def alert(cursor, rule):
    frame = stream_pb2.StreamFrame(cursor=cursor)
    record = frame.alerts.records.add(cursor=cursor)
    record.alert.id = record.alert.rule = rule
    return frame


def of_a_later_version(cursor):
    """A frame of a kind that no client knows yet."""
    known = stream_pb2.StreamFrame(cursor=cursor).SerializeToString()
    unknown_kind = b"\xfa\x01\x02\x08\x01"  # field 31, a message
    return stream_pb2.StreamFrame.FromString(known + unknown_kind)


def closing(cursor, seconds):
    frame = stream_pb2.StreamFrame(cursor=cursor)
    frame.closing.reason = stream_pb2.CLOSING_REASON_DRAINING
    frame.closing.resume_delay.FromMilliseconds(int(seconds * 1000))
    return frame


def refuse(context, code, reason, *details, **metadata):
    """Ends the call as the gateway does."""
    info = error_details_pb2.ErrorInfo(reason=reason, domain="falcogateway", metadata=metadata)
    status = status_pb2.Status(code=code_pb2.Code.Value(code), message=f"refused: {reason}")
    for detail in (info, *details):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    context.abort_with_status(rpc_status.to_status(status))


def quiet(context):
    """Says nothing more, until the client leaves."""
    left = queue.Queue()
    context.add_callback(lambda: left.put(None))
    left.get()
    yield from ()
