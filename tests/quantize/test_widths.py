"""Every combination of widths through the square: all executions give the reference's integers."""

import numpy as np
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import load, quantize
from dsplet.quantize.qdq import from_qdq, to_qdq
from tests.quantize import onnx_nets as nets
from tests.quantize.fixed.test_square import EXECUTIONS

WIDTHS = [(8, 8), (6, 6), (4, 8), (4, 4), (3, 8), (2, 8), (2, 2), (3, 3), (8, 16), (16, 8),
          (5, 12)]


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    m = nets.relu_net()
    path = tmp_path_factory.mktemp("widths") / "net.onnx"
    path.write_bytes(m.SerializeToString())
    return from_onnx.load(path), nets.inputs(m, 60)["x"]


@pytest.mark.slow
@pytest.mark.parametrize("weights, activations", WIDTHS)
def test_every_width_passes_the_square(weights, activations, net, tmp_path):
    graph, x = net
    to_qdq.save(quantize(graph, x, load("default", weight_bits=weights,
                                        activation_bits=activations)), tmp_path / "a.q.onnx")
    fixed = from_qdq.load(tmp_path / "a.q.onnx")
    used = {n.weight.bits for n in fixed.nodes if hasattr(n, "weight")}
    assert used == {weights}
    rng = np.random.default_rng(weights * 100 + activations)
    fmt = fixed.inputs[0].format
    q = np.concatenate([fmt.quantize(x[:3]), rng.integers(fmt.min, fmt.max + 1, (2, *x.shape[1:]))])
    reference = fixed.run(q)
    for name, execute in EXECUTIONS.items():
        for v, y in zip(fixed.outputs, execute(fixed, q), strict=True):
            assert np.count_nonzero(y != reference[v.name]) == 0, name
