"""The page in Chromium: at every width and in both schemes nothing is wider than the page, nothing
is cut off that matters, and it asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bench import chromium

pytestmark = pytest.mark.slow  # a browser

WIDTHS = (1280, 390)
LOOKED_AT = """() => {
  const whole = document.documentElement, wide = [], over = []
  for (const e of document.querySelectorAll("main *, header *")) {
    if (e.closest(".wide, .scrolls, .map, nav, details") || !e.getClientRects().length) continue
    const r = e.getBoundingClientRect()
    if (r.right > innerWidth + .5 || r.left < -.5) wide.push(e.outerHTML.slice(0, 90))
  }
  for (const row of document.querySelectorAll(".row")) {
    const [name, track, value] = [...row.children].map(e => e.getBoundingClientRect())
    if (value.left < name.right - .5 && value.top < name.bottom && value.bottom > name.top ||
        value.left < track.right - .5 && value.top < track.bottom - .5 &&
        value.bottom > track.top + .5) over.push(row.textContent)
  }
  const ink = getComputedStyle(document.body)
  return { scrolls: whole.scrollWidth - whole.clientWidth, wide, over,
           paper: ink.backgroundColor, ink: ink.color,
           rows: document.querySelectorAll(".row").length }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if lack := chromium.found():
        pytest.skip(lack)
    with chromium.started() as made:
        yield made


def light(colour: str) -> float:
    return sum(map(int, colour[4:-1].split(","))) / 765


@pytest.mark.parametrize("which", ["digits", "numbers"])
def test_it_fits(which: str, browser: Any, request: pytest.FixtureRequest):
    """It says nothing to the console and loads nothing but itself and its own pictures."""
    written, said, asked = request.getfixturevalue(which), [], []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    page.goto(written.file.as_uri())
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate(LOOKED_AT)
            assert (found["scrolls"], found["wide"], found["over"]) == (0, [], []), (width, scheme)
            assert found["rows"] > 10
            assert (light(found["paper"]) > light(found["ink"])) == (scheme == "light")
    page.close()
    assert not said and asked.count("file") == 1 and set(asked) <= {"file", "data"}
