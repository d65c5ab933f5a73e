"""The page of `dsplet live` in Chromium: it reads what is drawn, filmed and given, with the native
engine's integers and cycles, at every speed, and asks nobody for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dsplet.data.normalise import Style, at_height
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import fixed_graph
from dsplet.train import shipped
from tests.dsplet.live.conftest import FILMED, Opened, Written, verdict
from tests.dsplet.live.paper import paper
from tests.dsplet.live.strokes import HANDS, Stroke
from tests.dsplet.live.strokes import written as strokes_of

pytestmark = pytest.mark.slow  # a browser, and networks compiled

MODELS = [row.model for row in shipped.shipped()]
DIGITS = [model for model in MODELS if model != "reader"]
DRAW = """strokes => {
  const { page } = dsplet, { pad } = page
  pad.clear()
  for (const stroke of strokes) {
    const at = stroke.map(([x, y]) => [x * pad.canvas.width, y * pad.canvas.width])
    for (let i = 1; i < at.length; i++) pad.line(at[i - 1], at[i])
  }
  page.look()
  return document.getElementById("answer").textContent
}"""


def drawn(page: Any, strokes: list[Stroke]) -> str:
    """What it reads of strokes, in parts of the pad's width."""
    return str(page.evaluate(DRAW, strokes))


def use(page: Any, model: str) -> None:
    page.locator(f"#networks input[value='{MODELS.index(model)}']").evaluate("e => e.click()")
    page.locator("#about", has_text="accumulates").wait_for()
    page.evaluate("i => dsplet.network(i).then(n => dsplet.page.use(n))", MODELS.index(model))


def test_its_integers_and_cycles_are_the_native_engines(opened: Opened, written: Written):
    page = opened()
    said, rows = verdict(page), written.report.networks
    integers = page.evaluate("dsplet.result.integers")
    samples = sum(row.samples for row in rows)
    assert integers >= 200 * len(DIGITS)  # 20 samples, 10 scores
    assert said == (f"self-test: {integers:,} integers, 0 differ; cycles of {samples} samples, 0 "
                    "differ")


def test_every_layer_is_what_the_reference_says(opened: Opened):
    """Of the first sample, by Graph.run; read out of the chip's memory in the page."""
    page = opened()
    for model in DIGITS:
        use(page, model)
        graph = fixed_graph(str(shipped.path(model)))
        read = graph.inputs[0]
        sample = page.evaluate("dsplet.page.network.facts.samples.images[0]")
        levels = page.evaluate("dsplet.page.network.facts.levels")
        q = np.array(levels)[sample].reshape(1, *read.shape)
        page.evaluate("""() => {
          const { network } = dsplet.page, levels = network.facts.samples.images[0]
          new dsplet.Run(network, network.integers({ data: levels }), { seen: true }).whole() }""")
        seen = page.evaluate("dsplet.page.network.layers.map(l => [l.facts.value, [...l.cells]])")
        wanted = targets.compile(lower(graph), targets.get("dsp32c-40")).values([q])
        assert len(seen) >= 5
        for name, cells in seen:
            assert np.array_equal(np.ravel(wanted[name]), cells), f"{model}: {name}"


@pytest.mark.parametrize("model", DIGITS)
def test_it_reads_drawn_digits(opened: Opened, model: str):
    page = opened()
    use(page, model)
    read = {hand: "".join(drawn(page, strokes_of(d, hand, 0.4, 0.06, 0.36)) for d in "0123456789")
            for hand in HANDS}
    assert sum(a == b for line in read.values() for a, b in zip(line, "0123456789", strict=True)
               ) >= 18, read
    for hand in HANDS:
        assert drawn(page, strokes_of("27043", hand, 0.04, 0.06, 0.2)) == "27043"


@pytest.mark.skipif("reader" not in MODELS, reason="no reader of lines comes with the package")
def test_it_reads_a_drawn_line(opened: Opened):
    page = opened()
    use(page, "reader")
    assert drawn(page, strokes_of("27043", "plain", 0.04, 0.03, 0.21)) == "27043"
    assert page.locator("u.path").count() == 31


def test_mouse_touch_and_keys_draw(opened: Opened):
    page = opened(has_touch=True)
    pad, answer = page.locator("#pad"), page.locator("#answer")
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 150, steps=4)
    page.mouse.up()
    answer.get_by_text("1", exact=True).wait_for()
    pad.press("Delete")
    answer.get_by_text("nothing to read yet").wait_for()
    pad.press("Space")
    for _ in range(20):
        pad.press("ArrowDown")
    pad.press("Space")
    answer.get_by_text("1", exact=True).wait_for()
    page.click("#clear")
    page.touchscreen.tap(box["x"] + 50, box["y"] + 50)
    page.locator("#found button").wait_for()


