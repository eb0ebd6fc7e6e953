"""Every text can be read on its ground, in the light and in the dark: WCAG 2.2 AA."""

import re

import pytest
from gateway import ROOT

CSS = (ROOT / "src/web/page/page.css").read_text()
GROUNDS = ("ground", "surface", "sunken", "active", "hover")
TEXT, GRAPHIC = 4.5, 3


def colours(scheme):
    """The variables of a scheme; the dark one has the rest of the light one."""
    light, rest = CSS.split("@media", 1)
    dark = rest.split("[data-level", 1)[0]
    read = lambda text: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", text))  # noqa: E731
    return read(light) if scheme == "light" else {**read(light), **read(dark)}


def parts(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]


def mixed(colour, ground, share):
    return [a * share + b * (1 - share) for a, b in zip(colour, ground, strict=True)]


def contrast(one, other):
    def light(colour):
        linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
        return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme):
    colour = {name: parts(value) for name, value in colours(scheme).items()}
    pairs = [(text, colour[text], colour[ground], TEXT) for text in ("text", "quiet", "good", "warn", "bad") for ground in GROUNDS]
    pairs += [(tone, colour[tone], mixed(colour[tone], colour["surface"], 0.12), TEXT) for tone in ("good", "warn", "bad")]
    pairs += [(level, colour["on-level"], colour[level], TEXT) for level in ("emergency", "alert", "critical", "error")]
    pairs += [
        (level, colour[level], mixed(colour[level], colour[ground], 0.12), TEXT)
        for level in ("warning", "notice", "informational", "debug")
        for ground in ("surface", "active")
    ]
    pairs += [
        (f"bar-{level}", colour[f"bar-{level}"], colour["surface"], GRAPHIC)
        for level in ("error", "warning", "notice", "informational", "debug")
    ]
    pairs += [("accent", colour["on-accent"], colour["accent"], TEXT)]
    weak = [(name, round(contrast(one, other), 2)) for name, one, other, least in pairs if contrast(one, other) < least]
    assert weak == []
