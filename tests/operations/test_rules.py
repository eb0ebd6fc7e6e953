"""The rules of deploy/prometheus, as promtool and a Prometheus see them."""

import re
import subprocess

import yaml
from conftest import ABSENT, ROOT, RULE_TESTS, RULES, metrics_in
from waiting import until


def promtool(*arguments, **more):
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, **more)


def test_promtool_takes_the_rules():
    checked = promtool("check", "rules", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_rules_fire_when_they_should():
    tested = promtool("test", "rules", RULE_TESTS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_does_not(rules):
    fires, does_not = set(), set()
    for test in yaml.safe_load(RULE_TESTS.read_text())["tests"]:
        for case in test["promql_expr_test"]:
            (alert,) = re.findall(r'alertname="(\w+)"', case["expr"])
            (fires if case["exp_samples"] else does_not).add(alert)
    assert fires == does_not == set(rules)


def test_every_alert_says_what_is_wrong_and_what_to_do(rules):
    for name, rule in rules.items():
        assert set(rule["annotations"]) == {"summary", "description"}, name
        assert rule["labels"]["severity"] in ("warning", "critical"), name


def test_every_alert_is_explained(rules):
    explained = re.findall(r"^\| \[`(\w+)`\]\(#[\w-]+\) \| (\w+) \|", (ROOT / "docs/monitoring.md").read_text(), re.M)
    assert dict(explained) == {name: rule["labels"]["severity"] for name, rule in rules.items()}


def test_every_metric_of_the_rules_is_documented(rules, documented):
    for name, rule in rules.items():
        assert metrics_in(rule["expr"]) <= documented, name


def test_prometheus_loads_every_rule_without_an_error(prometheus, rules):
    def look():
        (group,) = prometheus.ask("rules")["groups"]
        return group["rules"] if all(rule["health"] != "unknown" for rule in group["rules"]) else None

    loaded = until("Prometheus to evaluate the rules", look)
    assert {rule["name"]: rule.get("lastError") for rule in loaded} == dict.fromkeys(rules)
    assert {rule["health"] for rule in loaded} == {"ok"}


def test_the_labels_that_the_texts_name_are_there(prometheus, rules):
    for name, rule in rules.items():
        told = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        known = {"instance"}
        for metric in metrics_in(rule["expr"]):
            known.update(*(series["metric"] for series in prometheus.query(metric)))
        assert told <= known, name


def test_a_refused_document_fires_its_alert_with_a_text(prometheus):
    def look():
        alerts = prometheus.ask("alerts")["alerts"]
        return next((it for it in alerts if it["labels"]["alertname"] == "FalcoGatewayDocumentsRejected"), None)

    alert = until("the alert", look)
    assert alert["state"] == "firing"
    summary = alert["annotations"]["summary"]
    assert re.fullmatch(r"Source http of 127\.0\.0\.1:\d+ sends what is refused as MISSING_PRIORITY", summary)


def as_classic_text(text):
    """OpenMetrics in Prometheus' older format, the only one that promtool checks.

    There a counter's HELP and TYPE have its whole name, with _total.
    """
    for counter in re.findall(r"^# TYPE (\S+) counter$", text, re.M):
        if re.search(rf"^{counter}_total\b", text, re.M):
            text = re.sub(rf"^# (HELP|TYPE) {counter} ", rf"# \1 {counter}_total ", text, flags=re.M)
    return re.sub(r"^(# TYPE \S+) unknown$", r"\1 untyped", text, flags=re.M)


def test_promtool_finds_nothing_wrong_with_the_metrics(metrics):
    checked = promtool("check", "metrics", input=as_classic_text(metrics))
    # falco-exporter named its counter without _total, and dashboards go by that name.
    found = [line for line in checked.stderr.splitlines() if not line.startswith("falco_events ")]
    assert found == [] and checked.returncode in (0, 3), checked.stderr


def test_prometheus_reads_the_metrics_without_an_error(prometheus):
    (target,) = prometheus.ask("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_what_is_documented_is_shown(metrics, documented):
    shown = {name for name in documented if re.search(rf"^{name}\b", metrics, re.M)}
    assert shown == documented - ABSENT