def test_slow_is_what_fast_is(opened: Opened):
    """At the chip's own speed, in pieces; by layers and by instructions; the same cells."""
    page = opened()
    cells = "dsplet.page.network.layers.map(l => [...l.cells])"
    known = "dsplet.page.network.layers.map(l => Math.max(...l.known) + Math.min(...l.known))"
    for model in ("zip1989", "row_rnn"):
        use(page, model)
        page.click("#sample")
        page.evaluate("dsplet.page.look()")
        fast, read = page.evaluate(cells), page.inner_text("#answer")
        page.locator("#pace input[value='10']").evaluate("e => e.click()")
        page.locator("#answer", has_text=read).wait_for(timeout=60_000)
        assert page.evaluate(cells) == fast
        page.locator("#pace input[value='1000']").evaluate("e => e.click()")
        page.click("#pause")
        parts = page.evaluate(known)
        assert parts[0] == 2 and parts[-1] == 0
        page.click("#next")
        page.click("#step")
        before = page.inner_text("#state")
        page.click("#step")
        assert "pc " in before and page.inner_text("#state") != before
        page.evaluate("while (!dsplet.page.run.done) dsplet.page.stepped('layer')")
        assert page.evaluate(cells) == fast and page.inner_text("#answer") == read
        page.click("#pause")
        page.locator("#pace input[value='0']").evaluate("e => e.click()")


def test_a_cell_tells_its_number_its_window_and_its_instructions(opened: Opened):
    page = opened()
    page.click("#sample")
    page.evaluate("dsplet.page.look()")
    page.locator(".layer canvas").nth(1).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    detail = page.inner_text("#detail")
    q = page.evaluate("dsplet.page.network.layers[1].cells[9]")
    assert "h1[0, 1, 1]" in detail and f"\n{q}\n" in detail and "sees 25 of input" in detail
    assert "a0 = a0 + *r" in detail
    assert page.locator("#detail td").count() == 25
    page.keyboard.press("Escape")
    assert "h1[" not in page.inner_text("#detail")


def test_a_camera(opened: Opened):
    page = opened(permissions=["camera"])
    page.click("#camera")
    page.locator("#answer", has_text=FILMED).wait_for()
    assert page.locator("#video").is_visible()
    page.click("#camera")
    assert not page.locator("#video").is_visible()


def test_pictures(opened: Opened, tmp_path: Path):
    """Dark on light, light on dark, and what is none."""
    page = opened()
    Image.fromarray(paper("58296")).save(tmp_path / "paper.png")
    Image.fromarray(paper("58296", ground=60, ink=210)).save(tmp_path / "board.png")
    (tmp_path / "none.png").write_text("no picture")
    for name in ("paper.png", "board.png"):
        page.set_input_files("#file", tmp_path / name)
        page.locator("#answer", has_text="58296").wait_for()
        page.click("#clear")
        page.locator("#answer", has_text="nothing").wait_for()
    page.set_input_files("#file", tmp_path / "none.png")
    page.locator("#told", has_text="Not a picture").wait_for()


def test_why_there_is_no_camera(opened: Opened):
    page = opened()
    page.click("#camera")
    page.locator("#told", has_text="No camera").wait_for()
    assert page.get_attribute("#camera", "aria-pressed") == "false"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_a_wall(opened: Opened, scheme: str):
    page = opened(color_scheme=scheme)
    for model in MODELS:
        use(page, model)
        page.click("#sample")
        page.evaluate("dsplet.page.look()")
        for width in (390, 1280, 1900):
            page.set_viewport_size({"width": width, "height": 844})
            for _ in range(50):  # layers are fitted a frame or so later
                if (wide := page.evaluate("document.documentElement.scrollWidth")) <= width:
                    break
                page.wait_for_timeout(100)
            assert wide <= width


def test_it_is_small_and_there_at_once(opened: Opened, written: Written):
    assert written.report.bytes == written.file.stat().st_size < 900_000
    ready, page = [], opened()
    for _ in range(5):
        ready.append(int(page.evaluate("document.documentElement.dataset.readyMs")))
        page.reload()
        page.locator("html[data-ready-ms]").wait_for()
    assert min(ready) < 500, ready


SET = """([given, style]) => given.map(([height, width, text]) => {
  const ink = { height, width, data: Uint8Array.from(text, c => c.charCodeAt(0)) }
  const set = style ? dsplet.normalised(ink, style) : dsplet.line(ink, [32, 400], 22)
  return set.squeezed ? null : String.fromCharCode(...set.data) })"""
"""A picture's bytes go there and back as a text: no list of a million numbers does so in time."""


def test_its_normaliser_is_ours(opened: Opened):
    """A thousand pictures of chance, each way of setting a digit, and lines: the same bits."""
    page, rng = opened(), np.random.default_rng(1989)
    sizes = rng.integers(1, 60, (1000, 2))
    drawings = [(rng.integers(0, 256, size) * (rng.random(size) < rng.random())).astype(np.uint8)
                for size in sizes]
    given = [[*map(int, ink.shape), ink.tobytes().decode("latin1")] for ink in drawings]
    for style in (Style((16, 16), 16, False), Style((28, 28), 20, True), Style((32, 32), 20, True)):
        seen = page.evaluate(SET, [given, vars(style)])
        assert [style(ink).tobytes() for ink in drawings] == [s.encode("latin1") for s in seen]
    compared = 0
    for ink, found in zip(drawings, page.evaluate(SET, [given, None]), strict=True):
        if found is not None:
            small, whole = at_height(ink, 22), np.zeros((32, 400), np.uint8)
            left = (400 - small.shape[1]) // 2
            whole[5:27, left:left + small.shape[1]] = small
            assert whole.tobytes() == found.encode("latin1")
            compared += 1
    assert compared > 900
