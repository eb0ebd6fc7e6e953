"""A page in a real browser, which calls the gateway by gRPC-Web."""

import functools
import json
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from gateway import ROOT
from selenium import webdriver
from selenium.webdriver.common.by import By
from waiting import until

# One browser is enough.
pytestmark = pytest.mark.xdist_group("browser")

HERE = Path(__file__).parent
BUNDLE = ROOT / "target/clients/page.js"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def page_server(tmp_path):
    """Serves the page; its origin is another one than the gateway's."""
    folder = tmp_path / "page"
    folder.mkdir()
    shutil.copy(HERE / "page.html", folder)
    shutil.copy(BUNDLE, folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def open_page(browser, page_server):
    def open_(gateway, **query):
        query = urlencode({"gateway": f"http://{gateway.grpc}", **query})
        browser.get(f"{page_server}/page.html?{query}")

    return open_


@pytest.fixture
def gateway(start_gateway, page_server):
    return start_gateway(f'grpc_web: {{allowed_origins: ["{page_server}"]}}\n')


def texts(browser, kind):
    script = "return [...document.querySelectorAll(`li[data-kind=${arguments[0]}]`)].map(item => item.textContent)"
    return browser.execute_script(script, kind)


def wait_for(browser, kind, count=1):
    return until(f"{count} of {kind}", lambda: len(texts(browser, kind)) >= count and texts(browser, kind))


def test_a_page_follows_alerts_over_a_restart(gateway, captures, browser, open_page):
    gateway.post(*captures[:100])
    open_page(gateway)
    wait_for(browser, "alert", 100)
    wait_for(browser, "state", 2)
    gateway.post(*captures[100:150])
    wait_for(browser, "alert", 150)
    gateway.kill()
    wait_for(browser, "reconnecting")
    gateway.start()
    gateway.post(*captures[150:])
    got = wait_for(browser, "alert", len(captures))
    assert len(got) == len(set(got)) == len(captures)


def test_a_filter_and_what_is_wrong_with_one(gateway, captures, browser, open_page):
    gateway.post(*captures)
    open_page(gateway, filter="priority >= error")
    assert len(wait_for(browser, "alert", 56)) == 56
    open_page(gateway, filter="priority >=")
    error = json.loads(wait_for(browser, "error")[0])
    assert (error["code"], error["reason"]) == ("InvalidArgument", "FILTER_SYNTAX")


def test_single_answers(gateway, captures, browser, open_page):
    gateway.post(*captures)
    open_page(gateway, do="single", filter='rule contains "Drop"')
    assert len(wait_for(browser, "listed", 2)) == 2
    assert "Drop" in wait_for(browser, "got")[0]
    error = json.loads(wait_for(browser, "error")[0])
    assert (error["code"], error["reason"]) == ("NotFound", "ALERT_NOT_FOUND")


def test_alerts_are_pulled_and_acknowledged(gateway, captures, browser, open_page):
    gateway.post(*captures)
    open_page(gateway, do="pull")
    assert wait_for(browser, "lag") == ["0"]
    pulled = texts(browser, "pulled")
    assert len(pulled) == len(set(pulled)) == len(captures)
    # The acknowledgement of a consumer that is no more.
    error = json.loads(wait_for(browser, "error")[0])
    assert (error["code"], error["reason"]) == ("Aborted", "CONSUMER_SUPERSEDED")


def test_a_page_that_is_not_named_gets_nothing(start_gateway, captures, browser, open_page):
    gateway = start_gateway()
    gateway.post(*captures)
    open_page(gateway, do="single")
    wait_for(browser, "error")
    assert texts(browser, "listed") == []
