"""The ledger and the witnesses: counted again by hand, and held against the proof."""

from dataclasses import replace

import numpy as np
import pytest

from dsplet.base.rows import plain
from dsplet.quantize.analysis import ledger
from dsplet.quantize.fixed.graph import Requantizing
from dsplet.quantize.fixed.proof import bounds
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.fixed.witness import witness
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import load, quantize
from tests.each import each
from tests.quantize import onnx_nets as nets
from tests.quantize.fixed.cases import GRAPHS
from tests.quantize.fixed.words import conv, gemm, graph, value, weight

NODES = [n for g in GRAPHS for n in g.nodes if isinstance(n, Requantizing) and n.accumulators()
         and n.op not in {"Requantize", "Table", "Softmax", "LogSoftmax", "LogSumExp",
                              "PatchedTable", "Div"}
         and (n.op != "Conv" or len(n.inputs) == 1)]
"""Those with one accumulator, that their inputs' ends reach; Requantize's bound is that of the
shifted value."""


@each("node", NODES)
def test_a_witness_keeps_within_the_proof_and_nearly_reaches_it(node):
    seen = witness(node)
    proved = bounds(graph("one", node))[0].magnitude
    assert all((x >= v.format.min).all() and (x <= v.format.max).all()
               for x, v in zip(seen.inputs, node.inputs, strict=True))
    assert seen.reached <= proved
    half = 1 << max(int(node.shift.max()) - 1, 0)
    assert seen.reached + half >= proved
    if node.op in ("Gemm", "Conv"):
        acc = node.accumulate(*(x[None] for x in seen.inputs))
        largest = np.abs(np.broadcast_to(node.bias, acc.shape[1:])
                         if node.op == "Conv" else node.bias).max()
        assert seen.reached - largest <= np.abs(acc).max() <= seen.reached


def test_a_ledger_counts_what_the_format_clips():
    fmt = QFormat(8, 0)
    x = value("x", 2, fmt=fmt)
    node = gemm("g", x, weight("w", 1, 2), "y", QFormat(4, 0))
    node = replace(node, weight=replace(node.weight, q=np.array([[1, 1]]), frac=np.array([0])),
                   bias=np.zeros(1, np.int64))
    entries = ledger.ledger(graph("net", node),
                            {"x": np.array([[3, 2], [100, 20], [-60, 1], [300, 0]])},
                            lambda done, total: None)
    given, y = entries
    assert (given.saturated, given.low, given.high) == (1, -60, 127)
    assert (y.saturated, y.elements, y.accumulated) == (3, 4, 127)
    wanted, lost = np.array([5, 120, -59, 127]), np.array([0, 113, -51, 120])
    assert y.clip_loss_db == pytest.approx(10 * np.log10((wanted**2).sum() / (lost**2).sum()))
    row = y.row(16)
    assert row.sum_bound == 256 and row.headroom_bits == 16 - row.proved_bits


def test_zeros_of_a_relu_are_no_saturation(tmp_path):
    m = nets.relu_net()
    (tmp_path / "net.onnx").write_bytes(m.SerializeToString())
    x = nets.inputs(m, 50)["x"]
    fixed = quantize(from_onnx.load(tmp_path / "net.onnx"), x,
                     load("nearest", activations="minmax"))
    found = ledger.ledger(fixed, {"x": x}, lambda done, total: None)
    relu = next(e for e in found if e.node and e.node.op == "Conv" and not e.value.format.signed)
    assert relu.low == 0
    step = fixed.inputs[0].format.step
    assert found[0].saturated == (np.floor(x / step + 0.5) > fixed.inputs[0].format.max).sum()
    assert all(e.saturated == 0 and e.clip_loss_db is None for e in found[1:])
    every = fixed.run(fixed.inputs[0].format.quantize(x))
    for e in found:
        row, fmt = plain(e.row(32)), e.value.format
        assert (row["bits"], row["frac"], row["signed"]) == (fmt.bits, fmt.frac, fmt.signed)
        for p in (1, 50, 99):
            assert row[f"percentile_{p}"] == fmt.step * np.percentile(
                every[e.value.name], p, method="inverted_cdf")


def test_what_overflows_is_listed_with_an_input_that_does_it():
    node = conv("c", value("x", 3, 5, 5), weight("w", 2, 3, 3, 3, frac=6))
    net = graph("net", node)
    bits = bounds(net)[0].bits
    assert ledger.overflows(net, bits) == [] and ledger.witnesses(net, bits) == {}
    row, = ledger.overflows(net, bits - 1)
    x = ledger.witnesses(net, bits - 1)["c/x"]
    assert row.input.startswith("'x' is ") and row.proved_bits == bits
    assert 2 ** (bits - 2) <= row.reached and x.shape == (3, 5, 5)
