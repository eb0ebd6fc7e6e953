import random
import threading
from dataclasses import dataclass

import grpc

from .error import GatewayError
from .v1 import alert_pb2, alert_service_pb2, alert_service_pb2_grpc, stream_pb2
from .watchdog import Watchdog

# Missing this many heartbeats, a stream is dead though nobody said so.
MISSED_HEARTBEATS = 3

# For the first frame, which comes at once; in seconds.
OPEN_PATIENCE = 30.0

# The first and the longest wait before trying again, in seconds.
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0


@dataclass(frozen=True)
class Event:
    """What a stream says. Resuming after ``cursor`` neither repeats nor skips."""

    cursor: str


@dataclass(frozen=True)
class Opened(Event):
    """A stream was opened, for the first time or anew; ``grant`` is what the gateway granted."""

    grant: stream_pb2.Opened


@dataclass(frozen=True)
class Alert(Event):
    """An alert that matches."""

    alert: alert_pb2.Alert


@dataclass(frozen=True)
class Loss(Event):
    """Alerts that match and will not come, and why."""

    notice: stream_pb2.LossNotice


@dataclass(frozen=True)
class State(Event):
    """The stream catches up, or is live: a ``STREAM_STATE_*`` of ``stream_pb2``."""

    state: int


@dataclass(frozen=True)
class Source(Event):
    """A source of alerts came, went or reported losses of its own."""

    notice: stream_pb2.SourceNotice


@dataclass(frozen=True)
class Reconnecting(Event):
    """The stream broke and is opened anew after ``delay`` seconds."""

    why: str
    delay: float


def stream(channel, *, metadata=None, **request):
    """The alerts of a gateway, and what else its stream says, as an :class:`AlertStream`.

    ``request`` are the fields of ``StreamAlertsRequest``: ``filter``, ``after_cursor``,
    ``last``, ``stop_at_head`` and so on. ``metadata`` is sent with each call.
    """
    return AlertStream(channel, alert_service_pb2.StreamAlertsRequest(**request), metadata)


class AlertStream:
    """Events of a stream that is opened again, where it was, whenever it breaks.

    Iterating raises :class:`GatewayError` for what trying again cannot mend. ``cursor`` is the
    position after all that was handed out: keep it, and pass it as ``after_cursor`` to go on
    there in another process. Somebody who was away for longer than the gateway keeps alerts
    goes on with the oldest there is, after a :class:`Loss`.
    """

    def __init__(self, channel, request, metadata=None):
        self.cursor = request.after_cursor
        self._stub = alert_service_pb2_grpc.AlertServiceStub(channel)
        self._request = request
        self._metadata = metadata
        self._was_open = False
        self._wait = FIRST_WAIT
        self._closed = threading.Event()
        self._call = None

    def close(self):
        """Ends the stream, from any thread."""
        self._closed.set()
        if self._call is not None:
            self._call.cancel()

    def __iter__(self):
        while not self._closed.is_set():
            why = yield from self._once()
            if why is None or self._closed.is_set():
                return
            text, asked = why
            # Never sooner than it asks for, and not all clients at once.
            delay = max(asked or 0.0, self._wait) * random.uniform(1.0, 1.5)
            self._wait = min(self._wait * 2, LONGEST_WAIT)
            yield Reconnecting(self.cursor, text, delay)
            self._closed.wait(delay)

    def _once(self):
        """The events of one call; returns why it broke and when to come back, or None."""
        self._call = call = self._stub.StreamAlerts(self._next_request(), metadata=self._metadata)
        try:
            with Watchdog(OPEN_PATIENCE, call.cancel) as watchdog:
                return (yield from self._events(call, watchdog))
        except grpc.RpcError as broken:
            if self._closed.is_set():
                return None
            if watchdog.has_barked:
                return "the gateway fell silent", None
            error = GatewayError.of(broken)
            if error.is_final:
                raise error from broken
            return str(error), error.retry_delay
        finally:
            call.cancel()

    def _events(self, call, watchdog):
        closing = None
        while True:
            watchdog.begin()
            frame = next(call, None)
            watchdog.end()
            if frame is None:
                break
            kind = frame.WhichOneof("kind")
            if kind == "opened":
                self._was_open = True
                self._wait = FIRST_WAIT
                heartbeat = frame.opened.heartbeat_interval.ToTimedelta().total_seconds()
                watchdog.patience = heartbeat * MISSED_HEARTBEATS or OPEN_PATIENCE
            elif kind == "alerts":
                for record in frame.alerts.records:
                    self.cursor = record.cursor
                    yield Alert(record.cursor, record.alert)
            elif kind == "closing":
                closing = frame.closing
            self.cursor = frame.cursor
            if event := _event(kind, frame):
                yield event
        if closing is None:
            return None if self._request.stop_at_head else ("the stream ended", None)
        if closing.reason == stream_pb2.CLOSING_REASON_REACHED_HEAD:
            return None
        return "the gateway closed the stream", closing.resume_delay.ToTimedelta().total_seconds()

    def _next_request(self):
        if not self._was_open:
            return self._request
        request = alert_service_pb2.StreamAlertsRequest()
        request.CopyFrom(self._request)
        request.after_cursor = self.cursor
        if request.on_expired_cursor != alert_service_pb2.ON_EXPIRED_CURSOR_LATEST:
            request.on_expired_cursor = alert_service_pb2.ON_EXPIRED_CURSOR_EARLIEST
        return request


def _event(kind, frame):
    """The event of a frame that has one of its own; kinds of later versions have none."""
    match kind:
        case "opened":
            return Opened(frame.cursor, frame.opened)
        case "loss":
            return Loss(frame.cursor, frame.loss)
        case "state_change":
            return State(frame.cursor, frame.state_change.state)
        case "source":
            return Source(frame.cursor, frame.source)
    return None
