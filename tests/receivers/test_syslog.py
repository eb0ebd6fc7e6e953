"""rsyslog, over TLS, TCP and UDP."""

import json
import re
import signal
import socket
import subprocess

import pytest
from conftest import BINARY, free_port, listens
from waiting import until

CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64k"
  defaultNetstreamDriverCAFile="{certs}/ca.crt" defaultNetstreamDriverCertFile="{certs}/server.crt"
  defaultNetstreamDriverKeyFile="{certs}/server.key")
{input}
template(name="parts" type="list" option.jsonf="on") {{
  property(outname="severity" name="syslogseverity" format="jsonf")
  property(outname="facility" name="syslogfacility" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="text" name="msg" format="jsonf")
}}
action(type="omfile" file="{folder}/received" template="parts" asyncWriting="off" flushOnTXEnd="on")
"""

INPUTS = {
    "tls": """module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="{port}")""",
    "tcp": """module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}")""",
    "udp": """module(load="imudp")
input(type="imudp" address="127.0.0.1" port="{port}" rcvbufSize="8m")""",
}


class Rsyslog:
    def __init__(self, receiver, folder, transport):
        self.folder = folder / "rsyslog"
        self.folder.mkdir()
        certs = self.folder / "certs"
        subprocess.run([BINARY, "certs", "--out", certs], check=True, stdout=subprocess.PIPE)
        port = free_port()
        config = self.folder / "rsyslog.conf"
        config.write_text(
            CONFIG.format(folder=self.folder, certs=certs, input=INPUTS[transport].format(port=port))
        )
        command = ["rsyslogd", "-n", "-f", config, "-i", self.folder / "pid"]
        pid = self.folder / "pid"
        ready = (lambda: pid.exists()) if transport == "udp" else (lambda: listens(port))
        self.process = receiver(command, ready)
        files = f"ca: {certs}/ca.crt, certificate: {certs}/client.crt, key: {certs}/client.key"
        tls = f", tls: {{{files}}}" if transport == "tls" else ""
        self.target = f'syslog: {{address: "{transport}://127.0.0.1:{port}", settle: 50ms{tls}}}'

    def received(self):
        path = self.folder / "received"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def rule(message):
    escaped = re.search(r' rule="((?:[^"\\]|\\.)*)"', message["data"]).group(1)
    return re.sub(r"\\(.)", r"\1", escaped)


def ids(messages):
    return [re.search(r' id="([0-9a-f]{32})"', it["data"]).group(1) for it in messages]


@pytest.mark.parametrize("transport", ["tls", "tcp", "udp"])
def test_every_alert_is_a_message_whose_parts_rsyslog_reads(receiver, bridge, tmp_path, captures, rules, transport):
    rsyslog = Rsyslog(receiver, tmp_path, transport)
    gateway = bridge(rsyslog.target)
    gateway.post(*captures)
    received = until("all messages", lambda: it if len(it := rsyslog.received()) >= len(rules) else None)
    assert [rule(it) for it in received] == rules
    assert gateway.settled() == {"delivered": len(rules), "refused": 0, "lost": 0, "behind": 0}
    for message, body in zip(received, captures, strict=True):
        alert = json.loads(body)
        words = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"]
        assert words[int(message["severity"])] == alert["priority"]
        assert (message["facility"], message["app"], message["host"]) == ("16", "falco", alert["hostname"])
        assert message["text"].strip()


def test_a_hostile_value_forges_no_message(receiver, bridge, tmp_path):
    rsyslog = Rsyslog(receiver, tmp_path, "tcp")
    gateway = bridge(rsyslog.target)
    evil = 'x"] forged\n<13>1 2026-01-01T00:00:00Z h a - - - forged\r\n\x00\x1b[2J\u2028'
    for rule_name in ("first", "second"):
        gateway.post(
            json.dumps(
                {
                    "rule": rule_name,
                    "priority": "Error",
                    "time": "2026-11-25T10:00:00Z",
                    "output": evil,
                    "hostname": evil,
                    "tags": [evil],
                    "output_fields": {"proc.name": evil, "user.name": evil, evil: evil},
                }
            )
        )
    gateway.settled()
    received = until("both", lambda: it if len(it := rsyslog.received()) >= 2 else None)
    assert [rule(it) for it in received] == ["first", "second"]
    assert all(it["app"] == "falco" for it in received)


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_nothing_is_lost_while_rsyslog_is_restarted(receiver, bridge, tmp_path, captures, transport):
    rsyslog = Rsyslog(receiver, tmp_path, transport)
    gateway = bridge(rsyslog.target, "  batch: {alerts: 10}\n")
    for part in range(4):
        gateway.post(*captures[part::4])
        rsyslog.process.end(signal.SIGTERM)
        rsyslog.process.start()
    gateway.settled()
    until("all messages", lambda: len(set(ids(rsyslog.received()))) == len(captures))


def test_who_is_not_the_receiver_gets_nothing(receiver, bridge, tmp_path, captures):
    """A certificate of another authority: the bridge waits, and says why."""
    rsyslog = Rsyslog(receiver, tmp_path, "tls")
    other = tmp_path / "other"
    subprocess.run([BINARY, "certs", "--out", other], check=True, stdout=subprocess.PIPE)
    target = rsyslog.target.replace(f"ca: {rsyslog.folder}/certs", f"ca: {other}")
    gateway = bridge(target)
    gateway.post(captures[0])
    line = until("trouble", lambda: it if "retrying" in (it := gateway.status()[0]) else None)
    assert "certificate" in line
    assert rsyslog.received() == []


def test_a_dead_receiver_is_not_taken_for_a_living_one(bridge, captures):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        gateway = bridge(f'syslog: {{address: "tcp://127.0.0.1:{listener.getsockname()[1]}"}}')
        gateway.post(captures[0])
        connection, _ = listener.accept()
        connection.close()
        until("another try", lambda: "retrying" in gateway.status()[0] or gateway.status()[1]["delivered"] == 0)
