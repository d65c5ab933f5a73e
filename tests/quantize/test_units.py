"""What units see and respond to: by hand for windows, by PyTorch's gradients for patterns."""

import numpy as np
import pytest

from dsplet.quantize.analysis import units
from dsplet.quantize.analysis.units import Response
from dsplet.quantize.float.node import ModelError
from tests.firmware_sim.dsp32c.networks import PIXELS, SIGNED, Stack
from tests.quantize.fixed.cases import GRAPHS


def lenet(relu: bool) -> Stack:
    net = Stack("lenet", (1, 32, 32), PIXELS, seed=5)
    return net.conv(3, 5, 1, SIGNED, relu=relu).pool().conv(4, 5, 1, SIGNED).pool().conv(
        6, 5, 1, SIGNED).flatten().gemm(4, SIGNED)


def test_the_windows_of_lenet_5():
    """5, 6, 14, 16 and 32 pixels wide, at 1, 2, 2, 4 pixels from each other: LeCun et al. 1998."""
    graph = lenet(relu=True).graph()
    windows = [[(at.start, at.stop) for at in units.fields(graph, n.output)(p)] for n, p in zip(
        graph.nodes, [(3, 4), (3, 4), (2, 1), (2, 1), (0, 0)], strict=False)]
    assert windows == [[(3, 8), (4, 9)], [(6, 12), (8, 14)], [(4, 18), (2, 16)],
                       [(8, 24), (4, 20)], [(0, 32), (0, 32)]]
    assert units.fields(graph, graph.nodes[-1].output)(()) is None


def test_a_border_is_seen_beyond_the_picture():
    net = Stack("padded", (1, 8, 8), PIXELS, seed=5).pad(2, 1, 0).conv(2, 5, 2, SIGNED)
    graph = net.graph()
    assert units.fields(graph, net.value)((0, 1)) == (slice(-2, 3), slice(0, 5))


def test_the_strongest_answers():
    net = lenet(relu=True)
    graph, q = net.graph(), net.samples(6)
    value = graph.nodes[1].output
    maps = graph.run(q)[value.name]
    found = units.strongest(graph, value, [q], top=2)
    assert [r.unit for r in found] == [0, 0, 1, 1, 2, 2]
    for unit in range(3):
        first, second = (r for r in found if r.unit == unit)
        best = np.sort(maps[:, unit].reshape(6, -1).max(1))
        assert [first.integer, second.integer] == [best[-1], best[-2]]
        assert maps[(first.sample, unit, *first.position)] == first.integer


@pytest.mark.slow  # it takes PyTorch
@pytest.mark.parametrize("relu", [False, True])
def test_a_pattern_is_the_gradient_where_nothing_is_rectified(relu):
    """Layer by layer; where the network rectifies, the signal is rectified on its way back."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    net = lenet(relu)
    graph, q = net.graph(), net.samples(1)
    layers = [n for n in graph.nodes if hasattr(n, "weight")]
    w = [torch.tensor(n.weight.real()) for n in layers]
    # what each layer gives is as the fixed-point graph has it, so that maxima are the same
    known = {name: torch.tensor(y / 2.0**v.format.frac) for v in graph.values()
             for name, y in [(v.name, graph.run(q)[v.name])]}

    def back(signal, x, layer):
        x = x.clone().requires_grad_()
        return torch.autograd.grad(layer(x), x, signal)[0]

    unit, strength = 2, int(graph.run(q)[net.value.name][0, 2])
    signal = torch.zeros(1, 4, dtype=torch.float64)
    signal[0, unit] = strength * SIGNED.step
    names = [net.input.name, *(n.output.name for n in graph.nodes)]
    steps = [lambda x: f.conv2d(x, w[0]), lambda x: f.max_pool2d(x, 2),
             lambda x: f.conv2d(x, w[1]), lambda x: f.max_pool2d(x, 2),
             lambda x: f.conv2d(x, w[2]), lambda x: x.flatten(1), lambda x: x @ w[3].T]
    for i in reversed(range(len(steps))):
        if i == 0 and relu:
            signal = signal.clamp(min=0)
        signal = back(signal, known[names[i]], steps[i])
    found = units.pattern(graph, net.value, Response(unit, 0, strength, ()), [q[0]])
    assert np.abs(found).max() > 0
    assert np.allclose(found, signal[0].numpy(), rtol=1e-12)


def test_filters_are_the_weights():
    graph = lenet(relu=True).graph()
    conv, gemm = graph.nodes[2], graph.nodes[-1]
    assert np.array_equal(units.filters(graph, conv.output), conv.weight.real())
    assert units.filters(graph, gemm.output)[3, 5, 0, 0] == gemm.weight.real()[3, 5]
    with pytest.raises(ModelError, match="made by no layer with filters"):
        units.filters(graph, graph.nodes[1].output)


def test_what_no_signal_passes():
    graph = next(g for g in GRAPHS if any(n.op == "Softmax" for n in g.nodes)
                 and len(g.inputs) == 1)
    value = graph.outputs[0]
    where = Response(0, 0, 1, (0,) * (len(value.shape) - 1))
    with pytest.raises(ModelError, match="no signal can be sent back through it"):
        units.pattern(graph, value, where, [np.zeros(graph.inputs[0].shape, np.int64)])
