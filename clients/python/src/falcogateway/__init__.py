"""Alerts of a falco-gateway, filtered, in order, and resumed by themselves.

    import falcogateway

    with falcogateway.connect("127.0.0.1:5060") as channel:
        for event in falcogateway.stream(channel, filter="priority >= error", last=10):
            match event:
                case falcogateway.Alert(alert=alert):
                    print(alert.rule, alert.process.command_line)
                case falcogateway.Loss(notice=notice):
                    print("lost", notice.lost)

The messages are in ``falcogateway.v1.*_pb2``, the plain calls in
``falcogateway.v1.*_pb2_grpc``; both work with the channel of :func:`connect`.
"""

from .channel import connect
from .error import GatewayError
from .stream import Alert, AlertStream, Event, Loss, Opened, Reconnecting, Source, State, stream

__all__ = [
    "Alert",
    "AlertStream",
    "Event",
    "GatewayError",
    "Loss",
    "Opened",
    "Reconnecting",
    "Source",
    "State",
    "connect",
    "stream",
]
