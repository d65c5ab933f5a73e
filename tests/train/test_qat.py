"""Quantization-aware training: the forward pass is the contract, and what is learnt ships."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from dsplet import data
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.graph import Graph, Value, Weight
from dsplet.quantize.fixed.graph_text import to_text
from dsplet.quantize.fixed.ops.conv import Conv
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.ops.movement import Reshape
from dsplet.quantize.fixed.ops.pool import MaxPool
from dsplet.quantize.fixed.ops.softmax import LogSoftmax, Softmax
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.train.loop import DivergedError
from dsplet.train.qat.finetune import FinetuneConfig, _ideal, finetune
from dsplet.train.qat.network import Network
from dsplet.train.qat.straight_through import fake_quantize
from tests.each import each
from tests.quantize import onnx_nets
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.samples import samples
from tests.quantize.recurrent_nets import STEPS, UNITS, cell

pytestmark = pytest.mark.slow


def reals(graph: Graph, xs) -> list[torch.Tensor]:
    return [torch.from_numpy((x * 2.0**-v.format.frac).astype(np.float32))
            for v, x in zip(graph.inputs, xs, strict=True)]


def differing(network: Network, graph: Graph, xs) -> int:
    """Integers in which the forward pass and the NumPy reference differ, in all values."""
    seen, wanted = network(*reals(graph, xs)), graph.run(*xs)
    count = 0
    for v in graph.values():
        got = seen[v.name].detach().double().numpy() * 2.0**v.format.frac
        count += np.count_nonzero(np.broadcast_to(got, (len(xs[0]), *v.shape)) != wanted[v.name])
    return count


SMALL = FinetuneConfig(epochs=1, shift=0, rotation_degrees=0, stretch=0, batch_size=32,
                       learning_rate=0.01)


@each("graph", GRAPHS)
def test_forward_equals_reference(graph):
    """The sixth execution of the square, in every value."""
    assert differing(Network(graph), graph, samples(graph)) == 0


def moved(graph: Graph, seed: int) -> Network:
    """A network whose parameters have left the grid they started from, steps included."""
    torch.manual_seed(seed)
    network = Network(graph)
    with torch.no_grad():
        for layer in network.layers:
            for weight, frac in zip(layer.weights, layer.fracs, strict=True):
                weight *= 1 + 0.3 * torch.randn_like(weight)
                frac += torch.randn_like(frac)
            layer.bias += 0.1 * torch.randn_like(layer.bias)
        for frac in network.fracs:
            frac += 1.5 * torch.randn_like(frac)
    return network


LEARNABLE = [g for g in GRAPHS if Network(g).layers
             and g.name != "gemm_near_limit"]


@each("graph", LEARNABLE)
def test_what_is_learnt_ships(graph):
    """After any change of the parameters the exported graph gives the forward pass's integers."""
    network = moved(graph, seed=len(graph.name))
    assert differing(network, network.graph(), samples(graph)) == 0


def test_steps_learn_only_where_every_op_scales():
    by_name = {g.name: g for g in GRAPHS}
    assert [g.shape for g in Network(by_name["separable"]).fracs] == 3 * [(1,)]  # d, c, p with f
    assert len(Network(by_name["tanh_net"]).fracs) == 1  # conv, table, | average, | dense, softmax
    before = by_name["separable"].nodes[0].output.format
    network = moved(by_name["separable"], seed=1)
    assert network.graph().nodes[0].output.format.frac != before.frac
    assert network.graph().nodes[0].limits == (0, before.max)


# --- gradients, against the formula or central differences ----------------------------------------

def test_gradient_inside_and_outside_the_limits():
    x = torch.tensor([0.3, -0.9, 5.0, -5.0], requires_grad=True)
    frac = torch.tensor([2.0], requires_grad=True)
    y = fake_quantize(x, frac, -8, 7)
    assert y.tolist() == [0.25, -1.0, 1.75, -2.0]  # -0.9 * 4 + 0.5 = -3.1, whose floor is -4
    y.backward(torch.ones(4))
    assert x.grad.tolist() == [1, 1, 0, 0]
    # inside: the rounding error moves with the step; outside: the limit itself does
    expected = -np.log(2) * ((0.25 - 0.3) + (-1.0 + 0.9) + 1.75 - 2.0)
    assert frac.grad.item() == pytest.approx(expected, rel=1e-5)


def test_ties_go_up():
    y = fake_quantize(torch.tensor([0.5, -0.5, 1.5, -1.5]), torch.zeros(1), -8, 7)
    assert y.tolist() == [1, 0, 2, -1]


def test_the_gradient_of_a_coarse_table_is_its_functions():
    x, y = Value("x", (9,), QFormat(10, 7)), Value("y", (9,), QFormat(3, 1))
    graph = Graph("t", (x,), (Table.of(np.tanh, "t", x, y),), (y,))
    at = torch.linspace(-2, 2, 9)[None].requires_grad_()
    Network(graph, {"t": np.tanh})(at)["y"].sum().backward()
    slope = 1 - np.tanh(at.detach().numpy()) ** 2
    assert np.abs(at.grad.numpy() - slope).max() < 1e-3


