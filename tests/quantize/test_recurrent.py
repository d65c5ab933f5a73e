"""Loops from ONNX to fixed point: every cell, by the ordinary recipe, in every execution."""

import numpy as np
import pytest

from dsplet.quantize.fixed.graph_text import from_text, to_text
from dsplet.quantize.fixed.ops.gemm_sum import GemmSum
from dsplet.quantize.fixed.ops.scan import Scan
from dsplet.quantize.fixed.ops.table import Table
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import from_qdq, to_qdq
from tests.quantize import onnx_nets as nets
from tests.quantize.fixed.test_square import EXECUTIONS
from tests.quantize.recurrent_nets import LOOPS

pytestmark = pytest.mark.slow

MODELS = dict(LOOPS)
QUICK = ["rnn_last", "gru_last", "gru_linear", "lstm_state", "lstm_bidirectional_sequence",
         "leaky_backwards", "looking_back", "nested"]
PLAIN = Recipe(equalization=(), trial="none", rounding="nearest", bias="none")


def fixed(name: str, tmp_path, recipe: Recipe = PLAIN):
    path = tmp_path / "net.onnx"
    path.write_bytes(MODELS[name].SerializeToString())
    return quantize(from_onnx.load(path), nets.inputs(MODELS[name], 20), recipe)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow)
                                  for n in MODELS])
def test_a_quantized_loop_closes_the_square_and_is_close_to_the_float_one(name, tmp_path):
    graph = fixed(name, tmp_path)
    x = nets.inputs(MODELS[name], 6, "test")
    q = [v.format.quantize(x[v.name]) for v in graph.inputs]
    values = graph.run(*q)
    for execution in EXECUTIONS.values():
        for v, y in zip(graph.outputs, execution(graph, *q), strict=True):
            assert np.count_nonzero(y != values[v.name]) == 0, execution.__name__
    for v, real in zip(graph.outputs, nets.run(MODELS[name], x), strict=True):
        noise = v.format.dequantize(values[v.name]) - real
        assert 10 * np.log10((real**2).sum() / (noise**2).sum()) > 33


def test_the_default_recipe_fits_weights_inside_loops(tmp_path):
    graph = fixed("lstm_last", tmp_path, Recipe())
    x = nets.inputs(MODELS["lstm_last"], 50, "test")
    y = graph.run(*(v.format.quantize(x[v.name]) for v in graph.inputs))[graph.outputs[0].name]
    real = nets.run(MODELS["lstm_last"], x)[0]
    noise = graph.outputs[0].format.dequantize(y) - real
    assert 10 * np.log10((real**2).sum() / (noise**2).sum()) > 33


def test_a_loop_survives_the_file(tmp_path):
    graph = fixed("lstm_sequence", tmp_path)
    to_qdq.save(graph, tmp_path / "net.q.onnx")
    again = from_qdq.load(tmp_path / "net.q.onnx")
    assert to_text(again)[0] == to_text(graph)[0]
    text, arrays = to_text(graph)
    assert to_text(from_text(text, arrays))[0] == text


def test_widths_inside_an_lstm(tmp_path):
    """8-bit weights and inputs; gates, their inputs and the cell of 16 bits (the contract)."""
    body = next(n for n in fixed("lstm_last", tmp_path).nodes if isinstance(n, Scan)).body
    gates = [n for n in body.nodes if isinstance(n, GemmSum)]
    assert {w.bits for n in gates for w in n.weights} == {8}
    assert {v.format.bits for n in gates for v in n.inputs} == {8}
    assert {n.output.format.bits for n in gates} == {16}
    assert {n.output.format.bits for n in body.nodes if isinstance(n, Table)} == {16}
    assert all(n.output.format.signed for n in body.nodes if isinstance(n, Table))


def test_a_loop_is_never_unrolled(tmp_path):
    """As many nodes whatever the length of the sequence, and the last state only."""
    graph = fixed("rnn_last", tmp_path)
    assert [n.op for n in graph.every_node() if n.op != "Reshape"] == [
        "Constant", "Scan", "GemmSum", "Table"]
