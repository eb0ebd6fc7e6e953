"""falcosidekick's input behind a webhook.

falcosidekick itself is in no registry of packages that this project uses, so this is its input as its documentation
and its behaviour tell of it (`docs/formats.md`): as strict as the real one about what it takes.
"""

import base64
import hashlib
import hmac
import http.server
import json
import re
import threading
from datetime import datetime

import pytest

PRIORITIES = ["", "debug", "informational", "notice", "warning", "error", "critical", "alert", "emergency"]


class Sidekick:
    """Takes one object a request, and counts."""

    def __init__(self):
        self.accepted, self.rejected, self.headers = [], [], []
        sidekick = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                problem = sidekick.problem(body, self.headers)
                answer = (problem or "").encode()
                self.send_response(400 if problem else 200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def problem(self, body, headers):
        """What falcosidekick would find, or nothing."""
        problem = self.look(body, headers)
        (self.rejected if problem else self.accepted).append(body)
        self.headers.append(headers)
        return problem

    def look(self, body, headers):
        if headers["content-type"] != "application/json":
            return "wrong content type"
        try:
            event = json.loads(body)
        except ValueError:
            return "no JSON"
        if not isinstance(event, dict):
            return "no object"
        for key in ("output", "priority", "rule", "time", "source", "hostname"):
            if not isinstance(event.get(key, ""), str):
                return f"{key} is no text"
        if event.get("priority", "").lower() not in PRIORITIES:
            return "unknown priority"
        if not event.get("rule") or not event.get("output_fields"):
            return "empty rule or fields"
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", event.get("time", "")):
            return "no time"
        datetime.fromisoformat(event["time"][:19])
        if not all(isinstance(it, str) for it in event.get("tags", [])):
            return "tags are no texts"
        return None


@pytest.fixture
def sidekick():
    sidekick = Sidekick()
    yield sidekick
    sidekick.server.shutdown()
    sidekick.server.server_close()


def test_every_alert_is_taken(sidekick, bridge, captures, rules):
    gateway = bridge(f'webhook: {{url: "{sidekick.url}"}}')
    gateway.post(*captures)
    assert gateway.settled() == {"delivered": len(rules), "refused": 0, "lost": 0, "behind": 0}
    assert sidekick.rejected == []
    events = [json.loads(it) for it in sidekick.accepted]
    assert [it["rule"] for it in events] == rules
    for event, body in zip(events, captures, strict=True):
        alert = json.loads(body)
        assert event["output_fields"] == alert["output_fields"]
        assert (event["output"], event["priority"]) == (alert["output"], alert["priority"])
        assert event.get("tags", []) == sorted(alert.get("tags", []))


def test_a_request_is_signed(sidekick, bridge, captures):
    gateway = bridge(f'webhook: {{url: "{sidekick.url}", signing_secret: "whsec_c2VjcmV0"}}')
    gateway.post(captures[0])
    gateway.settled()
    headers, (body,) = sidekick.headers[0], sidekick.accepted
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.digest(b"secret", signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
