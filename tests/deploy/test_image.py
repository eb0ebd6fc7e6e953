"""The container image, as far as it can be looked at without a container runtime."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import BINARY, ROOT, Rendered, cargo, check_config, page_values
from waiting import until

FILE = ROOT / "deploy/container/Containerfile"
TEXT = FILE.read_text()

# What distroless's cc image has, by the names of glibc's and gcc's libraries.
LIBRARIES = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1"}


def test_the_linter_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    linted = subprocess.run([hadolint, FILE], capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def linked():
    """The libraries of the gateway, and the loader."""
    told = subprocess.run(["ldd", BINARY], check=True, capture_output=True, text=True).stdout
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", told)]


def test_the_final_image_has_the_libraries_of_the_gateway():
    assert {path.name for path in linked() if not path.name.startswith("ld-linux")} <= LIBRARIES


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its root folder")
def test_it_needs_nothing_else_than_those(tmp_path):
    """The user and the files of the image, in a root folder that it cannot write to."""
    root, data = tmp_path / "root", tmp_path / "root/var/lib/falco-gateway"
    data.mkdir(parents=True)
    os.chown(data, 65532, 65532)
    config = "listen: ['127.0.0.1:0']\noperations: {listen: '127.0.0.1:0'}\nsources: []\n"
    for source in (BINARY, *linked()):
        target = root / ("falco-gateway" if source == BINARY else str(source).lstrip("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    (root / "config.yaml").write_text((ROOT / "deploy/config.yaml").read_text() + config)
    log = tmp_path / "log"
    command = ["chroot", "--userspec=65532:65532", root, "/falco-gateway", "serve", "--config", "/config.yaml"]
    process = subprocess.Popen(command, stderr=log.open("w"))
    try:

        def serves():
            assert process.poll() is None, log.read_text()
            return "showing metrics" in log.read_text()

        until("the gateway to serve", serves)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
    assert (data / "state.redb").stat().st_uid == 65532


def test_the_example_of_the_page_is_what_the_gateway_takes(tmp_path):
    checked = check_config(yaml.safe_dump(page_values("config.yaml")), tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_what_is_copied_is_there_and_let_through():
    let_through = set((FILE.with_name(f"{FILE.name}.dockerignore")).read_text().splitlines())
    for sources in re.findall(r"^COPY (?!--)(.+) \S+$", TEXT, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists()
            assert f"!{source}" in let_through


def test_it_is_built_with_the_rust_of_the_manifest():
    version = re.search(r"^FROM \S+/rust:(\d+\.\d+)\.\d+-slim-bookworm AS build$", TEXT, re.MULTILINE)
    assert version.group(1) == cargo("rust-version")


def test_the_chart_runs_it_as_the_user_and_on_the_ports_that_it_names():
    assert "USER 65532:65532\n" in TEXT
    rendered = Rendered({"plaintextGrpc": True})
    assert rendered.pod["securityContext"]["runAsUser"] == 65532
    exposed = set(map(int, re.search(r"^EXPOSE (.+)$", TEXT, re.MULTILINE).group(1).split()))
    assert {port["containerPort"] for port in rendered.container["ports"]} == exposed
    assert f'VOLUME ["{rendered.config["data_dir"]}"]' in TEXT
