"""Float arithmetic on the chip: what ONNX Runtime computes in float32, to a thousandth."""

from __future__ import annotations

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.lower_bound import lower_bounds
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator
from dsplet.firmware_sim.dsp32c.wcet import of_image
from dsplet.quantize.fixed.kernel import Loop
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.kernel import InterpolateReal, tabulate
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.float.program import lower_real
from tests.each import each
from tests.firmware_sim.dsp32c.images import compile_program
from tests.quantize import onnx_nets as nets
from tests.quantize.choosing_nets import CHOOSING
from tests.quantize.norm_nets import NORMS
from tests.quantize.onnx_nets import node
from tests.quantize.pointwise_nets import POINTWISE
from tests.quantize.recurrent_nets import LOOPS, body
from tests.quantize.spatial_nets import SPATIAL

pytestmark = pytest.mark.slow

BOARD = targets.get("dsp32c-40", "1991")
FEW = ("transposed_stride transposed_folded pool_excluded_ceil pool_max_3d space_pad_reflect "
       "resize_linear_half_pixel_up resize_linear_half_pixel_odd").split()
MODELS = dict(nets.single_ops()) | {name: make() for name, make in nets.NETS.items()} | {
    name: m for name, m in SPATIAL if name in FEW} | {
    name: m for name, m in POINTWISE if "_of_" in name} | {
    name: dict(NORMS)[name] for name in ("reduce_sum", "cumsum_11", "mean_variance")} | {
    name: dict(LOOPS)[name] for name in
    "rnn_relu gru_linear_both lstm_state lstm_True_last leaky_backwards looking_back nested".split()
} | {f"choosing_{name}": m for name, m in CHOOSING.items()}
REFUSED = set("abs atan celu cos div_reciprocal elu exp gelu gelu_tanh hardswish leaky_prelu "
              "leakyrelu log log_sum_exp log_sum_exp_kept mish pow reciprocal selu sin softplus "
              "resize_linear_half_pixel_odd softsign sqrt thresholdedrelu trees "
              "mean_variance".split())
"""Functions that are not at rest for large inputs, LogSumExp, and places that a table tells."""


def loaded(m, tmp_path):
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    return from_onnx.load(tmp_path / "net.onnx")


@each("name", sorted(MODELS.keys() - REFUSED))
def test_the_chip_computes_what_onnx_runtime_computes(name, tmp_path):
    graph, m = loaded(MODELS[name], tmp_path), MODELS[name]
    program = lower_real(graph)
    image = compile_program(program, BOARD)
    feeds = nets.inputs(m, 1)
    expected = nets.run(m, feeds)[0]
    run = Simulator(image)(*(np.float32(feeds[i]) for i in graph.inputs))
    assert run.outputs[0].dtype == np.float32
    assert np.abs(run.outputs[0] - expected).max() <= 1e-3 * np.abs(expected).max()
    assert of_image(image).states == run.cycles[0] * 4
    bounds = lower_bounds(program, BOARD)
    cycles = {bill.section.kernel: bill.cycles for bill in run.bills}
    for kernel in program.kernels:
        assert bounds[kernel.name] <= cycles[kernel.name]


@each("name", sorted(REFUSED))
def test_what_has_no_float_form_is_refused(name, tmp_path):
    with pytest.raises(ModelError, match="no form in float arithmetic: .*"):
        lower_real(loaded(MODELS[name], tmp_path))


def test_all_that_is_refused_is_named_at_once(tmp_path):
    m = nets.model([nets.node("Exp", "x", "a"), nets.node("Relu", "a", "b"),
                    nets.node("Exp", "b", "c"), nets.node("Softmax", "c", "d"),
                    nets.node("Sin", "d", "y")], {"x": (4,)})
    with pytest.raises(ModelError, match="exp.*; .*sin"):
        lower_real(loaded(m, tmp_path))


def test_a_loop_begins_with_any_constant(tmp_path):
    """All numbers alike, or one alone: what is copied is real."""
    step = body([node("Add", "s xt", "a"), node("Tanh", "a", "n"), node("Mul", "u half", "v"),
                 node("Identity", "n", "o")], "s u xt", "n v o")
    m = nets.model([node("Scan", "s0 u0 x", "last end y", body=step, num_scan_inputs=1,
                         scan_input_axes=[1], scan_output_axes=[1])], {"x": (3, 2)},
                   {"s0": np.full((1, 2), 0.3, np.float32), "u0": np.float32([[0.7]]),
                    "half": np.float32(0.5)}, outputs=("y", "end"))
    graph, feeds = loaded(m, tmp_path), nets.inputs(m, 1)
    run = Simulator(compile_program(lower_real(graph), BOARD))(np.float32(feeds["x"]))
    for got, expected in zip(run.outputs, nets.run(m, feeds), strict=True):
        assert np.abs(got - expected).max() <= 1e-3 * np.abs(expected).max()


def test_gates_that_stay_open_keep_a_cell(tmp_path):
    """A sigmoid of 12 is 6e-6 below 1: after 100 steps that is seen, and so is little more."""
    step = body([node("Sigmoid", "xt", "keep"), node("Mul", "c keep", "n"),
                 node("Identity", "n", "o")], "c xt", "n o")
    m = nets.model([node("Scan", "c0 x", "last ys", body=step, num_scan_inputs=1,
                         scan_input_axes=[1], scan_output_axes=[1]), node("Identity", "last", "y")],
                   {"c0": (2,), "x": (100, 2)}, outputs=("y",))
    graph = loaded(m, tmp_path)
    feeds = {"c0": np.float32([[1, -2]]), "x": np.full((1, 100, 2), 12, np.float32)}
    run = Simulator(compile_program(lower_real(graph), BOARD))(*(feeds[i] for i in graph.inputs))
    assert run.outputs[0] == pytest.approx(nets.run(m, feeds)[0], rel=1e-3)


def test_interpolation_errs_by_less_than_an_eighth_of_the_curvature():
    """Between places h apart a chord is within h*h/8 * max|f''| (0.77 for tanh)."""
    table, made = tabulate(np.tanh, -8.0, 8.0)
    x = np.linspace(-9, 9, 99_991)
    t = np.clip(x * made.scale + made.offset, 0, made.last)
    i = np.floor(t).astype(int)
    y = table[2 * i] + (t - i) * table[2 * i + 1]
    inside = np.abs(x) < 8
    assert np.abs(y - np.tanh(x))[inside].max() < 0.77 / 8 / 64**2
    assert np.abs(y - np.tanh(x)).max() < 1e-6 + 0.77 / 8 / 64**2


def test_constants_are_float32_and_functions_are_interpolated(tmp_path):
    program = lower_real(loaded(MODELS["tanh"], tmp_path))
    assert all((v == np.float32(v)).all() for v in program.reals.values())

    def statements(body):
        for s in body:
            yield from statements(s.body) if isinstance(s, Loop) else [s]

    assert any(isinstance(s, InterpolateReal) for k in program.kernels for s in statements(k.body))
