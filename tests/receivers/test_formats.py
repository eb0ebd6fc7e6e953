"""Formats, read by others' parsers."""

import json

import pycef


def test_cef_is_what_another_parser_reads(bridge, tmp_path, captures):
    path = tmp_path / "alerts.cef"
    gateway = bridge(f"file: {{path: {path}, format: cef}}")
    gateway.post(*captures)
    gateway.settled()
    lines = path.read_text().splitlines()
    assert len(lines) == len(captures)
    severities = dict(zip(["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"],
                          [10, 9, 8, 7, 6, 4, 3, 0], strict=True))
    for line, body in zip(lines, captures, strict=True):
        alert = json.loads(body)
        event = pycef.parse(line)
        assert event["DeviceVendor"] == "Falco"
        assert event["Name"].replace("\\|", "|") == alert["rule"]
        assert int(event["Severity"]) == severities[alert["priority"]]
        assert event["dvchost"] == alert["hostname"]
        assert event["cat"] == alert["source"]
        assert event["externalId"]
