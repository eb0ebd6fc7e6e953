import grpc
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


class GatewayError(Exception):
    """What the gateway refused, and why.

    ``code``: a ``grpc.StatusCode``. ``reason``: one of the gateway's documented reasons, such
    as ``CURSOR_EXPIRED``, or an empty string. ``metadata``: what belongs to the reason, such as
    ``earliest_cursor``. ``violations``: pairs of a field of the request and what is wrong with
    it. ``retry_delay``: when the gateway asks to be tried again, in seconds, or None.
    """

    def __init__(self, code, message):
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.reason = ""
        self.metadata = {}
        self.violations = []
        self.retry_delay = None

    @classmethod
    def of(cls, call):
        """From a ``grpc.RpcError``, as raised by any of the gateway's calls."""
        error = cls(call.code(), call.details() or "")
        try:
            status = rpc_status.from_call(call)
        except ValueError:
            # The details contradict the status: somebody between us and the gateway made it up.
            status = None
        for detail in status.details if status else ():
            error._take(detail)
        return error

    @property
    def is_final(self):
        """Whether trying the same again cannot help."""
        return self.code in FINAL or self.reason == "SLOW_CONSUMER"

    def _take(self, detail):
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            self.reason = info.reason
            self.metadata = dict(info.metadata)
        elif detail.Unpack(bad):
            self.violations += [(one.field, one.description) for one in bad.field_violations]
        elif detail.Unpack(retry):
            self.retry_delay = retry.retry_delay.ToTimedelta().total_seconds()
