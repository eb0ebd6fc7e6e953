"""A gateway with something in every metric, and a real Prometheus that scrapes it and has our rules."""

import json
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "clients"))
from gateway import BINARY, CAPTURES, ROOT, Gateway  # noqa: E402
from waiting import until  # noqa: E402

RULES = ROOT / "deploy/prometheus/alerts.yaml"
RULE_TESTS = ROOT / "deploy/prometheus/alerts_test.yaml"
DASHBOARD = ROOT / "deploy/grafana/falco-gateway.json"

# What the dashboard shows and the gateway does not have. Nothing else may be without data.
ABSENT = set()

JOB = "falco-gateway"

# One bridge delivers, and one has a target that nobody serves.
BRIDGES = """
bridges:
- name: archive
  file: {{path: "{folder}/archive.jsonl"}}
- name: siem
  max_backoff: 200ms
  webhook: {{url: "http://127.0.0.1:{nobody}/"}}
"""

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
- job_name: {job}
  static_configs: [{{targets: ["{target}"]}}]
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Prometheus:
    """A `prometheus` on a port of its own, whatever the system's service does."""

    def __init__(self, folder, target):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = folder / "prometheus.log"
        config = folder / "prometheus.yaml"
        config.write_text(CONFIG.format(rules=RULES, job=JOB, target=target))
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
        command.append(f"--web.listen-address={self.url.removeprefix('http://')}")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until("Prometheus to be ready", self.is_ready)

    def is_ready(self):
        assert self.process.poll() is None, f"it has ended:\n{self.log.read_text()[-3000:]}"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def ask(self, path, **parameters):
        """The data of an answer; raises where that is an error."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        assert told["status"] == "success", told
        assert "warnings" not in told, told
        return told["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """It has taken alerts, refused a document, and has a subscription that nobody consumes."""
    folder = tmp_path_factory.mktemp("gateway")
    gateway = Gateway(folder, BRIDGES.format(folder=folder, nobody=free_port()))
    gateway.operations = re.search(r"showing metrics at /metrics address=(\S+)", gateway.log.read_text()).group(1)
    create = [BINARY, "subscription", "create", "forgotten", "--all", "--server", f"http://{gateway.grpc}"]
    subprocess.run(create, check=True, stdout=subprocess.PIPE)
    gateway.post(*(json.loads(line)["body"] for line in CAPTURES.read_text().splitlines()))
    with pytest.raises(urllib.error.HTTPError):
        gateway.post('{"rule": "no priority"}')
    yield gateway
    gateway.stop()


@pytest.fixture(scope="session")
def metrics(gateway):
    """What the gateway shows once its bridges have delivered or failed."""

    def look():
        with urllib.request.urlopen(f"http://{gateway.operations}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        settled = ('bridge="archive",state="delivering"} 1', 'bridge="siem",state="retrying"} 1')
        return text if all(state in text for state in settled) else None

    return until("the bridges to settle", look)


@pytest.fixture(scope="session")
def prometheus(gateway, metrics, tmp_path_factory):
    """It has scraped often enough for rates."""
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"), gateway.operations)
    try:
        until("some scrapes", lambda: prometheus.query("count_over_time(falco_gateway_build[1m]) > 3"))
        yield prometheus
    finally:
        prometheus.stop()


@pytest.fixture(scope="session")
def rules():
    """Our alerting rules by name."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def metrics_in(expression):
    """The names of our metrics in an expression."""
    return set(re.findall(r"\bfalco_\w+", expression))


@pytest.fixture(scope="session")
def documented():
    """The metrics in docs/metrics.md, and those that are still to come."""
    tables = (ROOT / "docs/metrics.md").read_text()
    return set(re.findall(r"^\| `(falco_\w+)` \|", tables, re.M)) | ABSENT
