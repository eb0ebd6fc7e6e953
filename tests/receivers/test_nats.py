"""NATS, with JetStream and without."""

import asyncio
import json

import nats
import pytest
from conftest import BUILT, free_port, listens
from waiting import until

CONFIG = """
listen: "127.0.0.1:{port}"
max_payload: 64KB
jetstream {{ store_dir: "{folder}", sync_interval: always }}
authorization {{ user: falco, password: "se:cret" }}
"""


class Nats:
    def __init__(self, receiver, folder):
        self.port = free_port()
        config = folder / "nats.conf"
        config.write_text(CONFIG.format(port=self.port, folder=folder / "jetstream"))
        self.process = receiver([BUILT / "nats-server", "-c", config], lambda: listens(self.port))
        self.url = f"nats://127.0.0.1:{self.port}"

    def target(self, more=""):
        return f'nats: {{url: "{self.url}", user: falco, password: "se:cret"{more}}}'

    def run(self, work):
        """Does `work` with a connection."""

        async def connected():
            client = await nats.connect(self.url, user="falco", password="se:cret", connect_timeout=10)
            try:
                return await work(client)
            finally:
                await client.close()

        return asyncio.run(connected())

    def make_stream(self):
        async def make(client):
            await client.jetstream().add_stream(name="falco", subjects=["falco.>"])

        self.run(make)

    def messages(self):
        async def read(client):
            stream = client.jetstream()
            last = (await stream.stream_info("falco")).state.last_seq
            return [await stream.get_msg("falco", seq) for seq in range(1, last + 1)]

        return self.run(read)


@pytest.fixture
def server(receiver, tmp_path):
    return Nats(receiver, tmp_path)


def test_every_alert_is_a_message_of_a_stream(server, bridge, captures, rules):
    server.make_stream()
    gateway = bridge(server.target())
    gateway.post(*captures)
    assert gateway.settled() == {"delivered": len(rules), "refused": 0, "lost": 0, "behind": 0}
    messages = server.messages()
    assert [json.loads(it.data)["rule"] for it in messages] == rules
    first, alert = messages[0], json.loads(captures[0])
    slug = "".join(it if it.isalnum() or it == "-" else "_" for it in alert["rule"].lower())
    assert first.subject == f"falco.{alert['priority'].lower()}.{slug}"


def test_a_kill_loses_nothing_and_repeats_nothing(server, bridge, captures):
    server.make_stream()
    gateway = bridge(server.target(), "  batch: {alerts: 10}\n")
    for part in range(3):
        gateway.post(*captures[part::3])
        server.process.kill()
        gateway.kill()
        server.process.start()
        gateway.start()
    gateway.settled()
    uuids = [json.loads(it.data)["uuid"] for it in server.messages()]
    assert len(uuids) == len(set(uuids)) == len(captures)


def test_without_a_stream_the_bridge_waits_and_says_so(server, bridge, captures):
    gateway = bridge(server.target())
    gateway.post(*captures[:3])
    line = until("trouble", lambda: it if "retrying" in (it := gateway.status()[0]) else None)
    assert "no stream of JetStream takes" in line
    server.make_stream()
    assert gateway.settled()["delivered"] == 3


def test_a_message_that_is_too_large_is_a_dead_letter(server, bridge, captures):
    server.make_stream()
    gateway = bridge(server.target(", format: json"))
    large = json.dumps(
        {
            "rule": "large",
            "priority": "Error",
            "time": "2026-11-25T10:00:00Z",
            "output": "x",
            "output_fields": {f"a.{number}": "x" * 30_000 for number in range(3)},
        }
    )
    gateway.post(captures[0], large, captures[1])
    counts = gateway.settled()
    refused = [it["alert"]["rule"] for it in gateway.dead_letters()]
    assert (counts["delivered"], counts["refused"], refused) == (2, 1, ["large"])


def test_who_listens_gets_every_alert_without_a_stream(server, bridge, captures, rules):
    gateway = bridge(server.target(', subject: "alerts.{source}", jetstream: false'))

    async def listen(client):
        got = []
        subscription = await client.subscribe("alerts.*")
        await client.flush()
        await asyncio.to_thread(gateway.post, *captures)
        while len(got) < len(rules):
            message = await subscription.next_msg(timeout=20)
            got.append(json.loads(message.data)["rule"])
        return got

    assert server.run(listen) == rules
    assert gateway.settled()["delivered"] == len(rules)


def test_a_wrong_password_is_told(server, bridge, captures):
    gateway = bridge(server.target().replace("se:cret", "wrong"))
    gateway.post(captures[0])
    line = until("trouble", lambda: it if "retrying" in (it := gateway.status()[0]) else None)
    assert "uthorization" in line
