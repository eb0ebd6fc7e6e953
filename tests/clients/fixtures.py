"""Gateways and captured alerts for the tests of clients and of the page."""

import json

import pytest
from gateway import CAPTURES, Gateway


@pytest.fixture
def start_gateway(tmp_path):
    """Starts gateways with more in their configuration."""
    running = []

    def start(more=""):
        running.append(Gateway(tmp_path, more))
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()


@pytest.fixture
def gateway(start_gateway):
    return start_gateway()


@pytest.fixture(scope="session")
def captures():
    return [json.loads(line)["body"] for line in CAPTURES.read_text().splitlines()]
