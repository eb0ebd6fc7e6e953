"""The chart's configurations, run: only addresses and folders are this machine's."""

import json
import re
import signal
import subprocess
import urllib.request

import pytest
from conftest import BINARY, Rendered, page_values
from waiting import until

ALERT = """{"rule": "Write below etc", "priority": "Error", "time": "2026-11-25T10:00:00Z", "output": "x",
"hostname": "node-1", "source": "syscall", "tags": ["mitre_persistence"], "output_fields": {"proc.name": "vi"}}"""


class Running:
    """`falco-gateway serve` with a rendered configuration, and then `changes`."""

    def __init__(self, folder, rendered, changes=()):
        folder.mkdir()
        text = rendered.config_text
        changes = [
            ("/var/lib/falco-gateway", f"{folder}/data"),
            ("/run/falco-gateway", str(folder)),
            ("/run/secrets/falco-gateway/tls/tls.", f"{folder}/certs/server."),
            ("/run/secrets/falco-gateway/tls/ca.crt", f"{folder}/certs/ca.crt"),
            *((f"{host}:{port}", "127.0.0.1:0") for host in ("0.0.0.0", "127.0.0.1") for port in (5060, 2801, 2810)),
            *changes,
        ]
        for before, after in changes:
            text = text.replace(before, after)
        config = folder / "config.yaml"
        config.write_text(text)
        subprocess.run([BINARY, "certs", "--out", folder / "certs"], check=True, stdout=subprocess.PIPE)
        self.socket = f"unix://{folder}/gateway.sock"
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([BINARY, "serve", "--config", config], stderr=log)
        self.operations = self.told(r"showing metrics at /metrics address=(\S+)")
        self.http = self.told(r"taking alerts over HTTP address=(\S+)")

    def told(self, pattern):
        def look():
            text = re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text())
            assert self.process.poll() is None, f"the gateway has ended:\n{text}"
            return re.search(pattern, text)

        return until(f"the gateway to say {pattern}", look).group(1)

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.operations}{path}", timeout=20) as answer:
            return answer.status

    def command(self, *arguments):
        """As `kubectl exec` runs it."""
        return subprocess.run(
            [BINARY, "--server", self.socket, *arguments], check=True, capture_output=True, text=True
        ).stdout

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)


@pytest.fixture
def run(tmp_path):
    """Runs gateways, and ends them."""
    running = []

    def start(name, values, changes=()):
        running.append(Running(tmp_path / name, Rendered(values), changes))
        return running[-1]

    yield start
    for gateway in running:
        gateway.end()


@pytest.mark.parametrize(
    "values", [{}, {"tls": {"secretName": "tls"}}, {"mode": "edge"}], ids=["centre", "tls", "edge"]
)
def test_it_starts_and_answers_the_probes(run, values):
    gateway = run("gateway", values)
    assert gateway.get("/healthz") == 200
    assert gateway.get("/readyz") == 200
    assert "http" in gateway.command("status")


def test_an_edge_sends_falcos_alerts_on_to_the_centre(run, tmp_path):
    centre_values, edge_values = page_values("centre.yaml"), page_values("edge.yaml")
    token = tmp_path / "token"
    token.write_text("word")
    header = tmp_path / "authorization"
    header.write_text("Bearer word")
    centre = run("centre", centre_values, [("/run/secrets/falco-gateway/input/token", str(token))])
    edge = run(
        "edge",
        edge_values,
        [
            ("http://falco-gateway-centre:2801", f"http://{centre.http}"),
            ("/run/secrets/centre/authorization", str(header)),
        ],
    )
    urllib.request.urlopen(urllib.request.Request(f"http://{edge.http}/", ALERT.encode()), timeout=20).read()
    alert = until("the alert at the centre", lambda: centre.command("list", "-o", "json"))
    assert json.loads(alert)["hostname"] == "node-1"
    # The same alert, whichever way it came.
    assert json.loads(alert)["id"] == json.loads(edge.command("list", "-o", "json"))["id"]
