"""The .q.onnx file: stock ONNX Runtime computes the reference's integers from it, with graph
optimisations on and off; it reads back as the same graph; nothing edited is accepted."""

import math
import os
from fractions import Fraction

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsplet.base.files import FileError
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.graph_text import to_text
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.softmax import Softmax
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.network import Network
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import from_qdq, to_qdq
from dsplet.quantize.qdq.from_qdq import QdqError
from tests.each import each
from tests.quantize import onnx_nets as nets
from tests.quantize.fixed.cases import CASES, GRAPHS
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import conv, gemm, graph, value, weight


def mismatches(fixed: Graph, xs: list[np.ndarray], level: int) -> tuple[int, int]:
    """(outputs of ONNX Runtime that differ from the reference, outputs)."""
    feeds = {v.name: v.format.dequantize(x).astype(np.float32)
             for v, x in zip(fixed.inputs, xs, strict=True)}
    ys = nets.run(to_qdq.to_model(fixed), feeds, level)
    env, wrong, total = fixed.run(*xs), 0, 0
    for v, y in zip(fixed.outputs, ys, strict=True):
        wrong += np.count_nonzero(y != np.broadcast_to(v.format.dequantize(env[v.name]), y.shape))
        total += y.size
    return wrong, total


@pytest.mark.slow
@pytest.mark.parametrize("level", [0, 99])
@each("fixed", GRAPHS)
def test_an_op_in_onnx_runtime(fixed, level):
    wrong, total = mismatches(fixed, samples(fixed, 60), level)
    assert wrong == 0 and total


def test_the_file_is_sound_onnx():
    for case in CASES:
        onnx.checker.check_model(to_qdq.to_model(case.values[0]))


@pytest.mark.parametrize("level", [0, 99])
@pytest.mark.parametrize("frac", [20, 23, 30, 38])
@pytest.mark.parametrize("clamp", [(-64, 42), (0, 127), (-128, 126)])
def test_a_clip_of_tiny_reals_clips(clamp, frac, level):
    """ONNX Runtime compares a Clip's bounds with the type's by an epsilon that knows no scale."""
    fixed = graph("tiny", Requantize("r", (value("x", 40, fmt=QFormat(8, frac)),),
                                     value("y", 40, fmt=QFormat(8, frac)), clamp=clamp))
    assert mismatches(fixed, samples(fixed, 20), level) == (0, 800)


WIDE = {
    "gemm": lambda bits: gemm("g", value("x", 40), weight("w", 2500, 40, bits=bits)),
    "gemm_unsigned": lambda bits: gemm(
        "g", value("x", 40, fmt=QFormat(8, 8, False)), weight("w", 2500, 40, bits=bits),
        fmt=QFormat(8, 4, False)),
    "conv": lambda bits: conv("c", value("x", 3, 14, 14),
                              weight("w", 18, 3, 3, 3, bits=bits,
                                     frac=tuple(range(4, 10)) * 3)),
    "conv_unsigned": lambda bits: conv(
        "c", value("x", 3, 14, 14, fmt=QFormat(8, 8, False)), weight("w", 18, 3, 3, 3, bits=bits),
        per_unit=True, fmt=QFormat(8, 5, False)),
    "conv_no_shift": lambda bits: conv("c", value("x", 2, 14, 14, fmt=QFormat(4, 0)),
                                       weight("w", 18, 2, 2, 2, bits=bits, frac=0),
                                       fmt=QFormat(16, 0)),
}


@pytest.mark.parametrize("level", [0, 99])
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("case", WIDE)
def test_a_hundred_thousand_outputs(case, bits, level):
    fixed = graph(case, WIDE[case](bits))
    wrong, total = mismatches(fixed, samples(fixed, 50), level)
    assert wrong == 0 and total >= 100_000


DEFAULT = Recipe()
QUANTIZED: dict[tuple[str, str], Graph] = {}
"""What `network` has quantized: most tests here are of a file, not of how it came to be."""


@pytest.mark.parametrize("level", [0, 99])
@pytest.mark.parametrize("recipe", [
    DEFAULT, Recipe(weight_bits=4, activation_bits=4, preactivation_bits=5, output_bits=8),
    Recipe(weight_bits=12, activation_bits=14, preactivation_bits=14, input_bits=12)],
    ids=["8", "4", "wide"])
