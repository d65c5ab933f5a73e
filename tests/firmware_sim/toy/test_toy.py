"""A second kind of processor goes the whole way, and no file outside this folder knows of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from dsplet.base.errors import UserError
from dsplet.base.rows import to_dict
from dsplet.cli import cli
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import DoesNotFit, NotOffered, UnknownTarget
from dsplet.firmware_sim.budget import Budget, budget_cycles
from dsplet.firmware_sim.datasheets import datasheets
from dsplet.firmware_sim.optimize import external_bytes
from dsplet.firmware_sim.report import simulation
from dsplet.firmware_sim.sensitivity import error_bar
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.qdq import to_qdq
from tests.each import each
from tests.firmware_sim.dsp32c.networks import lenet_like, lenet_small, tiny, zip_like
from tests.firmware_sim.toy.backend import Toy
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.samples import samples


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(targets.BACKENDS, "toy", Toy)
    return targets.get("toy-8")


@each("graph", GRAPHS)
def test_the_toy_closes_the_square(graph, toy):
    """Bit for bit the reference's integers, and the cycles of the worst case: nothing branches."""
    xs = samples(graph, 5)
    compiled = targets.compile(lowered(graph), toy)
    run, values = compiled.simulate(xs), graph.run(*xs)
    for v, y in zip(graph.outputs, run.outputs, strict=True):
        assert y.shape == values[v.name].shape and np.array_equal(y, values[v.name])
    assert set(run.cycles) == {compiled.worst_case().cycles}
    assert sum(b.cycles for b in run.bills) == pytest.approx(run.cycles[0])


def test_cycles_by_hand(toy):
    """tiny's four dense outputs, 18 products each: 3 cycles a product, and what addresses it."""
    graph = tiny().graph()
    run = targets.compile(lower(graph), toy).simulate([tiny().samples(1)])
    dense = next(b for b in run.bills if b.section.op == "Gemm")
    indices = 4 * (18 * (1 + 2) + 4)  # of x, of w by row and column; bias, half, shift, store
    assert dense.spent["mac"] == 3 * (4 * 18 + indices)
    assert dense.section.macs == 4 * 18


@pytest.mark.parametrize("stack", [tiny, lenet_small, *(
    pytest.param(stack, marks=pytest.mark.slow) for stack in (zip_like, lenet_like))])
def test_goals_on_the_toy(stack, toy):
    """Fusing saves memory outside; the bits stay."""
    graph, x = stack().graph(), stack().samples(1)
    fast, small, both = (targets.compile(lower(graph), toy, goal)
                         for goal in ("time", "memory", "balanced"))
    for compiled in (fast, small, both):
        assert np.array_equal(compiled.simulate([x]).outputs[0],
                              graph.run(x)[graph.outputs[0].name])
        memory = compiled.memory()
        assert memory.ram_bytes + memory.read_only_bytes == sum(
            row.used_bytes for row in memory.by_region)
    assert external_bytes(small) <= external_bytes(both) <= external_bytes(fast)


def test_the_report_speaks_the_toys_language(toy):
    graph, x = zip_like().graph(), zip_like().samples(2)
    compiled = targets.compile(lower(graph), toy)
    run, worst = compiled.simulate([x]), compiled.worst_case().cycles
    wanted = [graph.run(x)[v.name] for v in graph.outputs]
    for allowed, met in ((worst, True), (worst - 1, False)):
        found = simulation(compiled, run, wanted, np.arange(2), None, {}, Budget("it", allowed))
        assert found.passed == found.budget[0].met == met
    assert found.latency_ms == pytest.approx(found.cycles / 8e3)  # 8 MHz, a cycle a period
    row = to_dict(found)["layers"][-1]
    assert {"mac", "memory", "other", "memory_wait_stall"} <= row.keys()
    assert sum(row[k] for k in ("mac", "memory", "other", "memory_wait_stall")) == row["cycles"]
    assert sum(i.percent for i in found.items) == pytest.approx(100)
    assert budget_cycles("1ms", toy) == 8000


def test_what_the_toy_lacks_is_said(toy):
    graph, x = tiny().graph(), tiny().samples(1)
    compiled = targets.compile(lower(graph), toy)
    for ask in (lambda: compiled.trace([x], 3), compiled.memory_map, lambda: error_bar(
            compiled, [x]), lambda: compiled.need("hot_lines"), lambda: compiled.stream(x),
            lambda: compiled.artefact("image", "tiny")):
        with pytest.raises(NotOffered, match="toy-8"):
            ask()
    with pytest.raises(UserError, match="one of none"):
        targets.assume(toy, "bank_busy=1")
    with pytest.raises(UnknownTarget, match="did you mean 'toy-8'"):
        targets.get("toy-9")
    with pytest.raises(DoesNotFit):
        targets.compile(lower(lenet_like().graph()), targets.get("toy-8", "small"))


def test_both_kinds_of_processor_are_listed():
    parts = {row.target for row in datasheets().parts}
    assert {"toy-8", "dsp32c-40"} <= parts


def test_the_commands_take_it(tmp_path):
    """simulate, emit and targets: the toy is named by an option, as any target."""
    graph = tiny().graph()
    to_qdq.save(graph, tmp_path / "tiny.q.onnx")
    np.savez(tmp_path / "x.npz", images=np.zeros((1, 6, 6), np.uint8))

    def run(*words):
        done = CliRunner().invoke(cli, [str(w) for w in words], standalone_mode=False)
        return done.output, done.exception
    target = ["--target", "toy-8", "--input-scale", "1/256", "--images", tmp_path / "x.npz"]
    text, error = run("simulate", tmp_path / "tiny.q.onnx", *target, "--json")
    assert error is None and json.loads(text)["target"] == "toy-8, board large"
    _, error = run("simulate", tmp_path / "tiny.q.onnx", *target, "--trace", 3)
    assert isinstance(error, NotOffered)
    assert "toy-8" in run("targets")[0]
