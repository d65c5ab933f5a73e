"""The page of `dsplet live` in Firefox: the native engine's integers and cycles, digits read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.dsplet.live import firefox
from tests.dsplet.live.conftest import TESTED_MS, Written
from tests.dsplet.live.strokes import HANDS
from tests.dsplet.live.strokes import written as strokes_of
from tests.dsplet.live.test_page import DRAW

DIGITS = "0123456789"
pytestmark = pytest.mark.slow  # a browser, and networks compiled


def said(browser: firefox.Firefox) -> str:
    """By the page's self-test, when it has ended."""
    end = time.monotonic() + TESTED_MS / 1000
    while time.monotonic() < end:
        text = str(browser.run("return document.getElementById('selftest').innerText"))
        if "integers" in text:
            return text
        time.sleep(0.2)
    raise TimeoutError("the self-test does not end")


def test_it_reads_what_is_drawn_with_the_native_engines_integers(written: Written, tmp_path: Path):
    path = firefox.found()
    if path is None:
        pytest.skip("there is no Firefox: apt-get install firefox-esr")
    with firefox.started(path, tmp_path) as browser:
        browser("Navigate", url=written.file.as_uri())
        assert "0 differ; cycles of 100 samples, 0 differ" in said(browser)
        read = {hand: "".join(browser.run(f"return ({DRAW})(arguments[0])", strokes_of(
            digit, hand, 0.4, 0.06, 0.36)) for digit in DIGITS) for hand in HANDS}
    right = sum(a == b for text in read.values() for a, b in zip(text, DIGITS, strict=True))
    assert right >= 18, read
