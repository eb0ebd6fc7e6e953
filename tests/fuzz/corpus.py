"""Writes what fuzzing begins with: what is kept in `seeds`, and what the fixtures and documents have."""

import base64
import json
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIXTURES = ROOT / "tests/fixtures"


def lines(name):
    for file in sorted(FIXTURES.glob(name)):
        yield from map(json.loads, file.read_text().splitlines())


def bodies():
    yield from (line["body"].encode() for line in lines("captures/http*.jsonl"))
    yield from (line["payload"].encode() for line in lines("samples/dev.jsonl"))
    yield from (file.read_bytes() for file in sorted(FIXTURES.glob("samples/raw/*.txt")))


def fenced(language):
    for file in sorted(ROOT.glob("docs/*.md")):
        yield from re.findall(rf"^```{language}\n(.*?)^```", file.read_text(), re.M | re.S)


def filters():
    text = (ROOT / "docs/filter.md").read_text()
    yield from (line.encode() for block in re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S) for line in block.splitlines())
    yield from (span.encode() for span in re.findall(r"`([^`\n]+)`", text))


def corpora():
    documents = list(bodies())
    yield "normalize", documents
    yield "formats", documents[::4]
    yield "http_body", [bytes([kind, 63]) + body for kind in range(6) for body in documents[:40]]
    yield "lines", [b"\x80\0\0" + body for body in documents[:40]]
    yield "falco_grpc", (base64.b64decode(line["raw_b64"]) for line in lines("captures/*grpc*.jsonl"))
    yield "filter", [*filters(), *(b"proc.name = bash or fd.name exists\0" + body for body in documents[::8])]
    yield "config", (text.encode() for text in fenced("yaml"))


def main():
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(HERE / "seeds", target)
    for name, inputs in corpora():
        folder = target / name
        folder.mkdir(exist_ok=True)
        for index, content in enumerate(dict.fromkeys(inputs)):
            (folder / f"{index:04}").write_bytes(content)


main()
