"""Programs that were written for Falco's own API, unchanged, against a gateway."""

import json
import queue
import subprocess
import threading
import urllib.request

import grpc
import pytest
from gateway import ROOT
from google.protobuf import timestamp_pb2
from waiting import until

from falco import outputs_pb2, outputs_pb2_grpc, version_pb2, version_pb2_grpc

PROGRAMS = ROOT / "target/clients"
CERTIFICATES_OF_OLD = ROOT / "tests/fixtures/certs"
PATIENCE = 30
SYSLOG = ("Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug")
SOURCES = {"syscall": 0, "k8s_audit": 1, "internal": 2}


class Program:
    """A running program, and the lines that it has said."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen([PROGRAMS / name, *arguments], stdout=subprocess.PIPE, text=True)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip())

    def line(self):
        return self._lines.get(timeout=PATIENCE)

    def exit_code(self):
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture
def run():
    running = []

    def start(name, *arguments):
        running.append(Program(name, *map(str, arguments)))
        return running[-1]

    yield start
    for program in running:
        program.process.kill()
        program.process.wait()


def over_socket(gateway):
    return ["-socket", f"unix://{gateway.socket}"]


def over_tls(gateway):
    certs, port = gateway.certs, gateway.tls.rpartition(":")[2]
    return [
        *("-host", "localhost", "-port", port, "-ca", certs / "ca.crt"),
        *("-cert", certs / "client.crt", "-key", certs / "client.key"),
    ]


def displayed(value):
    match value:
        case None:
            return "<NA>"
        case str():
            return value
        case _:
            return json.dumps(value, separators=(",", ":"))


def expected(body):
    """What a client gets of a document that Falco posted."""
    document = json.loads(body)
    time = timestamp_pb2.Timestamp()
    time.FromJsonString(document["time"])
    source = document["source"]
    return outputs_pb2.response(
        time=time,
        priority=SYSLOG.index(document["priority"]),
        source_deprecated=SOURCES.get(source, 3),
        rule=document["rule"],
        output=document["output"],
        output_fields={key: displayed(value) for key, value in document["output_fields"].items()},
        hostname=document["hostname"],
        tags=sorted(document.get("tags", [])),
        source=source,
    )


@pytest.mark.parametrize("connect", [over_socket, over_tls])
@pytest.mark.parametrize("client", ["falco-watch", "falco-watch-0.5"])
def test_client_go_watches(gateway, captures, run, client, connect):
    watch = run(client, *connect(gateway), "-timeout", "100ms")
    version = json.loads(watch.line())
    assert version["version"].startswith("0.43.0+falco-gateway.") and version["minor"] == 43
    gateway.post(*captures)
    for body in captures:
        got, wanted = json.loads(watch.line()), expected(body)
        time = got["time"]
        assert (time["seconds"], time.get("nanos", 0)) == (wanted.time.seconds, wanted.time.nanos)
        assert got.get("priority", 0) == wanted.priority
        assert got.get("source_deprecated", 0) == wanted.source_deprecated
        assert got.get("output_fields", {}) == dict(wanted.output_fields)
        for name in ("rule", "output", "hostname", "source"):
            assert got.get(name, "") == getattr(wanted, name)
    gateway.stop()
    assert json.loads(watch.line()) == {"end": True}
    assert watch.exit_code() == 0


def test_falco_exporter_counts(gateway, captures, run):
    exporter = run("falco-exporter", *over_socket(gateway))
    address = exporter.line()

    def counted():
        text = urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE).read().decode()
        samples = [line for line in text.splitlines() if line.startswith("falco_events{")]
        return {labels: float(count) for labels, _, count in (line.rpartition(" ") for line in samples)}

    gateway.post(*captures)
    until("all alerts to be counted", lambda: sum(counted().values()) >= len(captures))
    counts = counted()
    assert sum(counts.values()) == len(captures)
    for body in captures:
        alert = expected(body)
        fields = alert.output_fields
        labels = {
            "hostname": alert.hostname,
            "k8s_ns_name": fields.get("k8s.ns.name", ""),
            "k8s_pod_name": fields.get("k8s.pod.name", ""),
            "priority": str(alert.priority),
            "rule": alert.rule,
            "source": alert.source,
            "tags": f",{','.join(alert.tags)},",
        }
        # Prometheus' text form escapes as JSON does.
        name = ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels.items())
        assert counts[f"falco_events{{{name}}}"] >= 1
    gateway.stop()
    assert exporter.line() == "stream closed"
    assert exporter.exit_code() == 0


def test_event_generator_finds_what_has_happened_before_it_listens(gateway, run):
    retriever = run("falco-retriever", *over_socket(gateway), "-url", f"http://{gateway.http}/")
    assert [retriever.line() for _ in range(5)] == [f"Action {action}" for action in range(5)]
    assert retriever.exit_code() == 0


def by_socket(gateway):
    # Without any option: gRPC's C library sends the socket's path as the authority.
    return grpc.insecure_channel(f"unix://{gateway.socket}")


@pytest.fixture(params=[by_socket, lambda gateway: gateway.tls_channel()], ids=["socket", "tls"])
def channel(gateway, request):
    with request.param(gateway) as open_channel:
        yield open_channel


def asking(stop):
    """As client-py does: a request every 100 ms, for ever."""
    while not stop.wait(0.1):
        yield outputs_pb2.request()


def test_client_py_asks_for_ever(gateway, captures, channel):
    stop = threading.Event()
    stub = outputs_pb2_grpc.serviceStub(channel)
    responses = stub.sub(asking(stop), timeout=PATIENCE)
    gateway.post(*captures)
    for body in captures:
        assert next(responses) == expected(body)
    gateway.stop()
    assert list(responses) == [] and responses.code() == grpc.StatusCode.OK
    stop.set()


def test_a_plain_client_only_listens(gateway, captures, channel):
    responses = outputs_pb2_grpc.serviceStub(channel).sub(iter([]), timeout=PATIENCE)
    gateway.post(*captures)
    assert [next(responses) for _ in captures] == [expected(body) for body in captures]
    responses.cancel()


def test_get_and_version(gateway, captures, channel):
    stub = outputs_pb2_grpc.serviceStub(channel)
    gateway.post(*captures[:3])
    first = list(stub.get(outputs_pb2.request(), timeout=PATIENCE))
    assert first == [expected(body) for body in captures[:3]]
    assert list(stub.get(outputs_pb2.request(), timeout=PATIENCE)) == []
    version = version_pb2_grpc.serviceStub(channel).version(version_pb2.request(), timeout=PATIENCE)
    assert (version.major, version.minor) == (0, 43)


def test_a_client_that_knows_three_sources_gets_no_fourth(start_gateway):
    gateway = start_gateway("falco_outputs: {source_enum: false}\n")
    alert = '{"rule": "a", "priority": "Error", "time": "2026-11-25T10:00:00Z", "source": "aws_cloudtrail", "output_fields": {"a": 1}}'
    with gateway.channel() as channel:
        responses = outputs_pb2_grpc.serviceStub(channel).sub(iter([]), timeout=PATIENCE)
        gateway.post(alert)
        response = next(responses)
        assert (response.source, response.source_deprecated) == ("aws_cloudtrail", 0)
        responses.cancel()


def test_a_certificate_of_falcos_own_recipe_is_told_in_the_log(start_gateway):
    gateway = start_gateway()
    # The old authority's clients may come, if their certificates are good.
    (gateway.certs / "ca.crt").write_bytes(
        (gateway.certs / "ca.crt").read_bytes() + (CERTIFICATES_OF_OLD / "ca.crt").read_bytes()
    )
    gateway.stop()
    gateway.start()
    credentials = grpc.ssl_channel_credentials(
        (gateway.certs / "ca.crt").read_bytes(),
        *((CERTIFICATES_OF_OLD / name).read_bytes() for name in ("client.key", "client.crt")),
    )
    with grpc.secure_channel(gateway.tls, credentials) as channel:
        for _ in range(3):
            with pytest.raises(grpc.RpcError):
                list(outputs_pb2_grpc.serviceStub(channel).get(outputs_pb2.request(), timeout=5))
    told = gateway.wait_for_log("a client was turned away.*")
    assert "version 1" in told.group() and "falco-gateway certs" in told.group()
    assert gateway.log.read_text().count("turned away") == 1
