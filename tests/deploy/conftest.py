"""The chart, rendered, and the repository's own facts that what is deployed must agree with."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "clients"))
from gateway import BINARY, ROOT  # noqa: E402

CHART = ROOT / "deploy/helm/falco-gateway"
HELM = ROOT / "target/tools/bin/helm"


def helm(command, *arguments, values=None, chart=CHART):
    """Helm's exit code and what it wrote, both streams apart."""
    done = subprocess.run(
        [HELM, command, *arguments, chart, "--values", "-"],
        input=yaml.safe_dump(values or {}),
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


class Rendered:
    """The manifests of a release."""

    def __init__(self, values=None, release="falco-gateway"):
        code, out, errors = helm("template", release, "--namespace", "falco", values=values)
        assert code == 0, errors
        self.documents = [it for it in yaml.safe_load_all(out) if it]

    def all(self, kind):
        return [it for it in self.documents if it["kind"] == kind]

    def one(self, kind):
        (found,) = self.all(kind)
        return found

    @property
    def workload(self):
        (found,) = self.all("StatefulSet") + self.all("DaemonSet")
        return found

    @property
    def pod(self):
        return self.workload["spec"]["template"]["spec"]

    @property
    def container(self):
        (found,) = self.pod["containers"]
        return found

    @property
    def config_text(self):
        return self.one("ConfigMap")["data"]["config.yaml"]

    @property
    def config(self):
        return yaml.safe_load(self.config_text)


def check_config(text, folder):
    """What `falco-gateway config check` says of it, which also reads the token that senders show."""
    token = folder / "token"
    token.write_text("word")
    file = folder / "config.yaml"
    file.write_text(text.replace("/run/secrets/falco-gateway/input/token", str(token)))
    return subprocess.run([BINARY, "config", "check", file], capture_output=True, text=True)


def page_values(name):
    """The example of docs/deploy.md that begins with the comment `# name`."""
    page = (ROOT / "docs/deploy.md").read_text()
    (block,) = re.findall(rf"```yaml\n# {re.escape(name)}\n(.*?)```", page, re.DOTALL)
    return yaml.safe_load(block)


def deadlines():
    """How many seconds the steps of going down may take together."""
    source = (ROOT / "src/gateway.rs").read_text()
    steps = re.findall(r"const \w+_DEADLINE: Duration = Duration::from_secs\((\d+)\)", source)
    assert len(steps) >= 6, "src/gateway.rs names its deadlines in another way"
    return sum(map(int, steps))


def cargo(key):
    """A key of Cargo.toml's package."""
    text = (ROOT / "Cargo.toml").read_text()
    return re.search(rf'^{key} = "(.+)"$', text, re.MULTILINE).group(1)


@pytest.fixture
def chart_copy(tmp_path):
    """The chart with its notes as a template like others, since only an installation shows them."""
    copy = tmp_path / "chart"
    shutil.copytree(CHART, copy)
    (copy / "templates/NOTES.txt").rename(copy / "templates/notes.yaml")
    return copy
