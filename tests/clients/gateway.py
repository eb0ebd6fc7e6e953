"""A gateway as a process, on ports that it keeps over restarts."""

import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import grpc

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FALCO_GATEWAY", ROOT / "target/debug/falco-gateway")
CAPTURES = ROOT / "tests/fixtures/captures/http.jsonl"

CONFIG = """
listen:
  - "{grpc}"
  - "unix://{socket}"
  - address: "{tls}"
    tls: {{certificate: {certs}/server.crt, key: {certs}/server.key, client_ca: {certs}/ca.crt}}
data_dir: {folder}/data
operations: {{listen: "{operations}", falco_events: true}}
sources:
  - id: http
    http: {{listen: "{http}"}}
"""


class Gateway:
    """A running `falco-gateway serve`. `more` is put behind its configuration."""

    def __init__(self, folder, more=""):
        self.folder = folder
        self.more = more
        self.socket = folder / "gateway.sock"
        self.certs = folder / "certs"
        subprocess.run([BINARY, "certs", "--out", self.certs], check=True, stdout=subprocess.PIPE)
        self.grpc = self.tls = self.http = self.operations = "127.0.0.1:0"
        self.start()

    def start(self):
        """Starts it, after the first time on the same ports."""
        config = self.folder / "config.yaml"
        places = {name: getattr(self, name) for name in ("folder", "socket", "certs", "grpc", "tls", "http", "operations")}
        config.write_text(CONFIG.format(**places) + self.more)
        self.log = self.folder / "log"
        with self.log.open("a") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [BINARY, "serve", "--config", config], stderr=log, env={**os.environ, "NO_COLOR": "1"}
            )
        told = self.wait_for_log(r"showing metrics at /metrics address=(\S+)", begin)
        self.operations = told.group(1)
        text = self.log.read_text()[begin:]
        self.http = re.search(r"taking alerts over HTTP address=(\S+)", text).group(1)
        self.grpc = re.search(r"serving gRPC address=http://(\S+)", text).group(1)
        self.tls = re.search(r"serving gRPC address=https://(\S+)", text).group(1)

    def wait_for_log(self, pattern, begin=0):
        """Waits until it has said so, and returns the match."""
        from waiting import until

        def look():
            assert self.process.poll() is None, f"the gateway has ended:\n{self.log.read_text()}"
            return re.search(pattern, self.log.read_text()[begin:])

        return until(f"the gateway to say {pattern}", look)

    def post(self, *bodies):
        """Posts as Falco does; raises where the answer is an error."""
        for body in bodies:
            request = urllib.request.Request(f"http://{self.http}/", body.encode())
            urllib.request.urlopen(request, timeout=20).read()

    def channel(self):
        return grpc.insecure_channel(self.grpc)

    def credentials(self):
        """Of mutual TLS, with what `falco-gateway certs` made."""
        names = ("ca.crt", "client.key", "client.crt")
        return grpc.ssl_channel_credentials(*((self.certs / name).read_bytes() for name in names))

    def tls_channel(self):
        return grpc.secure_channel(self.tls, self.credentials())

    def kill(self):
        """As the kernel ends it: nothing is told, nothing is finished."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=30) == 0
