"""The square: every op, in every execution, gives the reference's integers.

An execution is one entry of `EXECUTIONS`: f(graph, *xs) -> one array (N, *shape) for each output.
"""

import shutil

import numpy as np
import pytest

from dsplet.export.c import host
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph, Node
from dsplet.quantize.fixed.program import run
from dsplet.quantize.qdq import to_qdq
from tests.each import each
from tests.quantize import onnx_nets as nets
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.samples import samples


def interpreter(graph: Graph, *xs: np.ndarray) -> list[np.ndarray]:
    program = lowered(graph)
    runs = [run(program, *sample) for sample in zip(*xs, strict=True)]
    return [np.stack(y) for y in zip(*runs, strict=True)]


def some_interpreted(graph: Graph, *xs: np.ndarray) -> list[np.ndarray]:
    """A corner and what drives a channel to its ends, or is random; the rest as they should be."""
    values = graph.run(*xs)
    ys = [values[v.name].copy() for v in graph.outputs]
    for y, found in zip(ys, interpreter(graph, *(x[3:6] for x in xs)), strict=True):
        y[3:6] = found
    return ys


def c(graph: Graph, *xs: np.ndarray) -> list[np.ndarray]:
    return _native(host.compile(lowered(graph)), xs)


def _native(compiled: host.Compiled, xs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    ys = compiled(*xs)
    return ys if isinstance(ys, list) else [ys]


def integer_onnx(graph: Graph, *xs: np.ndarray) -> list[np.ndarray]:
    return Executor(graph, threads=1)(*xs)


def dsp32c(graph: Graph, *xs: np.ndarray) -> list[np.ndarray]:
    return list(targets.compile(lowered(graph), targets.get("dsp32c-40")).simulate(xs).outputs)


def dsp32c_small(graph: Graph, *xs: np.ndarray) -> list[np.ndarray]:
    """The program that needs least memory."""
    compiled = targets.compile(lowered(graph), targets.get("dsp32c-40"), "memory")
    return list(compiled.simulate(xs).outputs)


def qdq(graph: Graph, *xs: np.ndarray) -> list[np.ndarray]:
    """Stock ONNX Runtime on the .q.onnx file: reals in, reals out, on the formats' grids."""
    session = nets.session(to_qdq.to_model(graph))
    feeds = {i.name: v.format.dequantize(x).astype(np.float32) for i, v, x in
             zip(session.get_inputs(), graph.inputs, xs, strict=True)}
    ys = [np.float64(y) * 2.0**v.format.frac for y, v in
          zip(session.run(None, feeds), graph.outputs, strict=True)]
    return [np.broadcast_to(y, (len(xs[0]), *y.shape[1:])) for y in ys]


EXECUTIONS = {f.__name__: f for f in (interpreter, integer_onnx, dsp32c, dsp32c_small, qdq)}
if shutil.which("cc"):
    EXECUTIONS["c"] = c


QUICK = (some_interpreted, integer_onnx, dsp32c, qdq)
SLOW = [f for f in EXECUTIONS.values() if f not in QUICK]


@pytest.mark.parametrize("execution", [
    *QUICK, *(pytest.param(f, marks=pytest.mark.slow) for f in SLOW)])
@each("graph", GRAPHS)
def test_execution_equals_reference(graph, execution):
    xs = samples(graph)
    values = graph.run(*xs)
    ys = execution(graph, *xs)
    for v, y in zip(graph.outputs, ys, strict=True):
        assert y.shape == values[v.name].shape
        assert np.count_nonzero(y != values[v.name]) == 0


def test_every_op_has_cases():
    used = [node.op for graph in GRAPHS for node in graph.nodes]
    few = {op: used.count(op) for op in Node.registry if used.count(op) < 2}
    assert not few, f"tests/quantize/fixed/cases.py holds fewer than two graphs with {few}"


def test_cases_do_not_only_saturate():
    """Outputs that are clipped everywhere would prove little of a requantize."""
    clipped = set()
    for graph in GRAPHS:
        y = graph.run(*samples(graph))[graph.outputs[0].name]
        for low, high in (n.limits for n in graph.nodes[-1:] if hasattr(n, "limits")):
            if high - low > 1 and not ((y > low) & (y < high)).any():
                clipped.add(graph.name)
    assert clipped <= {"requantize_left_far", "softmax_alone"}
