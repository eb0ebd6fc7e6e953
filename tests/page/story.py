"""Alerts of a real Falco, at other times."""

import json
import random
from datetime import datetime, timedelta, timezone


def many(captures, number, in_a_body, seed=0):
    """So many of them, each another one, as bodies with several."""
    documents = [json.loads(body) for body in captures if body.startswith("{")]
    start = datetime(2026, 11, 26, tzinfo=timezone.utc) + timedelta(days=seed)
    bodies = []
    for begin in range(0, number, in_a_body):
        part = range(begin, min(number, begin + in_a_body))
        bodies.append(json.dumps([at(documents[place % len(documents)], start + timedelta(milliseconds=10 * place)) for place in part]))
    return bodies


def story(captures, minutes=30):
    """The last half hour of a small cluster, with a burst in it."""
    documents = [json.loads(body) for body in captures if body.startswith("{")]
    # Those of Falco's own rules; the others were made to be odd.
    documents = [it for it in documents if any(tag.startswith("maturity_") for tag in it.get("tags", []))]
    chance = random.Random(7)
    now = datetime.now(timezone.utc)
    quiet = [chance.uniform(0, minutes) for _ in range(260)]
    burst = [min(minutes, max(0, chance.gauss(11, 1.6))) for _ in range(140)]
    bad = [document for document in documents if document["priority"] in ("Error", "Critical", "Warning")]
    told = [(minute, chance.choice(documents)) for minute in quiet] + [(minute, chance.choice(bad)) for minute in burst]
    told.sort(key=lambda pair: -pair[0])
    hosts = ["node-a", "node-a", "node-b", "node-c"]
    alerts = (at({**document, "hostname": chance.choice(hosts)}, now - timedelta(minutes=minute)) for minute, document in told)
    return [json.dumps(alert) for alert in alerts]


def at(document, time):
    return {**document, "time": time.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")}