# --- learning -------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def digits():
    """A float network in closed form on 8x8 digits, its graph at 4 bits, and the images."""
    splits = data.load("digits")
    rng = np.random.default_rng(0)
    kernels = rng.normal(size=(6, 1, 3, 3)) / 3

    def features(images):
        x = torch.from_numpy(images[:, None].astype(np.float64) / 256)
        c = torch.nn.functional.conv2d(x, torch.from_numpy(kernels)).relu()
        return torch.nn.functional.max_pool2d(c, 2).flatten(1).numpy()

    f = features(splits.train.images)
    targets = 4.0 * np.eye(10)[splits.train.labels] - 2
    dense = np.linalg.solve(f.T @ f + 0.3 * np.eye(f.shape[1]), f.T @ targets).T
    u8, q = QFormat(8, 8, False), QFormat(4, 3, False)
    x, c, p = Value("x", (1, 8, 8), u8), Value("c", (6, 6, 6), q), Value("p", (6, 3, 3), q)
    flat, y = Value("f", (54,), q), Value("y", (10,), QFormat(16, 11))

    def weight(w):
        def rounded(frac):
            return np.clip(np.floor(w * 2.0**frac + 0.5), -7, 7)
        frac = min(range(9), key=lambda f: ((rounded(f) * 2.0**-f - w) ** 2).sum())
        return Weight(rounded(frac).astype(np.int64), 4, np.array([frac]))

    graph = Graph("net", (x,), (
        Conv("c", (x,), c, weight(kernels), np.zeros((6, 1, 1), np.int64), (1, 1), (1, 1)),
        MaxPool("p", (c,), p, (2, 2), (2, 2)), Reshape("f", (p,), flat),
        Gemm("g", (flat,), y, weight(dense), np.zeros(10, np.int64))), (y,))
    return graph, lambda x: features(np.round(x[:, 0] * 256)) @ dense.T, splits


def inputs(images):
    return (images[:, None] / 256).astype(np.float32)


def errors(graph: Graph, part) -> int:
    y = graph.run(graph.inputs[0].format.quantize(inputs(part.images)))["y"]
    return int((y.argmax(1) != part.labels).sum())


def test_finetuning_recovers_what_four_bits_cost_and_ships_it(digits):
    graph, teacher, splits = digits
    config = replace(SMALL, epochs=4)
    heard = []
    found = finetune(graph, {}, teacher, splits.train, inputs, config,
                     lambda *at: heard.append(at))
    tuned = found.graph
    assert heard[-1] == (4 * 34, 4 * 34)  # a tenth of 1,197 is held out
    assert errors(tuned, splits.test) < 0.5 * errors(graph, splits.test)
    assert [v.format.bits for v in tuned.values()] == [v.format.bits for v in graph.values()]
    assert (found.held_out, [at.epoch for at in found.curve]) == (119, [0, 1, 2, 3, 4])
    assert found.best.right == max(at.right for at in found.curve) > found.curve[0].right
    facts = json.loads(dict(tuned.metadata)["dsplet.finetuned"])
    assert (facts["epochs"], facts["best_epoch"]) == (4, found.best.epoch)

    q = tuned.inputs[0].format.quantize(inputs(splits.test.images[:6]))
    assert differing(Network(tuned), tuned, [q]) == 0
    run = targets.compile(lower(tuned), targets.get("dsp32c-40")).simulate([q])
    assert np.array_equal(run.outputs[0], tuned.run(q)["y"])

    again = finetune(graph, {}, teacher, splits.train, inputs, config).graph
    assert to_text(again)[0] == to_text(tuned)[0]
    assert all(np.array_equal(a, b) for a, b in
               zip(to_text(again)[1].values(), to_text(tuned)[1].values(), strict=True))


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_the_gradient_through_a_loop_is_that_of_differences(op, tmp_path):
    """Along a random direction of all weights and biases, 14 bits being as good as real."""
    m = cell(op)
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    graph, x = from_onnx.load(tmp_path / "net.onnx"), onnx_nets.inputs(m, 60)
    fixed = quantize(graph, x, Recipe(14, 14, 14, recurrent_bits=16, equalization=(), trial=None,
                                      weights="mse", rounding="nearest", bias=None))
    network = Network(fixed, {n.name: n.expr for n in graph.nodes if isinstance(n, Function)})
    given = reals(fixed, [fixed.inputs[0].format.quantize(x["x"])])
    torch.manual_seed(1)
    weighing = torch.randn(60, STEPS, UNITS)
    parameters = [p for layer in network.layers for p in (*layer.weights, layer.bias)]
    direction = [0.02 * torch.randn_like(p) for p in parameters]

    def loss():
        return (network(*given)["y"].double() * weighing).sum()

    loss().backward()
    slope = sum(float((p.grad * d).sum()) for p, d in zip(parameters, direction, strict=True))
    ends = []
    with torch.no_grad():
        for way in (1, -2):
            for p, d in zip(parameters, direction, strict=True):
                p += way * d
            ends.append(float(loss()))
    assert slope == pytest.approx((ends[0] - ends[1]) / 2, rel=0.05)


