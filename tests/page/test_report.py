"""The report of an alert, in its detail."""

import pytest
from waiting import until

pytestmark = pytest.mark.xdist_group("browser")


def test_an_alert_shows_its_report(gateway, captures, page):
    gateway.post(*captures)
    page.open(gateway)
    page.wait_until_held(len(captures))
    next(row for row in page.all(".row") if "Drop and execute" in row.text).click()
    until("the report", lambda: page.all("#report h3"))
    assert page.find("#report").is_displayed()
    titles = [title.text for title in page.all("#report h2")]
    assert titles[:3] == ["Summary", "Analysis", "Related alerts"] and "Tuning" in titles
    report = page.text("#report")
    for part in ("What the rule looks for", "upper layer of the container's overlay", "same container", "exceptions: append"):
        assert part in report, part
    link = page.find("#report a")
    assert link.get_attribute("href").startswith("https://attack.mitre.org/")
    assert link.get_attribute("rel") == "noreferrer"
    page.size(1440, 900)
    page.script("document.querySelector('#report').scrollIntoView()")
    page.shot("report")
    page.script("document.querySelectorAll('#report h2')[2].scrollIntoView()")
    page.shot("report-related")
    page.size(390, 844)
    page.shot("narrow-report")
