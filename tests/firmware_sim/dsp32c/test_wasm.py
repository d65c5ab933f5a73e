"""engine.wasm: what its sources make, kept safely, and the same engine in wasmtime and Chromium."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import chromium
from bench.networks import network
from dsplet.base.library import cache_folder
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.sim import build, native, wasm
from dsplet.firmware_sim.dsp32c.sim.doors import DOORS
from dsplet.firmware_sim.dsp32c.sim.engine import Engine, fastest
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import load, quantize
from tests.firmware_sim.dsp32c import networks
from tests.firmware_sim.dsp32c.images import compile_program
from tests.firmware_sim.dsp32c.seen import state

ROOT = Path(__file__).parents[3]
BOARD = targets.get("dsp32c-40", "1991")


def test_it_is_of_the_sources_as_they_are():
    assert wasm.WASM.read_bytes().endswith(build.section()), "make wasm"


def test_its_compiler_is_pinned_and_packages_have_it():
    assert f"ziglang=={build.ZIG}" in (ROOT / "constraints.txt").read_text().split()
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "*.wasm" in told["tool"]["setuptools"]["package-data"]["*"]


def test_it_asks_for_nothing_and_has_the_doors():
    wasmtime = pytest.importorskip("wasmtime")
    module = wasmtime.Module(wasmtime.Engine(), wasm.WASM.read_bytes())
    assert not list(module.imports)
    letters = {"i32": "w", "f64": "d"}
    exports = {e.name: e.type for e in module.exports}
    for name, types in {**DOORS, "chip_room": wasm.ROOM}.items():
        found = exports.pop(name)
        assert [" ".join("".join(letters[str(t)] for t in some)
                         for some in (found.results, found.params))] == [types.replace("p", "w")]
    assert not [name for name in exports if name.startswith("chip_")]


def test_the_readme_tells_of_every_door():
    text = wasm.WASM.with_name("README.md").read_text()
    assert not [name for name in DOORS if f"`{name}`" not in text]


def run_alone(target: Any) -> tuple:
    """A small network on a new instance of the module as it is found now."""
    net = networks.tiny()
    image = compile_program(lower(net.graph()), target)
    chip = Engine(target, doors=wasm.Instance())
    return tuple(Simulator(image, chip)(net.samples(2)).cycles), state(chip)


@pytest.fixture
def fresh(monkeypatch, tmp_path) -> Iterator[Path]:
    """The folder of an empty cache."""
    pytest.importorskip("wasmtime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(wasm, "_module", wasm._module.__wrapped__)
    yield cache_folder()


def test_what_was_compiled_is_kept_and_never_believed(fresh):
    first = run_alone(BOARD)
    (kept,) = fresh.glob("engine-wasm-*.cwasm")
    whole, written = kept.read_bytes(), kept.stat().st_ino
    assert run_alone(BOARD) == first and kept.stat().st_ino == written
    kept.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert run_alone(BOARD) == first and kept.read_bytes() == whole
    fresh.chmod(0o777)
    kept.write_bytes(b"")
    assert run_alone(BOARD) == first and kept.read_bytes() == b""
    assert "others can write there" in wasm.Instance().unkept


def test_without_a_compiler_it_is_wasmtime(fresh, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(native, "doors", native.doors.__wrapped__)
    chip, word = fastest(BOARD)
    assert isinstance(chip, Engine) and isinstance(chip._doors, wasm.Instance)
    assert word == ("the engine runs as WebAssembly, at two thirds of its speed: there is no C "
                    "compiler 'no-such-compiler' on the PATH: install one (Debian: apt-get "
                    "install gcc) or name yours in $CC")


def test_memory_outlives_its_engine():
    pytest.importorskip("wasmtime")
    memory = Engine(BOARD, doors=wasm.Instance()).memory
    other = Engine(BOARD, doors=wasm.Instance())
    memory[:] = 7
    assert not other.memory.any() and memory[-1] == 7


# ---------------------------------------------------------------- Chromium


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    if lack := chromium.found():
        pytest.skip(lack)
    with chromium.page() as made:
        yield made


def zoo(name: str) -> tuple[Image, np.ndarray]:
    path, x = network(name)
    graph = quantize(from_onnx.load(path), x[:16], load("nearest"))
    return compile_program(lower(graph), BOARD), graph.inputs[0].format.quantize(x[:2])


def small(name: str) -> tuple[Image, np.ndarray]:
    made = getattr(networks, name)()
    return compile_program(lower(made.graph()), BOARD), made.samples(2)


@pytest.mark.slow
@pytest.mark.parametrize("made, name", [(small, "tiny"), (small, "zip_like"), (zoo, "lenet5"),
                                        (zoo, "row_rnn")])
def test_the_page_is_the_chip(page, made, name):
    image, q = made(name)
    chip = Engine(image.target)
    Simulator(image, chip)
    chromium.load(page, image)
    for x, piece in zip(q, (977, 1e9), strict=True):
        seen = chromium.run(page, image, x, piece=piece)
        for port in image.inputs:
            words = port.encode(x[None]).astype("<u4").view(np.uint8)[0]
            chip.memory[port.address:port.address + len(words)] = words
        chip.reset(image.entry)
        profile = chip.run(image.halt, 1_000_000_000)
        assert (seen["status"], seen["states"], seen["pc"]) == (0, profile.states, chip.pc)
        assert seen["a"] == chip.a and seen["dauc"] == chip.dauc
        assert [seen["registers"][code] for code in (1, 14, 17, 21, 24, 29, 30)] == [
            chip.register(name) for name in ("r1", "r14", "r15", "r19", "r20", "r22", "pcsh")]
        assert [seen["flags"], seen["dau_flags"]] == [
            sum(8 >> k for k, letter in enumerate(flags) if letter != "-")
            for flags in (chip.flags, chip.dflags)]
        rows = np.array(seen["counters"]).reshape(-1, 4).astype(int)
        assert {a: c for a, c, *_ in rows.tolist()} == profile.count
        assert {a: s for a, _, s, _ in rows.tolist() if s} == profile.stalls["bank"]
        assert {a: s for a, _, _, s in rows.tolist() if s} == profile.stalls["wait"]
        for region, content in zip(image.target.regions, seen["memory"], strict=True):
            assert content == chip.memory[region.start:region.end].tobytes()
    _, states = chromium.batch(page, image, q)
    assert np.array_equal(states, 4 * Simulator(image, chip)(q).cycles)
