from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, Union

import grpc
from google.protobuf import duration_pb2

from .error import GatewayError
from .v1 import alert_pb2, alert_service_pb2, alert_service_pb2_grpc, stream_pb2
from .watchdog import Watchdog

if TYPE_CHECKING:
    from google.protobuf import empty_pb2, timestamp_pb2
    from typing_extensions import Unpack

# Missing this many heartbeats, a stream is dead though nobody said so.
MISSED_HEARTBEATS = 3

# For the first frame, which comes at once; in seconds.
OPEN_PATIENCE = 30.0

# The first and the longest wait before trying again, in seconds.
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0

# What a gateway asks for beyond this, in seconds, it cannot mean.
LONGEST_ASKED = 600.0

Metadata = Sequence[tuple[str, Union[str, bytes]]]


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
    """The stream broke and is opened anew after ``delay`` seconds; ``error``, if there was one."""

    why: str
    delay: float
    error: GatewayError | None = None


class StreamRequest(TypedDict, total=False):
    """The fields of ``StreamAlertsRequest``."""

    filter: str
    after_cursor: str
    since: timestamp_pb2.Timestamp
    last: int
    earliest: empty_pb2.Empty
    latest: empty_pb2.Empty
    on_expired_cursor: int
    stop_at_head: bool
    overflow_policy: int
    view: int
    batch: alert_service_pb2.BatchOptions
    heartbeat_interval: duration_pb2.Duration
    client_label: str
    required_features: Sequence[str]


def stream(
    channel: grpc.Channel, *, metadata: Metadata | None = None, **request: Unpack[StreamRequest]
) -> AlertStream:
    """The alerts of a gateway, and what else its stream says, as an :class:`AlertStream`.

    ``request`` are the fields of ``StreamAlertsRequest``: ``filter``, ``after_cursor``,
    ``last``, ``stop_at_head`` and so on. ``metadata`` is sent with each call.
    """
    return AlertStream(channel, alert_service_pb2.StreamAlertsRequest(**request), metadata)


class AlertStream:
    """Events of a stream that is opened again, where it was, whenever it breaks.

    Iterating raises :class:`GatewayError` for what trying again cannot mend; a stream that has
    ended stays so. One thread at a time may iterate, :meth:`close` and ``cursor`` work from any.
    ``cursor`` is the position after all that was handed out: keep it, and pass it as
    ``after_cursor`` to go on there in another process. Somebody who was away for longer than the
    gateway keeps alerts goes on with the oldest there is, after a :class:`Loss`.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        request: alert_service_pb2.StreamAlertsRequest,
        metadata: Metadata | None = None,
    ) -> None:
        if not isinstance(channel, grpc.Channel):
            raise TypeError(f"a grpc.Channel is needed, not {type(channel)}; there is no asyncio")
        self.cursor: str = request.after_cursor
        self._stub = alert_service_pb2_grpc.AlertServiceStub(channel)
        self._request = request
        self._metadata = metadata
        self._was_open = False
        self._wait = FIRST_WAIT
        self._due = 0.0
        self._over = threading.Event()
        self._iterating = threading.Lock()
        self._call: grpc.Call | None = None

    def close(self) -> None:
        """Ends the stream, from any thread."""
        self._over.set()
        call = self._call
        if call is not None:
            call.cancel()

    def __enter__(self) -> AlertStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        if not self._iterating.acquire(blocking=False):
            raise RuntimeError("somebody iterates over this stream already")
        try:
            while not self._over.wait(self._due - time.monotonic()):
                broken = yield from self._once()
                if broken is None:
                    self._over.set()
                elif not self._over.is_set():
                    yield self._reconnecting(broken)
        except GatewayError:
            self._over.set()
            raise
        finally:
            self._iterating.release()

    def _reconnecting(self, broken: _Broken) -> Reconnecting:
        # Never sooner than it asks for, and not all clients at once.
        delay = max(broken.asked, self._wait) * random.uniform(1.0, 1.5)
        self._due = time.monotonic() + delay
        self._wait = min(self._wait * 2, LONGEST_WAIT)
        return Reconnecting(self.cursor, broken.why, delay, broken.error)

    def _once(self) -> Iterator[Event]:
        """The events of one call; returns why it broke, or None at the end of the stream."""
        try:
            call = self._stub.StreamAlerts(self._next_request(), metadata=self._metadata)
        except ValueError as closed:
            # The channel is, by its owner.
            raise GatewayError(grpc.StatusCode.CANCELLED, str(closed)) from closed
        self._call = call
        if self._over.is_set():
            call.cancel()
        closing = _Broken("the stream ended")
        try:
            with Watchdog(OPEN_PATIENCE, call.cancel) as watchdog:
                return (yield from self._events(call, watchdog, closing))
        except grpc.RpcError as error:
            if watchdog.has_barked:
                return _Broken("the gateway fell silent")
            return closing.by(GatewayError.of(error))
        finally:
            call.cancel()

    def _events(self, call: grpc.Call, watchdog: Watchdog, closing: _Broken) -> Iterator[Event]:
        while not self._over.is_set():
            watchdog.begin()
            frame = next(call, None)
            watchdog.end()
            if frame is None:
                return closing
            kind = frame.WhichOneof("kind")
            if kind == "opened":
                self._was_open = True
                self._wait = FIRST_WAIT
                heartbeat = _seconds(frame.opened.heartbeat_interval)
                watchdog.patience = heartbeat * MISSED_HEARTBEATS or OPEN_PATIENCE
            elif kind == "alerts":
                for record in frame.alerts.records:
                    if self._over.is_set():
                        return None
                    self.cursor = record.cursor
                    yield Alert(record.cursor, record.alert)
            elif kind == "closing":
                if frame.closing.reason == stream_pb2.CLOSING_REASON_REACHED_HEAD:
                    self.cursor = frame.cursor or self.cursor
                    return None
                closing.why = "the gateway closed the stream"
                closing.asked = _seconds(frame.closing.resume_delay)
            self.cursor = frame.cursor or self.cursor
            if event := _event(kind, frame):
                yield event
        return None

    def _next_request(self) -> alert_service_pb2.StreamAlertsRequest:
        if not self._was_open:
            return self._request
        request = alert_service_pb2.StreamAlertsRequest()
        request.CopyFrom(self._request)
        request.after_cursor = self.cursor
        if request.on_expired_cursor != alert_service_pb2.ON_EXPIRED_CURSOR_LATEST:
            request.on_expired_cursor = alert_service_pb2.ON_EXPIRED_CURSOR_EARLIEST
        return request


@dataclass
class _Broken:
    """Why a call broke, and for how long the gateway asks not to be called again."""

    why: str
    asked: float = 0.0
    error: GatewayError | None = None

    def by(self, error: GatewayError) -> _Broken:
        """The same, ended by an error. Raises one that trying again cannot mend."""
        if error.is_final:
            raise error
        return _Broken(str(error), max(self.asked, error.retry_delay or 0.0), error)


def _seconds(duration: duration_pb2.Duration) -> float:
    return min(max(duration.seconds + duration.nanos / 1e9, 0.0), LONGEST_ASKED)


def _event(kind: str | None, frame: stream_pb2.StreamFrame) -> Event | None:
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
