from __future__ import annotations

import grpc
from google.protobuf import any_pb2, message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# Trying the same again cannot help after these.
FINAL = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.DATA_LOSS,
}


# A longer delay, in seconds, a gateway cannot mean.
LONGEST_DELAY = 600.0


class GatewayError(Exception):
    """What the gateway refused, and why.

    ``code``: a ``grpc.StatusCode``. ``reason``: one of the gateway's documented reasons, such
    as ``CURSOR_EXPIRED``, or an empty string. ``metadata``: what belongs to the reason, such as
    ``earliest_cursor``. ``violations``: pairs of a field of the request and what is wrong with
    it. ``retry_delay``: when the gateway asks to be tried again, in seconds, or None.
    """

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(f"{code.name}: {text}")
        self.code = code
        self.message = text
        self.reason = ""
        self.metadata: dict[str, str] = {}
        self.violations: list[tuple[str, str]] = []
        self.retry_delay: float | None = None

    @classmethod
    def of(cls, call: grpc.RpcError) -> GatewayError:
        """From a ``grpc.RpcError``, as raised by any of the gateway's calls."""
        error = cls(call.code(), call.details() or "")
        try:
            status = rpc_status.from_call(call)
            for detail in status.details if status else ():
                error._take(detail)
        except (ValueError, message.DecodeError):
            # Somebody between us and the gateway made them up: the code counts.
            pass
        return error

    @property
    def is_final(self) -> bool:
        """Whether trying the same again cannot help."""
        return self.code in FINAL or self._is_of_us()

    def _is_of_us(self) -> bool:
        """Whether it is what the request asked for, or the channel's owner did."""
        is_closed = self.code == grpc.StatusCode.CANCELLED and "Channel closed" in self.message
        return is_closed or self.reason == "SLOW_CONSUMER"

    def _take(self, detail: any_pb2.Any) -> None:
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            self.reason = info.reason
            self.metadata = dict(info.metadata)
        elif detail.Unpack(bad):
            self.violations += [(one.field, one.description) for one in bad.field_violations]
        elif detail.Unpack(retry):
            delay = retry.retry_delay
            self.retry_delay = min(max(delay.seconds + delay.nanos / 1e9, 0.0), LONGEST_DELAY)
