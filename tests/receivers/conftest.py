"""Receivers as processes, on ports that they keep over restarts, and a gateway with a bridge to one."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "clients"))
from gateway import BINARY, CAPTURES, ROOT, Gateway  # noqa: E402
from waiting import until  # noqa: E402

BUILT = ROOT / "target/receivers"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def ask(url, method="GET", body=None, content_type="application/json"):
    """The status and the body of an answer, whatever it is."""
    data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
    request = urllib.request.Request(url, data, {"content-type": content_type}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (urllib.error.URLError, ConnectionError):
        return 0, b""


class Receiver:
    """A process that can be killed and started again as it was."""

    def __init__(self, command, is_ready, log):
        self.command, self.is_ready, self.log = command, is_ready, log
        self.process = None

    def start(self):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

        def look():
            assert self.process.poll() is None, f"it has ended:\n{self.log.read_text()[-3000:]}"
            return self.is_ready()

        until(f"{self.command[0]} to be ready", look, 60)

    def end(self, how):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)

    def kill(self):
        """As the kernel ends it."""
        self.end(signal.SIGKILL)


@pytest.fixture
def receiver(tmp_path):
    """Makes receivers, and ends them."""
    made = []

    def make(command, is_ready, start=True):
        made.append(Receiver(command, is_ready, tmp_path / f"receiver-{len(made)}.log"))
        if start:
            made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.kill()


class Bridged(Gateway):
    """A gateway with one bridge, called siem."""

    def __init__(self, folder, target, more=""):
        super().__init__(folder, f"bridges:\n- name: siem\n  max_backoff: 200ms\n{more}  {target}\n")

    def status(self):
        """What `falco-gateway status` says of the bridge: the whole line, and its numbers."""
        command = [BINARY, "status", "--server", f"http://{self.grpc}"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        line = next(line for line in told.splitlines() if line.startswith("bridge "))
        return line, {name: int(count) for count, name in re.findall(r"(\d+) (delivered|refused|lost|behind)", line)}

    def settled(self, patience=60):
        """Waits until the target has or has refused everything."""

        def look():
            _, counts = self.status()
            return counts if counts["behind"] == 0 else None

        try:
            return until("the bridge to settle", look, patience)
        except AssertionError:
            raise AssertionError(f"{self.status()[0]}\n{self.log.read_text()[-3000:]}") from None

    def dead_letters(self):
        path = self.folder / "data/dead-letters/siem.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def bridge(tmp_path):
    """Starts a gateway with a bridge to a target."""
    running = []

    def start(target, more=""):
        running.append(Bridged(tmp_path, target, more))
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()


@pytest.fixture(scope="session")
def captures():
    return [json.loads(line)["body"] for line in CAPTURES.read_text().splitlines()]


@pytest.fixture(scope="session")
def rules(captures):
    """The rules of the captures, in their order."""
    return [json.loads(body)["rule"] for body in captures]
