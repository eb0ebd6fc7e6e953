"""A gateway for each test, and the messages of Falco's own API as any Python user would generate them."""

import sys
from pathlib import Path

import pytest
from grpc_tools import protoc

sys.path.insert(0, str(Path(__file__).parent))
from fixtures import captures, gateway, start_gateway  # noqa: E402, F401
from gateway import ROOT  # noqa: E402


def pytest_configure(config):
    generated = ROOT / "target/python/generated"
    sys.path.insert(0, str(generated))
    if hasattr(config, "workerinput"):
        return
    generated.mkdir(parents=True, exist_ok=True)
    protos = sorted(str(path) for path in (ROOT / "proto/falco").rglob("*.proto"))
    well_known = Path(protoc.__file__).parent / "_proto"
    options = [f"-I{ROOT / 'proto'}", f"-I{well_known}"]
    options += [f"--python_out={generated}", f"--grpc_python_out={generated}"]
    if protoc.main(["protoc", *options, *protos]) != 0:
        pytest.exit("failed to generate the client code from proto/", 1)
