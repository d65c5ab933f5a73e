"""Kernels with a sample a lane, compiled on this machine: the integers of every other execution."""

import ctypes
import os
import re
import shutil
import signal
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dsplet.base import library
from dsplet.base.library import NoCompiler
from dsplet.export.c.lanes import VECTORS
from dsplet.firmware_sim.lanes.compiler import FLAGS, vectors
from dsplet.firmware_sim.lanes.machine import Lanes
from dsplet.quantize.fixed import execute
from dsplet.quantize.fixed.execute import Executor, OnnxRuntime, quicker
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import gemm, graph, value, weight

GRAPH = {g.name: g for g in GRAPHS}
SQUARE = """conv_stride conv_of_several conv_depthwise conv_left_shift conv_mixed_shift
    conv_16_bit gemm_left_shift_beyond_a_word gemm_near_limit matmul_wide averagepool_3x2
    maxpool_2x2 mul_wide tanh_8 tanh_16 softmax_far13 logsoftmax_8 pad_pad two_in_two_out
    gemm_sum_long_bias lstm looks_back nested embedding gather_backwards argmax_5 patched_log
    div_coarse select_far resize_1d""".split()
OWN = ("run", "block", "threads", "load", "save", "load_int64", "load_float32", "some", "dots",
       "dots_int64", "dots_float32", "clamped", "totals", "GROUP", "BLOCK", "LOAD", "DOTS", "PAIR",
       "AHEAD", "TILE", "TILE_OF", "THREAD", "THREADS")
"""What every text defines besides its kernels."""
COUNT = 37
"""Samples: no whole number of blocks."""

compiles = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


def together(many: list[Lanes], folder) -> None:
    """Compiled in one run of the compiler, without waiting for its best."""
    prelude, texts = VECTORS.read_text(), []
    for i, one in enumerate(many):
        own = one.text.replace(prelude, "")
        names = [*OWN, *re.findall(r"^KERNEL void (\w+)", own, re.M)]
        texts += [*(f"#define {n} {n}_of_{i}" for n in names if n.islower()), own,
                  *(f"#undef {n}" for n in names)]
    (folder / "all.c").write_text("\n".join([
        f"#define LANES {vectors().lanes}", prelude, *texts]))
    flags = [f for f in vectors().flags if f != "-O3"]
    (folder / "all.so").write_bytes(library._made(
        [*library.compiler(), "-O1", *flags], folder / "all.c"))
    loaded = ctypes.CDLL(str(folder / "all.so"))
    for i, one in enumerate(many):
        run = loaded[f"run_of_{i}"]
        run.restype = None
        run.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_int64] * 2 + [ctypes.c_int]
        one.__dict__["_loaded"] = SimpleNamespace(run=run, block=loaded[f"block_of_{i}"],
                                                  threads=loaded[f"threads_of_{i}"])


@compiles
@pytest.mark.slow
def test_every_statement(tmp_path):
    """And every value of a network with loops, as what compares layers asks for."""
    lstm = GRAPH["lstm"]
    whole = replace(lstm, name="all", outputs=tuple({v.name: v for v in lstm.values()}.values()))
    few = graph("few", gemm("g", value("x", 70), weight("w", 13, 70)))
    graphs = [*(GRAPH[name] for name in SQUARE), whole, few]
    many = [Lanes(g) for g in graphs]
    together(many, tmp_path)
    for g, run in zip(graphs, many, strict=True):
        xs = samples(g, COUNT)
        wanted = g.run(*xs)
        for threads in (1, 2):
            for given in (xs, [x.astype(np.float32) for x in xs], [x.astype(np.int32) for x in xs]):
                for v, y in zip(g.outputs, run(*given, threads=threads), strict=True):
                    assert y.dtype == np.int64
                    same = np.broadcast_to(wanted[v.name], y.shape)
                    np.testing.assert_array_equal(y, same, f"{g.name}: {v.name}")


