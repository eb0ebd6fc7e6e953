"""The page in a real browser, over a real gateway."""

import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from waiting import until

from story import many, story

# One browser is enough.
pytestmark = pytest.mark.xdist_group("browser")


def test_alerts_show_as_they_come(gateway, captures, page):
    gateway.post(*captures[:20])
    page.open(gateway)
    page.wait_until_held(20)
    first = json.loads(captures[19])
    until("the newest on top", lambda: page.rows[0][2] == first["rule"])
    gateway.post(captures[30])
    page.wait_until_held(21)
    until("the new one on top", lambda: page.rows[0][2] == json.loads(captures[30])["rule"])
    assert "Live" in page.browser.title
    # How bad it is, is not told by the colour alone.
    assert all(row[1] for row in page.rows)
    page.wait_for_text("#tops", "Top rules")
    page.wait_for_text("#panels", "http connected")
    page.wait_for_text("#panels", "page at the head")


def test_a_filter_narrows_and_is_in_the_address(gateway, captures, page):
    gateway.post(*captures)
    page.open(gateway)
    page.wait_until_held(len(captures))
    page.filter("priority >= error")
    page.wait_until_held(56)
    assert "filter=priority" in page.script("return location.hash")
    gateway.post(captures[0])
    page.filter("priority >= error and rule startswith Drop")
    page.wait_until_held(12)
    page.browser.back()
    page.wait_until_held(56)
    assert page.find("#filter").get_attribute("value") == "priority >= error"
    # As from a link that somebody was sent.
    page.open(gateway, "filter=rule+startswith+Drop")
    page.wait_until_held(12)
    page.find("#tops .top button").click()
    until("one rule", lambda: 'and rule = "Drop' in page.find("#filter").get_attribute("value"))


def test_more_of_the_past_is_asked_for(gateway, captures, page):
    gateway.post(*many(captures, 6_000, 500))
    page.open(gateway)
    page.wait_until_held(5_000)
    page.find("#from option[value='1h']").click()
    page.wait_until_held(6_000)
    assert "from=1h" in page.script("return location.hash")
    page.filter("priority >= critical")
    until("those that match", lambda: 0 < page.held < 1_000)
    page.open(gateway, "from=all")
    page.wait_until_held(6_000)


def test_a_bad_filter_says_what_and_where(gateway, captures, page):
    gateway.post(*captures)
    page.open(gateway)
    page.wait_until_held(len(captures))
    page.filter('rule != "ä" and priority >= eror', apply=False)
    page.wait_for_text("#filter-told", "eror")
    assert page.text("#filter-echo mark") == "eror"
    # In letters, though the gateway counts bytes.
    assert page.text("#filter-told .at") == "at 29"
    assert page.find("#filter").get_attribute("aria-invalid") == "true"
    # It is not applied; the list stays.
    page.find("#filter").send_keys(Keys.ENTER)
    page.wait_for_text("#filter-told", "eror")
    assert page.held == len(captures) and page.script("return location.hash") == ""
    page.find("#filter-told .mend").click()
    until("the filter mended", lambda: page.find("#filter").get_attribute("value").endswith(">= error"))
    page.find("#filter").send_keys(Keys.ENTER)
    page.wait_until_held(56)
    # One that somebody was sent.
    page.open(gateway, "filter=priority+%3E%3D", state="refused")
    page.wait_for_text("#filter-told", "expected a value")
    page.filter("proc.nam exists", apply=False)
    page.wait_for_text("#filter-told", "use proc.name")


def test_the_filter_is_completed(gateway, captures, page):
    gateway.post(*captures)
    page.open(gateway)
    page.wait_until_held(len(captures))
    box = page.filter("prio", apply=False)
    choices = lambda: [text.text.split("\n")[0] for text in page.all("#filter-choices li")]  # noqa: E731
    until("the field", lambda: choices() == ["priority"])
    box.send_keys(Keys.TAB)
    until("operators", lambda: {"=", ">=", "in"} <= set(choices()) and "contains" not in choices())
    box.send_keys(">= er")
    until("values", lambda: "error" in choices())
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    until("what joins", lambda: choices() == ["and", "or"])
    box.send_keys("and k8s.ns.name = sh")
    # Which there are is known from the alerts.
    until("a namespace", lambda: choices() == ["shop"])
    box.send_keys(Keys.TAB)
    assert box.get_attribute("value") == "priority >= error and k8s.ns.name = shop "
    box.send_keys(Keys.ESCAPE, Keys.ESCAPE)
    assert page.script("return document.activeElement.id") != "filter"


