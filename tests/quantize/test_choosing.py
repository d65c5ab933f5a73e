"""Indices that are data: embeddings, arg-max, greedy decoding and back-tracking, from ONNX."""

import numpy as np
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.ptq.recipe import Recipe, quantize
from tests.quantize.choosing_nets import CHOOSING, INT64, feeds
from tests.quantize.fixed.test_square import EXECUTIONS
from tests.quantize.onnx_nets import model, node, random, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", CHOOSING)
def test_the_square_closes_and_the_choices_are_the_float_ones(name, tmp_path):
    m = CHOOSING[name]
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    graph = quantize(from_onnx.load(path), feeds(m, 60, 0), Recipe(activation_bits=12))
    x = feeds(m, 40, 1)
    q = [v.format.quantize(x[v.name]) for v in graph.inputs]
    wanted = graph.run(*q)[graph.outputs[0].name]
    for execution in EXECUTIONS.values():
        assert np.count_nonzero(execution(graph, *q)[0] != wanted) == 0, execution.__name__
    real, = run(m, x)
    found = graph.outputs[0].format.dequantize(wanted)
    if graph.outputs[0].format.frac:
        assert np.abs(found - real).max() < 0.05 * np.abs(real).max()
    else:
        assert (found == real).mean() > 0.95


REFUSED = {
    "other than float": model([node("Tanh", "x", "r"), node("Cast", "r", "i", to=INT64),
                               node("Gather", "t i", "y")], {"x": (2,)}, {"t": random("t", 3, 2)}),
    "GatherElements": model([node("Cast", "x", "i", to=INT64), node("Gather", "d i", "y", axis=1)],
                            {"x": (2,), "d": (5,)}),
    "axis 1 of a constant": model([node("Cast", "x", "i", to=INT64),
                                   node("Gather", "t i", "y", axis=1)],
                                  {"x": (2,)}, {"t": random("t", 3, 2)}),
    "from a list for each sample": model(
        [node("Cast", "x", "i", to=INT64), node("GatherElements", "d i", "y", axis=1)],
        {"x": (2, 2), "d": (5, 2)})}


@pytest.mark.parametrize("said", REFUSED)
def test_what_it_cannot_be_is_refused(said, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(REFUSED[said].SerializeToString())
    with pytest.raises(ModelError, match=said):
        from_onnx.load(path)