@pytest.mark.parametrize("net", nets.NETS)
def test_a_network_in_onnx_runtime(net, recipe, level, tmp_path):
    fixed, test = network(net, tmp_path, recipe)
    wrong, total = mismatches(fixed, [v.format.quantize(test[v.name]) for v in fixed.inputs], level)
    assert wrong == 0 and total >= 1000


def network(net: str, tmp_path, recipe=DEFAULT):
    """The net in fixed point, and samples; net.onnx is written."""
    m = nets.NETS[net]()
    path = tmp_path / "net.onnx"
    path.write_bytes(m.SerializeToString())
    key = net, recipe.to_json()
    if key not in QUANTIZED:
        QUANTIZED[key] = quantize(from_onnx.load(path), nets.inputs(m, 60), recipe)
    return QUANTIZED[key], nets.inputs(m, 300, "other")


@given(st.integers(-3, 9), st.booleans(), st.lists(st.integers(-300, 300), min_size=1))
def test_the_input_rounds_half_up_next_to_every_tie(frac, signed, halves):
    x = value("x", 3, fmt=QFormat(8, frac, signed))
    fixed = graph("input", Requantize("r", (x,), value("y", 3, fmt=x.format)))
    ties = (np.array(halves, np.float32) / 2) * np.float32(2.0**-frac)
    reals = np.stack([np.nextafter(ties, np.float32(-1e9)), ties,
                      np.nextafter(ties, np.float32(1e9))], 1)
    y, = nets.run(to_qdq.to_model(fixed), {"x": reals}, 0)
    exact = [math.floor(Fraction(float(r)) * Fraction(2) ** frac + Fraction(1, 2))
             for r in reals.flat]
    exact = np.clip(exact, x.format.min, x.format.max).reshape(y.shape)
    assert np.array_equal(y, exact * x.format.step)


@pytest.mark.parametrize("reals, expected", [
    ([0.49999997, -0.5, -0.50000006], [0, 0, -1]), ([1e30, -1e30, 1e-45], [127, -128, 0]),
    ([np.inf, -np.inf, -1e-45], [127, -128, 0])])
def test_the_input_rounds_hard_cases(reals, expected):
    x = value("x", 3, fmt=QFormat(8, 0))
    fixed = graph("input", Requantize("r", (x,), value("y", 3, fmt=x.format)))
    y, = nets.run(to_qdq.to_model(fixed), {"x": np.array([reals], np.float32)}, 0)
    assert y.tolist() == [expected]


def test_weights_lie_in_the_file_as_integers(tmp_path):
    fixed, _ = network("relu", tmp_path)
    m = to_qdq.to_model(fixed)
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in m.graph.initializer}
    for n in fixed.nodes:
        if n.op in ("Conv", "Gemm"):
            assert stored[f"{n.name}.weight.q"].dtype == np.int8
            assert np.array_equal(stored[f"{n.name}.weight.q"], n.weight.q)
            assert stored[f"{n.name}.bias"].dtype == np.int32
    names = {o for n in m.graph.node for o in n.output}
    assert {v.name for v in fixed.values()} - {"x"} <= names


# --- files ----------------------------------------------------------------------------------------

@each("fixed", GRAPHS)
def test_round_trip(fixed, tmp_path):
    path = tmp_path / "net.q.onnx"
    to_qdq.save(fixed, path)
    again = from_qdq.load(path)
    (text, arrays), (text_again, arrays_again) = to_text(fixed), to_text(again)
    assert text == text_again
    assert all(np.array_equal(a, arrays_again[k]) for k, a in arrays.items())
    to_qdq.save(again, tmp_path / "again.q.onnx")
    assert path.read_bytes() == (tmp_path / "again.q.onnx").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.q.onnx", "net.q.onnx"]


def test_metadata_travels(tmp_path):
    fixed, _ = network("tanh", tmp_path)
    to_qdq.save(fixed, tmp_path / "net.q.onnx")
    facts = {p.key: p.value for p in onnx.load(tmp_path / "net.q.onnx").metadata_props}
    assert facts["dsplet.contract"] == "pow2-half-up/1"
    assert facts.items() >= dict(fixed.metadata).items()
    assert from_qdq.load(tmp_path / "net.q.onnx").metadata == fixed.metadata