def test_an_alert_in_detail(gateway, captures, page):
    gateway.post(*captures)
    page.open(gateway)
    page.wait_until_held(len(captures))
    row = next(row for row in page.all(".row") if "Drop and execute" in row.text)
    row.click()
    page.wait_for_text("#detail-body", "Process tree")
    assert "Drop and execute new binary" in page.text("#detail-rule")
    assert page.text("#detail-level") == "critical"
    body = page.text("#detail-body")
    for part in ("proc.cmdline", "container.image.repository", "ATT&CK", "TA0003 Persistence", "Fields ("):
        assert part in body, part
    assert "alert=" in page.script("return location.hash")
    raw = json.loads(page.text("#detail-body .raw pre"))
    assert raw["priority"] == "PRIORITY_CRITICAL" and raw["output_fields"]["proc.name"]
    # The link is to that alert.
    link = page.browser.current_url
    page.browser.get("about:blank")
    page.browser.get(link)
    page.wait_for_text("#detail-rule", "Drop and execute")
    page.find("#detail-body .actions button").click()
    page.wait_until_held(12)
    assert page.find("#filter").get_attribute("value").startswith('rule = "Drop')


def test_what_is_lost_is_told(start_gateway, captures, page):
    gateway = start_gateway('log: {retention_bytes: 2MiB}\n')
    gateway.post(*captures[:10])
    page.open(gateway)
    page.wait_until_held(10)
    page.find("#pause").click()
    page.wait_for_state("paused")
    # More than it holds while it is paused: it waits in the log then, and retention takes that.
    gateway.post(*many(captures, 5_000, 1_000))
    page.wait_for_text("#state", "5000+ waiting")
    gateway.post(*many(captures, 10_000, 1_000))
    assert page.held == 10
    page.find("#pause").click()
    page.wait_for_state("live")
    told = until("a notice", lambda: notice(page))
    assert "missing here: the log's retention took them" in told
    lost = int(told.split()[0].replace(",", ""))
    assert lost > 1_000
    page.wait_until_held(15_010 - lost)
    page.shot("loss")


def notice(page):
    """The first that says what is missing; it is scrolled for."""
    return page.script(
        """const list = document.getElementById("list");
        const found = document.querySelector(".row.loss .text")?.textContent;
        if (!found) list.scrollTop = list.scrollTop + list.clientHeight > list.scrollHeight - 2 ? 0 : list.scrollTop + list.clientHeight;
        return found"""
    )


def test_it_goes_on_after_a_restart(gateway, captures, page):
    gateway.post(*captures[:100])
    page.open(gateway)
    page.wait_until_held(100)
    gateway.kill()
    page.wait_for_state("reconnecting")
    gateway.start()
    gateway.post(*captures[100:])
    page.wait_for_state("live")
    # None is missing, and none twice.
    page.wait_until_held(len(captures))
    gateway.stop()
    page.wait_for_state("reconnecting")
    until("why", lambda: "The gateway is going down, or restarts." in page.notes)
    gateway.start()
    page.wait_for_state("live")
    assert page.held == len(captures)


def test_pause_holds_still_and_says_what_waits(gateway, captures, page):
    gateway.post(*captures[:10])
    page.open(gateway)
    page.wait_until_held(10)
    page.keys(Keys.SPACE)
    page.wait_for_state("paused")
    gateway.post(*captures[10:15])
    page.wait_for_text("#state", "Paused, 5 waiting")
    assert page.held == 10
    page.keys("p")
    page.wait_until_held(15)
    page.wait_for_state("live")


def test_the_page_by_keys_alone(gateway, captures, page):
    gateway.post(*captures)
    page.open(gateway)
    page.wait_until_held(len(captures))
    page.keys("j", "j", "k")
    until("a row", lambda: page.script("return document.querySelector('.row[aria-selected=true]')?.ariaPosInSet") == "1")
    page.keys(Keys.ARROW_DOWN, Keys.ENTER)
    until("the alert", lambda: page.find("#detail").is_displayed())
    opened = page.text("#detail-rule")
    # What comes does not push away what somebody reads.
    gateway.post(*captures[:5])
    page.wait_until_held(len(captures) + 5)
    until("the same place", lambda: page.script("return document.querySelector('.row[aria-selected=true]')?.ariaPosInSet") == "7")
    assert page.find(".row[aria-selected=true]").is_displayed()
    page.wait_for_text("#to-top", "newer")
    page.keys("j")
    until("the next", lambda: page.text("#detail-rule") != opened)
    page.keys(Keys.ESCAPE)
    assert not page.find("#detail").is_displayed()
    page.keys("g")
    until("the top", lambda: page.script("return document.getElementById('list').scrollTop") == 0)
    page.keys("?")
    assert page.find("#help").is_displayed()
    page.keys(Keys.ESCAPE)
    page.keys("/")
    assert page.script("return document.activeElement.id") == "filter"


GRANTS = """
access:
  tokens: [{{name: ann, file: {file}}}, {{name: ben, file: {file}2}}]
  grants:
    - {{name: ann, to: ["token:ann"], may: [read], scope: priority >= error, redact: [proc.cmdline]}}
    - {{name: ben, to: ["token:ben"], may: [read, admin]}}
"""


