"""The report of an alert, of whatever gateway: this one answers in the browser."""

import json

import pytest
from waiting import until

pytestmark = pytest.mark.xdist_group("browser")

REPORT = """<section><h3>What happened</h3><p>A binary that is not of the image ran.</p>
<ul><li><a href="https://attack.mitre.org/tactics/TA0003/">TA0003</a> Persistence</li></ul>
<table><thead><tr><th>field</th><th>value</th></tr></thead><tbody><tr><td><code>proc.name</code></td><td>mount</td></tr></tbody></table>
<pre>mount /dev/x /mnt</pre></section>"""

# The method as docs have it, and an answer of it.
GATEWAY = """
const real = window.fetch, report = %s, v1 = "falcogateway.v1.";
const bytes = (text) => [...new TextEncoder().encode(text)];
const sized = (data) => [data.length & 127 | 128, data.length >> 7, ...data];
const frame = (flag, data) => [flag, 0, 0, data.length >> 8, data.length & 255, ...data];
window.fetch = async (url, options) => {
  if (String(url).endsWith("schema.json")) {
    const schema = await (await real(url, options)).json();
    const [request, answer, format] = [`${v1}GetAlertReportRequest`, `${v1}GetAlertReportResponse`, `${v1}ReportFormat`];
    schema.messages[request] = [[1, "id", "string", null], [2, "format", "enum", format]];
    schema.messages[answer] = [[1, "content", "string", null], [2, "media_type", "string", null]];
    schema.enums[format] = { 0: "REPORT_FORMAT_UNSPECIFIED", 2: "REPORT_FORMAT_HTML" };
    schema.methods[`/${v1}AlertService/GetAlertReport`] = [request, answer];
    return new Response(JSON.stringify(schema));
  }
  if (!String(url).endsWith("GetAlertReport")) return real(url, options);
  window.asked = [...options.body];
  const body = [...frame(0, [0x0a, ...sized(bytes(report))]), ...frame(0x80, bytes("grpc-status:0\\r\\n"))];
  return new Response(Uint8Array.from(body));
};
"""


@pytest.fixture
def reporting(page):
    source = GATEWAY % json.dumps(REPORT)
    told = page.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    yield page
    page.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", told)


def test_an_alert_shows_its_report(gateway, captures, reporting):
    page = reporting
    gateway.post(*captures)
    page.open(gateway)
    page.wait_until_held(len(captures))
    next(row for row in page.all(".row") if "Drop and execute" in row.text).click()
    until("the report", lambda: page.all("#report h3"))
    assert page.find("#report").is_displayed()
    assert page.text("#report h3") == "What happened"
    assert page.text("#report td code") == "proc.name"
    link = page.find("#report a")
    assert link.get_attribute("href").startswith("https://attack.mitre.org/")
    assert link.get_attribute("rel") == "noreferrer"
    # By its id, 32 letters, as HTML.
    asked = page.script("return window.asked")
    assert asked[5:7] == [0x0A, 32] and asked[-2:] == [0x10, 2]
    page.size(1440, 900)
    page.shot("report")
