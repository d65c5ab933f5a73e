"""Energies behind a logarithm keep 16 bits, and what only looks like them does not."""

import numpy as np

from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import quantize
from tests.quantize.onnx_nets import model, node, random, run_each

WEIGHTS = {"w": random("w", 8, 6) / 3, "p": np.abs(random("p", 6, 4)) / 4,
           "floor": np.full(4, 2.0**-10, np.float32)}


def net(square: str):
    return model([node("MatMul", "x w", "a"), node("Mul" if square else "Abs",
                                                   "a a" if square else "a", "e"),
                  node("MatMul", "e p", "s"), node("Add", "s floor", "f"),
                  node("Log", "f", "y")], {"x": (8,)}, WEIGHTS)


def formats(square: str, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(net(square).SerializeToString())
    x = random("x", 200, 8) * 10.0 ** np.random.default_rng(1).uniform(-2, 0, (200, 1))
    graph = quantize(from_onnx.load(path), x.astype(np.float32))
    return graph, x, {n.output.name: n.output.format.bits for n in graph.nodes}


def test_what_is_squared_and_summed_has_16_bits(tmp_path):
    graph, x, bits = formats("square", tmp_path)
    assert {bits[v] for v in ("a", "e", "f" if "f" in bits else "s")} == {16}
    value = graph.inputs[0].format
    q = value.quantize(x)
    wanted = run_each(net("square"), {"x": value.dequantize(q).astype(np.float32)})
    found = graph.outputs[0].format.dequantize(graph.run(q)["y"])
    loud = wanted > np.log(2.0**-8)
    assert np.abs(found - wanted)[loud].max() < 0.2 and 0.2 < loud.mean()


def test_a_logarithm_of_what_is_not_squared_changes_nothing(tmp_path):
    _, _, bits = formats("", tmp_path)
    assert bits["a"] == 10 and bits["e"] == 8