def test_who_looks_sees_what_he_is_granted(start_gateway, captures, page, tmp_path):
    token = tmp_path / "token"
    token.write_text("the-token-of-ann-is-long\n")
    (tmp_path / "token2").write_text("the-token-of-ben-is-long\n")
    gateway = start_gateway(GRANTS.format(file=token))
    gateway.post(*captures)
    page.open(gateway, state="refused")
    until("the form", lambda: page.find("#token").is_displayed())
    page.find("#token-text").send_keys("a-token-that-nobody-has", Keys.ENTER)
    page.wait_for_text("#token-why", "token")
    until("the form again", lambda: page.find("#token").is_displayed())
    page.find("#token-text").send_keys("the-token-of-ann-is-long", Keys.ENTER)
    page.wait_for_state("live")
    page.wait_until_held(56)
    page.wait_for_text("#identity", "token:ann · grant ann · only priority >= error · without proc.cmdline")
    # Parts that are not for her say so.
    page.wait_for_text("#panels", "Not shown to you by your grant.")
    page.all(".row")[0].click()
    page.wait_for_text("#detail-body", "The line is not shown to you.")
    page.keys(Keys.ESCAPE)
    # Kept for this tab, and forgotten when that is said.
    page.browser.refresh()
    page.wait_until_held(56)
    assert page.script("return Object.keys(localStorage).length + document.cookie.length") == 0
    page.find("#token-open").click()
    page.find("#token-forget").click()
    page.wait_for_state("refused")
    page.wait_until_held(0)
    page.find("#token-text").send_keys("the-token-of-ben-is-long", Keys.ENTER)
    page.wait_until_held(len(captures))
    page.wait_for_text("#panels", "Bridges")


def test_fifty_thousand_alerts_do_not_stop_it(gateway, captures, page):
    page.open(gateway)
    page.script(
        """window.drawn = 0; window.longest = 0; let last = performance.now();
        requestAnimationFrame(function tick(now) { drawn++; longest = Math.max(longest, now - last); last = now; requestAnimationFrame(tick); })"""
    )
    total = 0
    for bodies in range(11):
        gateway.post(*many(captures, 5_000, 500, bodies))
        total += 5_000
        # It answers while they come.
        assert page.script("return document.querySelectorAll('.row').length") < 100
    until("all of them", lambda: "the newest 50," in page.text("#held"), patience=120)
    drawn, longest = page.script("return [window.drawn, window.longest]")
    print(f"drew {drawn} frames while {total} came; the longest took {longest:.0f} ms")
    assert drawn > 20
    until("what was let go", lambda: "let go of here" in page.text(".end"))
    assert page.script("return document.querySelectorAll('.row').length") < 100
    page.script("const list = document.getElementById('list'); list.scrollTop = list.scrollHeight / 2")
    until("rows in the middle", lambda: page.script("return document.querySelector('.row').ariaPosInSet") > "20000")
    page.keys("j", Keys.ENTER)
    page.wait_for_text("#detail-body", "Fields (")


def test_a_name_that_leads_here_shows_nothing(gateway, captures, page):
    gateway.post(*captures)
    port = gateway.operations.rsplit(":", 1)[1]
    page.browser.get(f"http://evil.example.com:{port}/")
    assert "operations.hosts" in page.find("body").text
    told = page.script_async(
        """const answer = await fetch("/falcogateway.v1.AlertService/ListAlerts",
            { method: "POST", headers: { "content-type": "application/grpc-web+proto" }, body: new Uint8Array(5) });
        return [answer.status, await answer.text()]"""
    )
    assert told[0] == 403 and "operations.hosts" in told[1]
    # That it does not trust such an origin much, the browser tells as well.
    page.browser.get_log("browser")


def test_pictures(gateway, captures, page):
    """For people to look at, in target/page."""
    gateway.post(*story(captures))
    page.open(gateway)
    page.wait_until_held(400)
    page.size(1440, 900)
    until("the overview", lambda: "connected" in page.text("#panels"))
    until("all drawn", lambda: page.all("#timeline .bar"))
    page.shot("light")
    row = next(row for row in page.all(".row") if "Drop and execute" in row.text)
    row.click()
    page.wait_for_text("#detail-body", "Process tree")
    page.shot("light-detail")
    page.media("dark")
    page.shot("dark-detail")
    page.keys(Keys.ESCAPE)
    page.filter("priority >= notice and k8s.ns.name = shop and proc.nam exists", apply=False)
    page.wait_for_text("#filter-told", "proc.name")
    page.keys(Keys.ESCAPE)
    page.shot("dark")
    page.filter("priority >= notce")
    page.wait_for_text("#filter-told", "notce")
    page.shot("dark-bad-filter")
    page.media("light")
    page.filter("priority >= notice")
    until("the filter", lambda: "filter" in page.script("return location.hash"))
    page.size(360, 760)
    until("narrow", lambda: page.script("return document.documentElement.scrollWidth") <= 360)
    page.shot("narrow")
    page.all(".row")[1].click()
    page.wait_for_text("#detail-body", "Fields (")
    page.shot("narrow-detail")
    page.keys(Keys.ESCAPE)
    page.find("#side-open").click()
    page.wait_for_text("#panels", "connected")
    page.shot("narrow-overview")
    page.size(1440, 900)
