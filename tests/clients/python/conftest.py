"""A gateway for each test, and the client code that any Python user would generate."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import grpc
import pytest
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3]
CAPTURES = ROOT / "tests/fixtures/captures/http.jsonl"
CONFIG = """
listen:
  - "127.0.0.1:0"
  - "unix://{socket}"
  - address: "127.0.0.1:0"
    tls: {{certificate: {certs}/server.crt, key: {certs}/server.key, client_ca: {certs}/ca.crt}}
data_dir: {folder}
sources:
  - id: http
    http: {{listen: "127.0.0.1:0"}}
"""


def pytest_configure(config):
    """Generates the stubs before the tests import them."""
    generated = ROOT / "target/python/generated"
    generated.mkdir(parents=True, exist_ok=True)
    protos = sorted(str(path) for path in (ROOT / "proto/falcogateway").rglob("*.proto"))
    well_known = Path(protoc.__file__).parent / "_proto"
    options = [f"-I{ROOT / 'proto'}", f"-I{well_known}"]
    options += [f"--python_out={generated}", f"--grpc_python_out={generated}"]
    if protoc.main(["protoc", *options, *protos]) != 0:
        pytest.exit("failed to generate the client code from proto/", 1)
    sys.path.insert(0, str(generated))


class Gateway:
    """A running `falco-gateway serve`, on ports that were free."""

    def __init__(self, folder):
        self.socket = folder / "gateway.sock"
        config = folder / "config.yaml"
        self.certs = folder / "certs"
        config.write_text(CONFIG.format(folder=folder, socket=self.socket, certs=self.certs))
        binary = os.environ.get("FALCO_GATEWAY", ROOT / "target/debug/falco-gateway")
        subprocess.run([binary, "certs", "--out", self.certs], check=True, stdout=subprocess.PIPE)
        self.process = subprocess.Popen(
            [binary, "serve", "--config", config], stderr=subprocess.PIPE, text=True
        )
        self.grpc = self._read(r"serving gRPC address=http://(\S+)")
        self.tls = self._read(r"serving gRPC address=https://(\S+)")
        self.http = self._read(r"taking alerts over HTTP address=(\S+)")

    def _read(self, pattern):
        for line in self.process.stderr:
            line = re.sub(r"\x1b\[[0-9;]*m", "", line)
            if found := re.search(pattern, line):
                return found.group(1)
        raise AssertionError(f"the gateway ended without saying {pattern}")

    def post(self, *bodies):
        """Posts as Falco does; raises where the answer is an error."""
        for body in bodies:
            request = urllib.request.Request(f"http://{self.http}/", body.encode())
            urllib.request.urlopen(request, timeout=20).read()

    def channel(self):
        return grpc.insecure_channel(self.grpc)

    def tls_channel(self):
        """A channel of mutual TLS, with what `falco-gateway certs` made."""
        read = lambda name: (self.certs / name).read_bytes()
        credentials = grpc.ssl_channel_credentials(
            read("ca.crt"), read("client.key"), read("client.crt")
        )
        return grpc.secure_channel(self.tls, credentials)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0
        self.process.stderr.close()


@pytest.fixture
def gateway(tmp_path):
    running = Gateway(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def captures():
    return [json.loads(line)["body"] for line in CAPTURES.read_text().splitlines()]