def test_is_quantized(tmp_path):
    fixed, _ = network("relu", tmp_path)
    to_qdq.save(fixed, tmp_path / "net.q.onnx")
    (tmp_path / "noise").write_bytes(b"noise")
    assert [from_qdq.is_quantized(onnx.load(tmp_path / f)) for f in ("net.q.onnx", "net.onnx")] == [
        True, False]
    with pytest.raises(ModelError, match="noise: not an ONNX file"):
        Network(tmp_path / "noise")
    with pytest.raises(FileError, match="none: no such file"):
        Network(tmp_path / "none")
    assert to_text(Network(tmp_path / "net.q.onnx").fixed)[0] == to_text(fixed)[0]
    with pytest.raises(ModelError, match="is fixed point already: dsplet simulate"):
        from_onnx.load(tmp_path / "net.q.onnx")
    with pytest.raises(QdqError, match="not a model quantized by dsplet"):
        from_qdq.load(tmp_path / "net.onnx")


def shift_a_weight(m):
    t = next(t for t in m.graph.initializer if t.name.endswith(".weight.q"))
    q = onnx.numpy_helper.to_array(t).copy()
    q.flat[0] ^= 1
    t.CopyFrom(onnx.numpy_helper.from_array(q, t.name))


def lose_a_bias(m):
    names = [t.name for t in m.graph.initializer]
    del m.graph.initializer[next(i for i, n in enumerate(names) if n.endswith(".bias"))]


def change_a_scale(m):
    node = next(n for n in m.graph.node if n.op_type == "QuantizeLinear")
    t = next(t for t in m.graph.initializer if t.name == node.input[1])
    t.CopyFrom(onnx.numpy_helper.from_array(np.float32(3), t.name))


def change_metadata(key, value):
    def edit(m):
        for p in m.metadata_props:
            if p.key == key:
                p.value = value(p.value) if callable(value) else value
    return edit


@pytest.mark.parametrize("edit, words", [
    (change_a_scale, "was edited after dsplet wrote it: the initializer"),
    (lambda m: m.graph.node.pop(), "was edited after dsplet wrote it: the node"),
    (lose_a_bias, r"bias '\w+.bias': is missing: quantize the float model again"),
    (shift_a_weight, r"weights '\w+.weight.q' was changed after dsplet wrote it: quantize the"),
    (change_metadata("dsplet.graph", "{"), "the text of its graph was changed"),
    (change_metadata("dsplet.graph", lambda t: t.replace('"Conv"', '"Cone"')),
     "the text of its graph was changed"),
    (change_metadata("dsplet.arrays", "{}"), "was changed after dsplet wrote it"),
    (change_metadata("dsplet.arrays", "[]"), "'dsplet.arrays': is no list of arrays: not a table"),
    (change_metadata("dsplet.digest", "7"), "its digest was changed"),
    (change_metadata("dsplet.digest", lambda t: t + " "), "its digest was changed"),
    (lambda m: [m.metadata_props.remove(p) for p in [*m.metadata_props] if p.key.endswith("st")],
     "has no digest of what dsplet wrote; expected the metadata 'dsplet.digest', which this "
     "version writes: quantize the float model again"),
    (change_metadata("dsplet.contract", "float/9"), "for the arithmetic 'float/9'"),
    (change_metadata("dsplet.recipe", "{}"), "dsplet wrote it: the metadata 'dsplet.recipe' is"),
])
def test_refuses_what_was_edited(edit, words, tmp_path):
    fixed, _ = network("relu", tmp_path)
    m = to_qdq.to_model(fixed)
    edit(m)
    onnx.save(m, tmp_path / "net.q.onnx")
    with pytest.raises(QdqError, match=words):
        from_qdq.load(tmp_path / "net.q.onnx")


def test_one_bit_of_a_table_is_said(tmp_path):
    x = value("x", 3, fmt=QFormat(8, 4))
    fixed = graph("net", Softmax.of("s", x, value("y", 3, fmt=QFormat(8, 7))))
    m = to_qdq.to_model(fixed)
    t = next(t for t in m.graph.initializer if t.name == "s.exp_table")
    data = bytearray(t.raw_data)
    data[-1] ^= 2
    t.raw_data = bytes(data)
    (tmp_path / "net.q.onnx").write_bytes(m.SerializeToString())
    with pytest.raises(QdqError) as caught:
        from_qdq.load(tmp_path / "net.q.onnx")
    assert str(caught.value) == (f"{tmp_path}/net.q.onnx: table 's.exp_table' was changed after "
                                 "dsplet wrote it: quantize the float model again")


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    fixed, _ = network("relu", tmp_path)
    target = tmp_path / "net.q.onnx"
    target.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(FileError, match="net.q.onnx: cannot be written: No space left"):
        to_qdq.save(fixed, target)
    assert target.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.q.onnx"]
