"""A gateway, and a browser that looks at its page."""

import shutil
import sys
from pathlib import Path

import pytest
from selenium import webdriver

sys.path.insert(0, str(Path(__file__).parents[1] / "clients"))
from fixtures import captures, gateway, start_gateway  # noqa: E402, F401
from gateway import ROOT  # noqa: E402
from looking import Page  # noqa: E402

SHOTS = ROOT / "target/page"

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-device-scale-factor=1"),
    # As a name server does whose owner would like to read somebody's alerts.
    "--host-resolver-rules=MAP evil.example.com 127.0.0.1",
)


@pytest.fixture(scope="session")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    SHOTS.mkdir(parents=True, exist_ok=True)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser):
    """The page, which in the end must have asked for nothing that its policy forbids."""
    browser.get_log("browser")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.set_window_size(1440, 900)
    page = Page(browser, SHOTS)
    yield page
    browser.get("about:blank")
    page.assert_nothing_was_forbidden()
