"""The container image, as far as it can be looked at without a container runtime."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import BINARY, ROOT, Rendered, cargo

FILE = ROOT / "deploy/container/Containerfile"
TEXT = FILE.read_text()

# What distroless's cc image has, by the names of glibc's and gcc's libraries.
LIBRARIES = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1"}


def test_the_linter_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    linted = subprocess.run([hadolint, FILE], capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_the_final_image_has_the_libraries_of_the_gateway():
    assert shutil.which("ldd")
    linked = subprocess.run(["ldd", BINARY], check=True, capture_output=True, text=True).stdout
    needed = set(re.findall(r"^\s*(\S+) =>", linked, re.MULTILINE))
    assert needed <= LIBRARIES


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
