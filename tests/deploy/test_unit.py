"""The systemd unit, as systemd's own tools see it."""

import re
import shutil
import subprocess

import pytest
import yaml
from conftest import BINARY, ROOT, check_config, deadlines

FOLDER = ROOT / "deploy/systemd"
UNIT = FOLDER / "falco-gateway.service"

# In tenths: what is left is that it uses the network and may give its sockets to groups.
EXPOSURE = 20

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="SYSTEMD-ANALYZE IS MISSING: THE UNIT IS NOT VERIFIED"
)


def analyze(*arguments):
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def systemd_version():
    return int(re.search(r"systemd (\d+)", analyze("--version")[1]).group(1))


def setting(name):
    (value,) = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    return value


@pytest.fixture
def unit(tmp_path):
    """The unit with this build's program in the place of the installed one."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/usr/bin/falco-gateway", str(BINARY)))
    return copy


@needs_systemd
@pytest.mark.parametrize("drop_in", [None, "before-253.conf"])
def test_systemd_takes_it(unit, drop_in):
    if drop_in:
        folder = unit.with_name(f"{unit.name}.d")
        folder.mkdir()
        shutil.copy(FOLDER / drop_in, folder)
    code, told = analyze("verify", unit)
    # What the unit itself says that an older systemd says.
    known = "Failed to parse service type, ignoring: notify-reload"
    complaints = [line for line in told.splitlines() if not (systemd_version() < 253 and line.endswith(known))]
    assert (code, complaints) == (0, [])


@needs_systemd
def test_little_of_the_machine_is_open_to_it(unit):
    code, told = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", unit)
    print(told.splitlines()[-1])
    assert code == 0, told


def test_going_down_has_the_time_that_it_may_take():
    assert int(setting("TimeoutStopSec").removesuffix("s")) > deadlines()


def test_its_folder_is_that_of_the_configuration(tmp_path):
    text = (ROOT / "deploy/config.yaml").read_text()
    checked = check_config(text, tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert yaml.safe_load(text) == {"data_dir": f"/var/lib/{setting('StateDirectory')}"}


@needs_systemd
def test_its_user_is_made(tmp_path):
    users = (FOLDER / "falco-gateway.sysusers.conf").read_text()
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", "-"], input=users, text=True, check=True)
    (user,) = (tmp_path / "etc/passwd").read_text().splitlines()
    assert user.split(":")[0] == setting("User") == setting("Group")
