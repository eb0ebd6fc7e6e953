"""OpenSearch, with the index template that is shipped."""

import json

import pytest
from conftest import BUILT, ROOT, ask, free_port
from waiting import until

INDEX = "logs-falco_gateway.alerts-default"


class OpenSearch:
    def __init__(self, receiver, folder, template=True):
        home = folder / "opensearch"
        home.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        built = BUILT / "opensearch"
        command = ["java", "-Xmx512m", "-cp", f"{built}/classes:{built}/lib/*", "receivers.OpenSearch", home, str(self.port)]
        self.process = receiver(command, lambda: ask(f"{self.url}/_cluster/health")[0] == 200)
        if template:
            body = (ROOT / "deploy/opensearch/index-template.json").read_bytes()
            status, answer = ask(f"{self.url}/_index_template/logs-falco_gateway.alerts", "PUT", body)
            assert status == 200, answer
        self.target = f'elasticsearch: {{url: "{self.url}"}}'

    def documents(self):
        """All of them, by id."""
        ask(f"{self.url}/{INDEX}/_refresh", "POST")
        query = {"size": 1000, "sort": ["@timestamp"], "track_total_hits": True}
        status, answer = ask(f"{self.url}/{INDEX}/_search", "POST", query)
        if status != 200:
            return {}
        return {hit["_id"]: hit["_source"] for hit in json.loads(answer)["hits"]["hits"]}

    def count(self, query):
        ask(f"{self.url}/{INDEX}/_refresh", "POST")
        status, answer = ask(f"{self.url}/{INDEX}/_count", "POST", {"query": query})
        assert status == 200, answer
        return json.loads(answer)["count"]


@pytest.fixture
def opensearch(receiver, tmp_path):
    return OpenSearch(receiver, tmp_path)


def test_every_alert_is_a_document_of_a_data_stream(opensearch, bridge, captures, rules):
    gateway = bridge(opensearch.target)
    gateway.post(*captures)
    counts = gateway.settled()
    assert gateway.dead_letters() == []
    assert counts == {"delivered": len(rules), "refused": 0, "lost": 0, "behind": 0}
    documents = opensearch.documents()
    assert sorted(it["rule"]["name"] for it in documents.values()) == sorted(rules)
    status, answer = ask(f"{opensearch.url}/_data_stream/{INDEX}")
    assert (status, json.loads(answer)["data_streams"][0]["name"]) == (200, INDEX)
    # The types are searched by.
    assert opensearch.count({"term": {"rule.name": rules[0]}}) == rules.count(rules[0])
    assert opensearch.count({"range": {"event.severity": {"gte": 73}}}) > 0
    names = [json.loads(body)["output_fields"].get("proc.name") for body in captures]
    name = next(it for it in names if it)
    assert opensearch.count({"term": {"falco.output_fields.proc.name": name}}) == names.count(name)


def test_a_kill_loses_nothing_and_repeats_nothing(opensearch, bridge, captures):
    gateway = bridge(opensearch.target, "  batch: {alerts: 10}\n")
    gateway.post(*captures[:100])
    opensearch.process.kill()
    gateway.post(*captures[100:])
    until("the bridge to notice", lambda: "retrying" in gateway.status()[0])
    gateway.kill()
    opensearch.process.start()
    gateway.start()
    gateway.settled()
    assert len(opensearch.documents()) == len(captures)


def test_fields_that_do_not_go_together_are_no_trouble(opensearch, bridge):
    """Elastic's own integration had to be mended for these."""
    gateway = bridge(opensearch.target)
    fields = [
        {"proc.exe_ino": 5},
        {"proc.exe_ino.ctime": 1762539427214632004},
        {"proc.exe_ino": "text"},
        {"proc.exe_ino": None, "proc.aname[2]": "x", "": "no name", "a..b": "dots", ".": "dot"},
        {"proc.cmdline": "x" * 100_000},
        {f"field.{number}": number for number in range(500)},
    ]
    for number, some in enumerate(fields):
        gateway.post(alert(f"r{number}", some))
    gateway.settled()
    assert gateway.dead_letters() == []
    assert len(opensearch.documents()) == len(fields)


def alert(rule, fields):
    return json.dumps(
        {
            "rule": rule,
            "priority": "Error",
            "time": "2026-11-25T10:00:00Z",
            "output": "text",
            "source": "syscall",
            "output_fields": fields,
        }
    )


def test_what_does_not_fit_the_mapping_is_a_dead_letter_and_stops_nothing(receiver, bridge, tmp_path):
    """Somebody's own mapping, in which a rule's name is a number."""
    opensearch = OpenSearch(receiver, tmp_path, template=False)
    mapping = {"mappings": {"properties": {"rule": {"properties": {"name": {"type": "long"}}}}}}
    status, answer = ask(f"{opensearch.url}/{INDEX}", "PUT", mapping)
    assert status == 200, answer
    gateway = bridge(opensearch.target)
    gateway.post(*(alert(rule, {"proc.pid": 1}) for rule in ("1", "two", "3")))
    counts = gateway.settled()
    assert (counts["delivered"], counts["refused"]) == (2, 1)
    (letter,) = gateway.dead_letters()
    assert letter["alert"]["rule"] == "two"
    assert "mapper_parsing_exception" in letter["answer"]


def test_a_server_that_is_read_only_is_waited_for(opensearch, bridge, captures):
    gateway = bridge(opensearch.target)
    gateway.post(captures[0])
    gateway.settled()
    block = {"index.blocks.read_only_allow_delete": True}
    status, answer = ask(f"{opensearch.url}/{INDEX}/_settings", "PUT", block)
    assert status == 200, answer
    gateway.post(*captures[1:5])
    line = until("trouble", lambda: it if "retrying" in (it := gateway.status()[0]) else None)
    assert "block" in line
    ask(f"{opensearch.url}/{INDEX}/_settings", "PUT", {"index.blocks.read_only_allow_delete": None})
    assert gateway.settled()["refused"] == 0
    assert len(opensearch.documents()) == 5