@pytest.mark.parametrize("op", [Softmax, LogSoftmax])
def test_learning_before_a_softmax(digits, op):
    """The same scores with a softmax behind them, on both sides: the same is learnt."""
    graph, teacher, splits = digits
    y = Value("s", (10,), QFormat(16, 14 if op is Softmax else 9))
    longer = replace(graph, nodes=(*graph.nodes, op.of("s", graph.outputs[0], y)), outputs=(y,))

    def softened(x):
        scores = torch.from_numpy(teacher(x))
        return (torch.softmax(scores, 1) if op is Softmax else
                torch.log_softmax(scores, 1)).numpy()

    config = SMALL
    plain = finetune(graph, {}, teacher, splits.train[:320], inputs, config).graph
    other = finetune(longer, {}, softened, splits.train[:320], inputs, config).graph
    for a, b in zip(plain.nodes, other.nodes, strict=False):
        if hasattr(a, "weight"):
            assert (a.weight.q == b.weight.q).mean() > 0.99


def test_where_scores_end_in_a_table_labels_ask_for_what_the_teacher_gives_on_average():
    target = torch.tensor([[1.0, -0.5, -1.0], [0.0, -0.75, 0.5], [-1.0, 0.75, -0.25]])
    wanted = torch.full((3, 3), (-0.5 - 1.0 + 0.0 - 0.75 - 1.0 - 0.25) / 6)
    wanted[0, 0] = wanted[1, 2] = wanted[2, 1] = (1 + 0.5 + 0.75) / 3
    assert torch.allclose(_ideal(target, torch.tensor([0, 2, 1])), wanted)


def test_the_last_forward_pass_of_training_is_the_chips(digits, monkeypatch):
    """The module that was trained, not one made anew from what it exported."""
    graph, teacher, splits = digits
    kept = []

    class Kept(Network):
        def __init__(self, *args):
            super().__init__(*args)
            kept.append(self)

    monkeypatch.setattr("dsplet.train.qat.finetune.Network", Kept)
    tuned = finetune(graph, {}, teacher, splits.train[:320], inputs,
                     FinetuneConfig(epochs=1)).graph
    q = tuned.inputs[0].format.quantize(inputs(splits.test.images[:20]))
    assert differing(kept[0], tuned, [q]) == 0
    run = targets.compile(lower(tuned), targets.get("dsp32c-40")).simulate([q])
    y = kept[0](*reals(tuned, [q]))["y"].detach().double().numpy() * 2.0**11
    assert np.array_equal(run.outputs[0], y)


def test_a_network_that_learning_spoils_is_given_back_as_it_was(digits):
    """At a rate of fifty steps a step every epoch ends in rubbish."""
    graph, teacher, splits = digits
    found = finetune(graph, {}, teacher, splits.train[:320], inputs,
                     replace(SMALL, epochs=2, learning_rate=50.0))
    assert found.graph is graph and found.best == found.curve[0]
    assert min(at.loss for at in found.curve[1:]) > 10 * found.best.loss


@dataclass(frozen=True)
class Lines:
    """What is in a row of 64 is in another place of a picture: bytes, and no pictures."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def test_only_what_is_still_read_when_it_is_distorted_is(digits):
    """The same bytes as pictures and in an order of their own; a net and a teacher that put them
    right learn the same of them, as they are."""
    graph, teacher, splits = digits
    order = np.random.default_rng(1).permutation(64)
    back = np.argsort(order)
    mixed = Lines(splits.train.images.reshape(-1, 64)[:, order].reshape(-1, 8, 8),
                  splits.train.labels)

    def seen(images):
        return inputs(images.reshape(-1, 64)[:, back].reshape(-1, 8, 8))

    turned = replace(SMALL, shift=1, rotation_degrees=8.0, stretch=0.08)
    assert finetune(graph, {}, teacher, splits.train, inputs,
                    replace(SMALL, rotation_degrees=8.0)).distorted
    other = finetune(graph, {}, teacher, mixed, seen, turned)
    assert not other.distorted and other.best.epoch
    plain = finetune(graph, {}, teacher, splits.train, inputs, SMALL)
    assert other.best.right > 0.9 * plain.best.right


def test_refusals(digits):
    graph, teacher, splits = digits
    with pytest.raises(data.DataError, match="no training images"):
        finetune(graph, {}, teacher, splits.train[:0], inputs, FinetuneConfig())
    with pytest.raises(DivergedError, match="epoch 1"):
        finetune(graph, {}, lambda x: teacher(x) * np.nan, splits.train[:64], inputs,
                 FinetuneConfig(epochs=1))
