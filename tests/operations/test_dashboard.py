"""The dashboard, as far as it can be tried without Grafana, which no registry that this project uses has.

What Grafana would ask Prometheus is asked. The file itself goes through Grafana's own schema.
"""

import itertools
import json
import re
import time

import pytest
from conftest import ABSENT, DASHBOARD, JOB, metrics_in
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from waiting import until

BOARD = json.loads(DASHBOARD.read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
VARIABLES = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
ROWS = [
    "Overview",
    "Alerts of Falco by rule and priority",
    "Sources",
    "Log",
    "Subscriptions",
    "Bridges",
    "Streams",
]


def targets():
    """Each query with its panel, under a name for people."""
    row = None
    for panel in BOARD["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        for target in panel.get("targets", []):
            yield pytest.param(target, id=f"{row}: {panel['title']} {target['refId']}")


def filled(expression, prometheus):
    """The expression as Grafana sends it when all jobs and instances are chosen."""
    for name in ("job", "instance"):
        values = prometheus.ask(f"label/{name}/values", **{"match[]": "falco_gateway_build"})
        chosen = "|".join(re.escape(value).replace("\\", "\\\\") for value in values)
        expression = expression.replace(f"${name}", f"({chosen})")
    expression = expression.replace("$__rate_interval", "1m")
    assert "$" not in expression, "a variable that this test does not know"
    return expression


def answer(target, prometheus):
    expression = filled(target["expr"], prometheus)
    if target["instant"]:
        return prometheus.query(expression)
    now = time.time()
    return prometheus.ask("query_range", query=expression, start=now - 60, end=now, step=1)["result"]


@pytest.mark.parametrize("target", list(targets()))
def test_prometheus_has_data_for_every_query(target, prometheus):
    if metrics_in(target["expr"]) & ABSENT:
        assert answer(target, prometheus) == [], "it is there now: take it out of ABSENT"
        return
    until(f"data for {target['expr']}", lambda: answer(target, prometheus), 15)


def shown(title, prometheus):
    """The values of the first panel of that title."""
    panel = next(panel for panel in PANELS if panel["title"] == title)
    series = prometheus.query(filled(panel["targets"][0]["expr"], prometheus))
    return [float(it["value"][1]) for it in series]


def test_the_overview_shows_what_is_the_case(prometheus):
    assert shown("Gateways up", prometheus) == [1]
    assert shown("Log", prometheus) == [0]
    assert shown("Sources down", prometheus) == [0]
    assert shown("Bridges in trouble", prometheus) == [1]


def test_the_state_of_a_bridge_is_shown_in_words(prometheus):
    timelines = (panel for panel in PANELS if panel["type"] == "state-timeline")
    panel = next(panel for panel in timelines if "falco_gateway_bridge_state" in panel["targets"][0]["expr"])
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    series = prometheus.query(filled(panel["targets"][0]["expr"], prometheus))
    words = {it["metric"]["bridge"]: mapping["options"][it["value"][1]]["text"] for it in series}
    assert words == {"archive": "delivering", "siem": "retrying"}


def test_the_variables_offer_the_gateway(prometheus, gateway):
    offered = {}
    for name in ("job", "instance"):
        query = VARIABLES[name]["query"]["query"].replace("$job", JOB)
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
        offered[name] = prometheus.ask(f"label/{label}/values", **{"match[]": selector})
    assert offered == {"job": [JOB], "instance": [gateway.operations]}


def test_every_metric_is_documented(documented):
    for target in (target for panel in PANELS for target in panel["targets"]):
        assert metrics_in(target["expr"]) <= documented, target["expr"]


def test_every_documented_metric_is_shown(documented):
    shown = set().union(*(metrics_in(target["expr"]) for panel in PANELS for target in panel["targets"]))
    assert documented <= shown


def test_panels_have_ids_of_their_own_and_titles_and_texts():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in PANELS:
        assert panel["title"] and panel["description"], panel["id"]
    assert [panel["title"] for panel in BOARD["panels"] if panel["type"] == "row"] == ROWS


def test_panels_are_within_the_grid_and_do_not_overlap():
    places = [(panel["title"], panel["gridPos"]) for panel in BOARD["panels"]]
    for title, place in places:
        assert place["x"] >= 0 and place["w"] > 0 and place["h"] > 0 and place["x"] + place["w"] <= 24, title
    for (title, one), (other_title, other) in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, f"{title} and {other_title} overlap"


def test_every_query_goes_to_the_chosen_data_source():
    assert VARIABLES["datasource"]["type"] == "datasource" and VARIABLES["datasource"]["query"] == "prometheus"
    assert VARIABLES["job"]["datasource"] == VARIABLES["instance"]["datasource"] == DATASOURCE
    for panel in PANELS:
        assert panel["datasource"] == DATASOURCE, panel["title"]
        assert all(target["datasource"] == DATASOURCE for target in panel["targets"]), panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert references and len(references) == len(set(references)), panel["title"]


def test_every_query_is_of_the_chosen_gateways():
    for target in (target for panel in PANELS for target in panel["targets"]):
        selectors = re.findall(r"\b(?!ALERTS)\w+\{([^}]*)\}", target["expr"])
        assert all('job=~"$job", instance=~"$instance"' in selector for selector in selectors), target["expr"]
        assert metrics_in(target["expr"]) <= set(re.findall(r"(\w+)\{", target["expr"])), target["expr"]


def test_grafana_knows_every_key():
    """What its schema does not know is not there any more after it was read and written."""
    plugins.register_default_plugins()
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(BOARD)))
    assert differences(BOARD, again) == []


def differences(ours, theirs, path=""):
    """Where `theirs` has not what `ours` has; it may have more."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        inner = ((key, value, theirs.get(key)) for key, value in ours.items())
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        inner = ((index, *pair) for index, pair in enumerate(zip(ours, theirs)))
    else:
        return [] if ours == theirs else [f"{path}: {ours!r} became {theirs!r}"]
    return [it for key, one, other in inner for it in differences(one, other, f"{path}/{key}")]
