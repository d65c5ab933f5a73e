"""The engine in a browser: Chromium without a window, steered by playwright."""

from __future__ import annotations

import atexit
import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.sim.doors import assumed, wiring
from dsplet.firmware_sim.dsp32c.sim.wasm import WASM

NAMES = ("chromium", "chromium-browser", "google-chrome")
SCRIPT = """
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0))
const text = array => {
  let all = ""
  for (let i = 0; i < array.length; i += 8192)
    all += String.fromCharCode(...array.subarray(i, i + 8192))
  return btoa(all)
}

/* One chip with its program in memory. */
window.load = async given => {
  const { instance } = await WebAssembly.instantiate(bytes(given.wasm))
  const c = instance.exports
  const at = (place, size) => new Uint8Array(c.memory.buffer, place, size)
  const put = array => {
    const place = c.chip_room(array.length)
    at(place, array.length).set(array)
    return place
  }
  const base = c.chip_room(1 << 24)
  const [map, partition, waits, order] = given.wiring.map(array => put(bytes(array)))
  const chip = c.chip_new(base, map, partition)
  c.chip_assume(chip, ...given.assumed, waits, order)
  for (const [address, words] of given.segments) at(base + address, 1 << 20).set(bytes(words))
  window.engine = { c, chip, base, at, put, ...given }
}

/* One sample, in pieces of so many instructions; all that can be seen afterwards. */
window.run = (inputs, piece) => {
  const { c, chip, base, at, put, entry, halt } = window.engine
  for (const [address, words] of inputs) at(base + address, 1 << 20).set(bytes(words))
  c.chip_clear_counters(chip)
  c.chip_reset(chip, entry)
  let status = c.chip_run(chip, halt, piece, 1)
  while (status === 1) status = c.chip_continue(chip, halt, piece, 1)
  c.chip_drain(chip)
  const rows = c.chip_counters(chip, 0, 0), place = c.chip_room(32 * rows)
  c.chip_counters(chip, place, rows)
  const unsigned = n => n >>> 0
  return {
    status, states: c.chip_states(chip), pc: unsigned(c.chip_pc(chip)),
    registers: [...Array(32).keys()].map(k => unsigned(c.chip_register(chip, k))),
    a: [0, 1, 2, 3].map(k => c.chip_accumulator(chip, k)),
    flags: c.chip_flags(chip), dau_flags: c.chip_dau_flags(chip), dauc: c.chip_dauc(chip),
    counters: [...new Float64Array(c.memory.buffer, place, 4 * rows)],
    memory: window.engine.regions.map(([start, end]) => text(at(base + start, end - start))),
  }
}

/* Milliseconds of a batch, and its clock states. */
window.batch = (inputs, images, input_address, output_address, output_words) => {
  const { c, chip, put, entry, halt } = window.engine
  window.engine.given ??= put(bytes(inputs))
  window.engine.taken ??= c.chip_room(images * (4 * output_words + 8) + 4)
  const { given, taken } = window.engine, words = bytes(inputs).length / 4 / images
  const states = taken, outputs = taken + 8 * images, status = outputs + 4 * output_words * images
  const began = performance.now()
  const done = c.chip_batch(chip, entry, halt, 1e9, 1, input_address, given, words, output_address,
                            outputs, output_words, states, images, status)
  const ms = performance.now() - began
  return { ms, done, states: [...new Float64Array(c.memory.buffer, states, images)] }
}
"""


def found() -> str:
    """Why there is no browser to be had, "" where there is one."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "no playwright: pip install playwright"
    return "" if _path() else "no Chromium: apt-get install chromium"


def _path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@cache
def _driver() -> Any:
    """What steers browsers; a process can have one."""
    from playwright.sync_api import sync_playwright
    driver = sync_playwright().start()
    atexit.register(driver.stop)
    return driver


@contextmanager
def started(*flags: str) -> Iterator[Any]:
    """A browser. flags: of Chromium's command line."""
    browser = _driver().chromium.launch(executable_path=_path(), args=["--no-sandbox", *flags])
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def page() -> Iterator[Any]:
    """An empty page that knows `load`, `run` and `batch`."""
    with started() as browser:
        made = browser.new_page()
        made.add_script_tag(content=SCRIPT)
        yield made


def load(page: Any, image: Image) -> None:
    """An image on a chip of its own in the page."""
    target = image.target
    page.evaluate("given => window.load(given)", {
        "wasm": _text(np.frombuffer(WASM.read_bytes(), np.uint8)),
        "wiring": [_text(array) for array in wiring(target)],
        "assumed": list(assumed(target)),
        "segments": [[address, _text(words.astype("<u4"))] for address, words in image.segments],
        "regions": [[region.start, region.end] for region in target.regions],
        "entry": image.entry, "halt": image.halt})


def run(page: Any, image: Image, *sample: np.ndarray, piece: int) -> dict[str, Any]:
    """One sample (integers, without batch axis), in pieces of so many instructions: status, states,
    pc, registers by code, a, flags, dau_flags, dauc, counters (rows of four) and the bytes of each
    region of the target."""
    inputs = [[port.address, _text(port.encode(x[None]).astype("<u4"))]
              for port, x in zip(image.inputs, sample, strict=True)]
    seen = page.evaluate("given => window.run(...given)", [inputs, piece])
    seen["memory"] = [base64.b64decode(region) for region in seen["memory"]]
    return seen


def batch(page: Any, image: Image, x: np.ndarray) -> tuple[float, np.ndarray]:
    """(seconds, clock states) of one program over many inputs, integers (N, *shape)."""
    (given,), (taken,) = image.inputs, image.outputs
    seen = page.evaluate("given => window.batch(...given)", [
        _text(given.encode(x).astype("<u4")), len(x), given.address, taken.address, taken.words])
    assert seen["done"] == len(x)
    return seen["ms"] / 1000, np.array(seen["states"])


def _text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
