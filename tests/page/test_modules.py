"""The page's modules by themselves, in the browser that they are for."""

import json

import pytest

pytestmark = pytest.mark.xdist_group("browser")

CODEC = """
const { Codec } = await import("./page/protobuf.js");
const codec = new Codec(await (await fetch("page/schema.json")).json());
"""


@pytest.fixture
def opened(gateway, page):
    page.open(gateway)
    return page


def test_messages_are_read_as_they_were_written(opened):
    message = {
        "id": "a", "priority": "PRIORITY_EMERGENCY", "rule": "ä\U0001f980", "tags": ["x", ""],
        "event_time": {"seconds": 1795578456, "nanos": 886361000},
        "process": {"pid": -1, "vpid": 9007199254740991, "tty": "-9223372036854775808", "exe_writable": False,
                    "ancestors": [{"level": 1, "name": "sh"}, {"level": 4294967295}]},
        "output_fields": {"": {"string_value": ""}, "__proto__": {"bool_value": True}, "n": {"null_value": "NULL_VALUE"},
                          "u": {"uint64_value": "18446744073709551615"}, "d": {"double_value": 0.1},
                          "l": {"list_value": {"values": [{"int64_value": 1}, {"string_value": "b"}]}}},
    }
    again = opened.script_async(
        CODEC + """
        const type = "falcogateway.v1.Alert";
        const message = JSON.parse(arguments_[0]);
        return JSON.stringify(codec.decode(type, codec.encode(type, message)))""",
        json.dumps(message),
    )
    assert json.loads(again) == message


def test_bytes_of_others_are_read(opened):
    # Packed booleans; a field that is not known, of each form; an enum's value that is not.
    told = opened.script_async(
        CODEC + """
        const bytes = (...all) => Uint8Array.from(all.flat());
        const ascii = (text) => [...text].map((it) => it.charCodeAt(0));
        const unknown = [0xf8, 0x7f, 1, 0xf9, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 0xfa, 0x7f, 1, 0, 0xfd, 0x7f, 1, 2, 3, 4];
        return [
          codec.decode("falcogateway.v1.ValidateFilterResponse", bytes(8, 1, 0x32, 3, 1, 0, 1, unknown)),
          codec.decode("falcogateway.v1.Alert", bytes(0x0a, 2, ascii("ab"), 0x20, 99)),
          codec.decode("falcogateway.v1.StreamStatus", bytes(0x50, 0xff, 0xff, 0xff, 0xff, 0x0f)),
        ]"""
    )
    assert told == [{"valid": True, "matches": [True, False, True]}, {"id": "ab", "priority": 99}, {"lag": 4294967295}]


def test_what_is_cut_off_is_an_error(opened):
    told = opened.script_async(
        CODEC + """
        const whole = codec.encode("falcogateway.v1.Alert", { id: "abc", process: { name: "sh" } });
        let errors = 0;
        for (let end = 1; end < whole.length; end++) {
          try { codec.decode("falcogateway.v1.Alert", whole.subarray(0, end)); } catch (error) { errors += error instanceof RangeError; }
        }
        return [whole.length, errors]"""
    )
    # It is whole after its first field.
    assert told[1] == told[0] - 2


def test_of_a_report_only_elements_for_text_are_taken(opened):
    told = opened.script_async(
        """const { reportOf } = await import("./page/report.js");
        const place = document.createElement("div");
        place.append(reportOf(arguments_[0]));
        document.body.append(place);
        await new Promise((done) => setTimeout(done, 100));
        const html = place.innerHTML;
        place.remove();
        return [html, Boolean(window.hit)]""",
        """<section onclick="hit=1"><h2 class=x style="color:red">A &lt;b&gt;</h2><script>hit=1</script><img src=x onerror="hit=1">
        <p>one <a href="javascript:hit=1">bad</a> <a href="https://attack.mitre.org/T1" onclick="hit=1">good</a></p>
        <iframe srcdoc="<script>parent.hit=1</script>"></iframe><svg onload="hit=1"></svg><style>*{}</style><form><input></form></section>""",
    )
    # That the policy forbade even to read some of it, the browser has told.
    opened.browser.get_log("browser")
    html, was_hit = told
    assert not was_hit
    assert "<h2>A &lt;b&gt;</h2>" in html
    assert '<a href="https://attack.mitre.org/T1" rel="noreferrer" target="_blank">good</a>' in html
    assert "<a>bad</a>" in html
    for bad in ("script", "img", "iframe", "svg", "style", "onclick", "form", "class", "javascript"):
        assert bad not in html, bad


def test_a_value_is_quoted_as_the_filter_language_has_it(opened, captures):
    told = opened.script_async(
        """const { quoted, narrowed } = await import("./page/words.js");
        const values = ["bash", "Write below etc", 'a"b\\\\c', "and", "a\\nb", "ä", "", "(x)", "12", "a,b"];
        const { Client } = await import("./page/grpc.js");
        const client = new Client(await (await fetch("page/schema.json")).json(), () => ({}));
        const answers = [];
        for (const value of values) {
          const filter = narrowed("rule = a or rule = b", `field["k"] = ${quoted(value)}`);
          answers.push((await client.call("AlertService/ValidateFilter", { filter })).valid ?? false);
        }
        return answers"""
    )
    assert told == [True] * 10
