"""Shapes, products and states from ONNX to fixed point: close to the float network, and one set of
integers in every execution."""

import numpy as np
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.ptq.recipe import Recipe, quantize
from tests.quantize import layout_nets
from tests.quantize.fixed.test_square import EXECUTIONS
from tests.quantize.onnx_nets import model, node, random

pytestmark = pytest.mark.slow

PLAIN = Recipe(equalization=(), trial="none", rounding="nearest", bias="none")


def one_step():
    """An LSTM of 16 units over a sequence of one element, the last of which is taken."""
    units = 16
    return model(
        [node("Transpose", "x", "t", perm=[1, 0, 2]),
         node("LSTM", "t w u b", "ys", hidden_size=units), node("Squeeze", "ys one", "s"),
         node("Gather", "s last", "y")],
        {"x": (1, 3)},
        {"one": np.array([1]), "last": np.array(-1), "w": random("w", 1, 4 * units, 3) / 2,
         "u": random("u", 1, 4 * units, units) / 4, "b": random("b", 1, 8 * units) / 2})


NAMES = "heads", "matmul_one_for_all", "matmul_each_head", "einsum_heads", "tile"
NETS = {name: m for name, m in layout_nets.FIRST if name in NAMES} | {
    "gru_states": layout_nets.moved()["gru_states"][0], "one_step": one_step()}
QUICK = "heads", "matmul_one_for_all", "one_step"


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow)
                                  for n in NETS])
def test_close_to_the_float_network_and_equal_everywhere(name, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(NETS[name].SerializeToString())
    network = from_onnx.load(path)

    def samples(which: str, n: int) -> dict[str, np.ndarray]:
        return {v: np.clip(random(f"{which}{v}", n, *network.shapes[v]) / 2, -1, 1)
                for v in network.inputs}

    graph = quantize(network, samples("calibration", 20), PLAIN)
    x = samples("test", 4)
    real = FloatNetwork(path)(x)
    q = [v.format.quantize(x[v.name]) for v in graph.inputs]
    values = graph.run(*q)
    for v in graph.outputs:
        noise = v.format.dequantize(values[v.name]) - real[v.name]
        assert 10 * np.log10((real[v.name]**2).sum() / (noise**2).sum()) > 28
    for execution in EXECUTIONS.values():
        for v, y in zip(graph.outputs, execution(graph, *q), strict=True):
            assert np.array_equal(y, values[v.name]), execution.__name__
