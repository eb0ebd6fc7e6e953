"""Shows a stream as lines of JSON: follow.py ADDRESS [REQUEST]

REQUEST is a StreamAlertsRequest as JSON: '{"filter": "priority >= error", "last": 10}'
"""

import json
import sys

from google.protobuf import json_format

import falcogateway
from falcogateway.v1 import alert_service_pb2, stream_pb2


def said(event):
    match event:
        case falcogateway.Opened(grant=grant):
            return {"kind": "opened", "filter": grant.effective_filter}
        case falcogateway.Alert(alert=alert):
            return {"kind": "alert", "id": alert.id, "rule": alert.rule}
        case falcogateway.Loss(notice=notice):
            cause = stream_pb2.LossCause.Name(notice.cause)
            return {
                "kind": "loss",
                "lost": notice.lost,
                "lowerBound": notice.lower_bound,
                "cause": cause,
            }
        case falcogateway.State(state=state):
            return {"kind": "state", "state": stream_pb2.StreamState.Name(state)}
        case falcogateway.Source(notice=notice):
            state = stream_pb2.SourceState.Name(notice.state)
            return {"kind": "source", "source": notice.source_id, "state": state}
        case falcogateway.Reconnecting(why=why, delay=delay):
            return {"kind": "reconnecting", "why": why, "delay": delay}


def tell(line):
    print(json.dumps(line), flush=True)


def main(address, request="{}"):
    request = json_format.Parse(request, alert_service_pb2.StreamAlertsRequest())
    with falcogateway.connect(address) as channel:
        try:
            for event in falcogateway.AlertStream(channel, request):
                tell({**said(event), "cursor": event.cursor})
        except falcogateway.GatewayError as error:
            tell(
                {
                    "kind": "error",
                    "code": error.code.name,
                    "reason": error.reason,
                    "metadata": error.metadata,
                    "fields": [field for field, _ in error.violations],
                }
            )
            return 1
    tell({"kind": "end"})
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