@compiles
def test_it_is_compiled_once_for_all_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    g = GRAPH["gemm"]
    layer = g.nodes[0]
    other = replace(g, nodes=(replace(layer, weight=replace(layer.weight, q=-layer.weight.q)),))
    first, again = Lanes(g), Lanes(other)
    assert not first.kept()
    first.prepare()
    monkeypatch.setattr(library, "_made", None)
    assert again.kept() and len(list(library.own_cache().iterdir())) == 1
    for one in (first, again):
        xs = samples(one.graph, COUNT)
        np.testing.assert_array_equal(one(*xs)[0], one.graph.run(*xs)[one.graph.outputs[0].name])
    beyond = [np.full((1, *v.shape), 1 << 30) for v in g.inputs]
    ends = [np.full((1, *v.shape), v.format.max) for v in g.inputs]
    np.testing.assert_array_equal(first(*beyond)[0], first(*ends)[0])  # never out of a table
    with pytest.raises(ValueError, match="has shape"):
        first(*(x[:, :1] for x in xs))
    assert first(*(x[:0] for x in xs))[0].shape == (0, *g.outputs[0].shape)


def test_a_processor_without_vectors_is_no_reason_to_fail(monkeypatch, tmp_path):
    """A compiler that knows neither of its "native" options nor OpenMP, and defines nothing."""
    other = tmp_path / "cc"
    other.write_text('#!/bin/sh\ncase "$*" in *native*|*openmp*) exit 1;; esac\n')
    other.chmod(0o755)
    monkeypatch.setenv("CC", str(other))
    found = vectors()
    assert (found.flags, found.lanes, found.registers) == (FLAGS, 4, 16)


@compiles
def test_a_process_that_was_forked_has_one_thread():
    """It would wait for the others for ever: they stayed behind."""
    g = GRAPH["select_far"]
    run, xs = Lanes(g), samples(g, 500)
    wanted = run(*xs, threads=2)[0]
    child = os.fork()
    if not child:
        os._exit(not np.array_equal(run(*xs, threads=2)[0], wanted))
    for _ in range(200):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("it waits")
    assert status == 0


class Counted:
    """A quicker way whose uses are counted; it gives what it is told."""

    def __init__(self, kept: bool, seconds: float, fails: bool = False) -> None:
        self.is_kept, self.seconds, self.fails = kept, seconds, fails
        self.prepared = self.asked = 0

    def kept(self) -> bool:
        return self.is_kept

    def prepare(self) -> None:
        self.prepared += 1
        if self.fails:
            raise NoCompiler("there is none")

    def __call__(self, *xs, threads):
        self.asked += len(xs[0])
        return [np.zeros((len(xs[0]), 5), np.int64)]


@pytest.fixture
def registered(monkeypatch):
    """The way that executors are offered, where everything takes its time."""
    monkeypatch.setattr(execute, "_quicker", [])
    monkeypatch.setattr(execute, "LOOK_SECONDS", 0.0)

    def register(way: Counted) -> Counted:
        quicker(lambda graph: way)
        return way
    return register


@pytest.mark.parametrize(("way", "prepared", "asked"), [
    (Counted(True, 1e9), 0, 96), (Counted(False, 1e9), 0, 0), (Counted(False, 0.0), 1, 96),
    (Counted(False, 0.0, fails=True), 1, 0)])
def test_what_is_quicker_is_used_where_it_pays(registered, way, prepared, asked):
    """From the second batch on: the first tells how long the rest would take."""
    registered(way)
    g = GRAPH["gemm"]
    xs = samples(g, 128)
    y, = Executor(g, threads=1)(*xs, batch=32)
    assert (way.prepared, way.asked) == (prepared, asked)
    np.testing.assert_array_equal(y[:32], g.run(*(x[:32] for x in xs))[g.outputs[0].name])


def test_without_a_compiler_onnx_runtime_does_it_all(registered, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    quicker(Lanes)
    g = GRAPH["gemm"]
    xs = samples(g, 128)
    with pytest.raises(NoCompiler):
        Lanes(g)
    for y in (Executor(g, threads=1)(*xs, batch=32)[0], OnnxRuntime(g, 1)(*xs)[0]):
        np.testing.assert_array_equal(y, g.run(*xs)[g.outputs[0].name])
